import assert from "node:assert/strict";
import { test } from "node:test";
import type { Observation, Observer } from "../../../adapter/runtime/contracts.ts";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { together } from "../../../adapter/runtime/observe/observers.ts";
import { Items } from "../../../adapter/runtime/stream.ts";
import { watched } from "../../../adapter/runtime/observe/watched-items.ts";
import { collect, makeCall, makeOrigin } from "../_call.ts";

/** An observer that writes down what it is told, under its name. */
function scribe(name: string, told: string[], more: Partial<Observer & Observation> = {}): Observer {
  const note = (what: string) => void told.push(`${name} ${what}`);
  return {
    coldStart: () => ({ [name]: true, last: name }),
    begin: () => ({
      traceId: more.traceId,
      step(step, run) {
        note(`${step} begins`);
        const result = run();
        note(`${step} ends`);
        return result;
      },
      items: (items) => watched(items, { first: () => note("first"), end: () => note("items end") }),
      answered: (status) => note(`answered ${status}`),
      failed: ({ code }) => note(`failed ${code}`),
      end: () => note("end"),
    }),
    flush: async () => note("flush"),
    ...more,
  };
}

test("everybody is told everything, the first around the others", async () => {
  const told: string[] = [];
  const both = together(scribe("a", told), scribe("b", told));
  const observation = both.begin(makeOrigin(), makeCall());
  assert.equal(
    observation.step("predict", () => 7),
    7,
  );
  assert.deepEqual(told.splice(0), [
    "a predict begins",
    "b predict begins",
    "b predict ends",
    "a predict ends",
  ]);
  const ends = [
    { done: false as const, value: 1 },
    { done: true as const, value: undefined },
  ];
  assert.deepEqual(
    await collect(
      observation.items(
        new Items(
          async () => ends.shift() as never,
          () => {},
        ),
      ),
    ),
    [1],
  );
  assert.deepEqual(told.splice(0), ["b first", "a first", "b items end", "a items end"]);
  observation.answered(200);
  observation.failed(new ColdframeError("CANCELLED", "gone."));
  observation.end();
  await both.flush?.(Date.now());
  assert.deepEqual(told, [
    ...["a answered 200", "b answered 200", "a failed CANCELLED", "b failed CANCELLED"],
    ...["a end", "b end", "a flush", "b flush"],
  ]);
});

test("their fields for a cold start are put together, and the one trace is all of them's", () => {
  const both = together(scribe("a", []), scribe("b", [], { traceId: "0af7" }));
  assert.deepEqual(both.coldStart?.({ phases: {}, began: {}, total_ms: 1, weights: undefined }), {
    a: true,
    b: true,
    last: "b",
  });
  assert.equal(both.begin(makeOrigin(), undefined).traceId, "0af7");
});

test("watched items end once: with the last, with an error, or when nobody reads on", async () => {
  const ends: unknown[] = [];
  let stopped = 0;
  const watch = (next: () => Promise<IteratorResult<number>>) =>
    watched(
      new Items(next, () => {
        stopped++;
      }),
      { first: () => ends.push("first"), end: (error) => ends.push(error) },
    );
  await assert.rejects(collect(watch(() => Promise.reject(new Error("no")))), /no/);
  assert.match(String(ends.splice(0)), /^Error: no$/);
  for await (const item of watch(async () => ({ done: false, value: 3 }))) {
    assert.equal(item, 3);
    break;
  }
  assert.deepEqual([ends.splice(0), stopped], [["first", undefined], 1]);
});
