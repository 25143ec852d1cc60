// A model behind one event source that is not HTTP, and what the source's own parts make of an event.

import { readFileSync } from "node:fs";
import type { RecordSource, RecordSteps, Settings } from "../../../adapter/runtime/contracts.ts";
import { records } from "../../../adapter/runtime/targets/_records.ts";
import { startFunction } from "../_function.ts";

export interface RecordsOptions {
  readonly steps?: RecordSteps;
  readonly settings?: Partial<Settings>;
}

/** A function whose events are those of `source`, and plain invokes. */
export function startRecords(Model: unknown, source: RecordSource<never>, options: RecordsOptions = {}) {
  const { steps, settings = {} } = options;
  return startFunction(Model, { settings, sources: [records(source as RecordSource, steps)] });
}

export function fixture<T>(name: string): T {
  return JSON.parse(
    readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"),
  ) as T;
}

/** Messages of one queue, as Lambda batches them. Ids are `m-0`, `m-1`, ... */
export function queueEvent(bodies: readonly unknown[], more: (i: number) => object = () => ({})) {
  return {
    Records: bodies.map((body, i) => ({
      ...fixture<{ Records: [object] }>("sqs").Records[0],
      messageId: `m-${i}`,
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...more(i),
    })),
  };
}

/** In a FIFO queue, each in the group of its letter: `["a1", "b1", "a2"]`. */
export const fifoEvent = (bodies: readonly string[]) =>
  queueEvent(bodies, (i) => ({
    eventSourceARN: "arn:aws:sqs:eu-central-1:111122223333:inputs.fifo",
    attributes: { MessageGroupId: bodies[i]?.[0] },
  }));

export const failedIds = (result: unknown): string[] =>
  (result as { batchItemFailures: { itemIdentifier: string }[] }).batchItemFailures.map(
    ({ itemIdentifier }) => itemIdentifier,
  );
