// Tells what it was asked and by whom; fails, waits or streams where the input says so.

import type { Invocation } from "coldframe";

const seen = { load: crypto.randomUUID() };

export default class Model {
  async *rows(input: object) {
    yield { ...input, row: 1 };
    yield { ...input, row: 2 };
  }

  async predict(input: unknown, { source, event }: Invocation): Promise<unknown> {
    const act = (input as { do?: string } | null)?.do ?? input;
    if (act === "who") return { pid: process.pid, ...seen };
    if (act === "fail") throw new Error("a secret reason");
    if (act === "never") await new Promise(() => {});
    if (act === "large") return "x".repeat(1024 * 1024);
    if (act === "stream") return this.rows(input as object);
    return { input, source, keys: Object.keys(event as object).toSorted() };
  }
}
