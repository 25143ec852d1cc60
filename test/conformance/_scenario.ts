// A story that needs a process of its own: told on both clients, then compared by what it returns and what it put on
// the wire.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "../../adapter/local/local-lambda.ts";
import { CLIENTS, type FunctionOptions, type RunningFunction, startFunction } from "./_function.ts";
import { wireOf } from "./_wire.ts";

export type Story = (fn: RunningFunction) => Promise<unknown>;

/** @param options or what makes them, for an artifact that has to be prepared */
export function scenario(
  name: string,
  options: FunctionOptions | (() => Promise<FunctionOptions>),
  story: Story,
): void {
  test(name, { concurrency: true, timeout: 60_000 }, async (t) => {
    const facts = new Map<Client, unknown>();
    await Promise.all(
      CLIENTS.map((client) =>
        t.test(client, async (run) => {
          const fn = await startFunction(client, typeof options === "function" ? await options() : options);
          run.after(() => fn.close());
          const told = await story(fn);
          facts.set(client, { told, wire: fn.exchanges().map(wireOf) });
        }),
      ),
    );
    await t.test("the same bytes", () => {
      assert.equal(facts.size, CLIENTS.length, "one of the two failed");
      const [ours, theirs] = CLIENTS.map((client) => facts.get(client));
      assert.deepEqual(ours, theirs);
    });
  });
}
