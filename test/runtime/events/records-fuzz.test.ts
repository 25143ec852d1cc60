// Events that no service sends: real ones with anything in the place of any of their values. No crash and no hang, and
// of a queue's messages only those are named that the event has. A failure prints its seed, which makes it again.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import destination from "../../../adapter/runtime/events/destination.ts";
import direct from "../../../adapter/runtime/events/direct.ts";
import eventbridge from "../../../adapter/runtime/events/eventbridge.ts";
import s3 from "../../../adapter/runtime/events/s3.ts";
import sns from "../../../adapter/runtime/events/sns.ts";
import sqs from "../../../adapter/runtime/events/sqs.ts";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { logged } from "../_log.ts";
import { failedIds, fixture, startRecords } from "./_records.ts";

const RUNS = { numRuns: 300, seed: 20261123 };

const SOURCES = [sqs, sns, s3, eventbridge, destination, direct];

const FIXTURES = readdirSync(new URL("../../fixtures/events/", import.meta.url))
  .filter((name) => name.endsWith(".json"))
  .map((name) => basename(name, ".json"));

/** Where a value may be: its path in the event. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || !value) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

/** Anything that JSON can say, and the words that sources look for. */
const anyValue = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    "aws:sqs",
    "aws:sns",
    "aws:s3",
    "%zz+",
    "s3:TestEvent",
    '{"Event":"s3:TestEvent"}',
    "x.fifo",
    "{",
  ),
);

/** A real event, half of the time of one source, with up to three values replaced. */
function anyEventOf(source: string): fc.Arbitrary<unknown> {
  const own = FIXTURES.filter((name) => name.split(".", 1)[0] === source);
  const name = fc.oneof(fc.constantFrom(...own), fc.constantFrom(...FIXTURES));
  return name.chain((chosen) => {
    const event = fixture<unknown>(chosen);
    const change = fc.tuple(fc.constantFrom(...pathsOf(event)), anyValue);
    return fc.array(change, { maxLength: 3 }).map((changes) => changes.reduce(changed, event));
  });
}

/** What was replaced before may not have the place any more. */
function changed(event: unknown, [path, by]: readonly [readonly string[], unknown]): unknown {
  const isThere = pathsOf(event).some((other) => other.join("\n") === path.join("\n"));
  return isThere ? replaced(event, path, by) : event;
}

/** As Lambda batches them: known ids, one twice, a stray one. */
const anyBatch = fc
  .array(
    fc.record(
      {
        messageId: fc.oneof(fc.constantFrom("m-1", "m-2", "m-3"), fc.uuid(), fc.jsonValue()),
        body: fc.oneof(fc.constantFrom("poison", "fine", '{"a":1}'), fc.string(), fc.jsonValue()),
        attributes: fc.record({ MessageGroupId: fc.constantFrom("a", "b", "") }, { requiredKeys: [] }),
        eventSourceARN: fc.constantFrom(
          "arn:aws:sqs:eu-west-1:111122223333:q",
          "arn:aws:sqs:eu-west-1:111122223333:q.fifo",
        ),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 8 },
  )
  .map((messages) => ({
    Records: [{ messageId: "m-0", body: "fine" }, ...messages].map((message) => ({
      ...message,
      eventSource: "aws:sqs",
    })),
  }));

class Model {
  predict(input: unknown) {
    if (String(input).includes("poison")) throw new Error("no");
    return input ?? null;
  }
}

for (const source of SOURCES) {
  test(`${source.name}: takes or refuses anything, without a crash`, async () => {
    const fn = startRecords(Model, source as never);
    await logged(() =>
      fc.assert(
        fc.asyncProperty(anyEventOf(source.name), async (event) => {
          const taken = source.matches(event);
          assert.equal(typeof taken, "boolean");
          if (!taken) return;
          const outcome = await fn.invoke(event).then(
            (value) => ({ value }),
            (error: unknown) => ({ error }),
          );
          if ("error" in outcome) assert.ok(outcome.error instanceof ColdframeError, String(outcome.error));
          else assert.doesNotThrow(() => JSON.stringify(outcome.value));
        }),
        RUNS,
      ),
    );
  });
}

test("sqs: only messages of the batch are named, each once, and none that is done", async () => {
  const fn = startRecords(Model, sqs as never, { settings: { predictConcurrency: 4 } });
  await logged(() =>
    fc.assert(
      fc.asyncProperty(anyBatch, async (event) => {
        const outcome = await fn.invoke(event).then(failedIds, (error: unknown) => error);
        if (!Array.isArray(outcome)) return assert.ok(outcome instanceof ColdframeError, String(outcome));
        const known = event.Records.map(({ messageId }) => messageId);
        assert.equal(new Set(outcome).size, outcome.length);
        for (const id of outcome) assert.ok(known.includes(id), `${id} is none of the batch`);
        const poison = event.Records.filter(({ body }) => body === "poison");
        for (const { messageId } of poison) assert.ok(outcome.includes(messageId as string));
      }),
      RUNS,
    ),
  );
});
