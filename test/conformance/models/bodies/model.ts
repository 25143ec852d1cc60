// Says what arrived, or gives it back: the header `x-do` chooses.

import type { Invocation } from "coldframe";

const seen = { load: crypto.randomUUID(), calls: 0 };

/** Any input in words of JSON, so that nothing of it is lost on the way to the test. */
function describe(value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Date) return { date: value.toISOString() };
  if (ArrayBuffer.isView(value)) {
    const { name, type, shape } = value as { name?: string; type?: string; shape?: number[] };
    const { buffer, byteOffset, byteLength } = value;
    const hex = Buffer.from(buffer, byteOffset, byteLength).toString("hex");
    return { array: value instanceof Uint8Array ? "bytes" : value.constructor.name, hex, shape, name, type };
  }
  if (Array.isArray(value)) return value.map(describe);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, describe(child)]));
}

export default class Model {
  predict(input: unknown, { headers }: Invocation): unknown {
    seen.calls++;
    if ((input as { do?: string } | undefined)?.do === "who") return { pid: process.pid, ...seen };
    const act = headers["x-do"];
    if (act === "echo") return input;
    if (act === "stream") return (input as unknown[]).values();
    if (act === "large") return Array.from({ length: 1000 }, (_, id) => ({ id, label: "cat" }));
    return { type: headers["content-type"], input: describe(input) };
  }
}
