// A Call as an event source makes it, for the parts that are tested without a target.

import { after } from "node:test";
import { type Call, Cancellation, type Origin } from "../../adapter/runtime/call.ts";

export interface CallOptions extends Partial<Omit<Call, "body" | "origin">> {
  readonly body?: string | Uint8Array;
  readonly cancellation?: Cancellation;
}

export function makeCall({ body = "", cancellation, ...call }: CallOptions = {}): Call {
  return {
    method: "POST",
    path: "/predict",
    query: "",
    headers: {},
    ...call,
    body: () => body,
    origin: makeOrigin(cancellation),
  };
}

const cancellations: Cancellation[] = [];
after(() => {
  for (const cancellation of cancellations) cancellation.end();
});

/** A cancellation that time does not reach, unless `withinMs` says so. */
export function makeCancellation(withinMs = 30_000): Cancellation {
  const cancellation = new Cancellation(Date.now() + withinMs, () => new Error("too late"));
  cancellations.push(cancellation);
  return cancellation;
}

export function makeOrigin(cancellation = makeCancellation()): Origin {
  return {
    id: "request-1",
    source: "function-url",
    event: { from: "a test" },
    deadline: Date.now() + 30_000,
    tenantId: undefined,
    cancellation,
  };
}

/** Collect what an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A ReadableStream of `items`. */
export function streamOf<T>(items: readonly T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item);
      controller.close();
    },
  });
}
