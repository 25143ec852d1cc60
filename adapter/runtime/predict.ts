// One invocation: input schema, preprocess, predict, postprocess, output schema, under the invocation's cancellation
// and the model's concurrency. Knows nothing of HTTP or of any event source. Errors of the model's own are wrapped
// once, where its methods are called.

import type { Origin } from "./call.ts";
import type { Batching } from "./batch.ts";
import { createSlots, type TakeTurn } from "./concurrency.ts";
import type { Settings, Step } from "./contracts.ts";
import { ColdframeError, toColdframeError } from "./errors.ts";
import type { Invocation, Model, ModelClass, VendorMember } from "./model.ts";
import { validate } from "./schema.ts";
import { type Items, itemStream } from "./stream.ts";

/** A method of the model that answers: `predict`, or one of those that a vendor's clients call. */
export type Member = "predict" | VendorMember;

/**
 * Call one member of the model. Schemas, preprocess and postprocess belong to predict alone.
 * @throws INPUT_INVALID, OUTPUT_INVALID, PREDICT_FAILED, and the cancellation's reason
 */
export type Run = (
  member: Member,
  input: unknown,
  invocation: Invocation,
  origin: Pick<Origin, "cancellation" | "observation">,
) => Promise<Output>;

/** What a model gave: exactly one of three. */
export type Output =
  | { readonly value: unknown }
  | { readonly stream: Items<unknown> }
  | { readonly response: Response; readonly body: Items<unknown> | undefined };

/** The model as one function. */
export function createRun(
  instance: Model,
  schemas: Pick<ModelClass, "input" | "output">,
  settings: Settings,
  batching?: Batching,
): Run {
  const takeSlot = createSlots(settings.predictConcurrency, settings.maxQueue);
  const takeTurn: TakeTurn = batching ? batching(instance, takeSlot, settings.maxQueue) : takeSlot;
  // An await of what is there already takes a turn of the microtask queue all the same.
  const hasBefore = schemas.input ?? instance.preprocess;
  const hasAfter = schemas.output ?? instance.postprocess;
  const needsBody = !schemas.input && (instance.preprocess ?? instance.predict)?.length;

  return async (member, raw, invocation, { cancellation, observation }) => {
    // Cancellation is heard even while the model is not listening. What answers at once does not wait.
    function attempt(what: string, run: () => unknown): unknown {
      const fail = (error: unknown) => {
        throw cancellation.reason ?? toColdframeError(error, what);
      };
      try {
        const result = run();
        return isThenable(result) ? cancellation.race(result).catch(fail) : result;
      } catch (error) {
        fail(error);
      }
    }
    const step = <T>(name: Step, run: () => T): T => (observation ? observation.step(name, run) : run());
    const call = (name: Member | "preprocess" | "postprocess", argument: unknown, answer?: unknown) =>
      instance[name]
        ? step(name, () => attempt(name, () => answer ?? instance[name]?.(argument, invocation)))
        : argument;
    const isPredict = member === "predict";
    const around = (name: "preprocess" | "postprocess", value: unknown) =>
      isPredict ? call(name, value) : value;
    const check = (side: "input" | "output", value: unknown) => {
      const schema = isPredict && schemas[side];
      return schema ? attempt(`static ${side}`, () => validate(schema, value, side)) : value;
    };

    if (!instance[member]) throw new ColdframeError("ROUTE_NOT_FOUND", `the model has no ${member}.`);
    if (raw === undefined && isPredict && needsBody) {
      throw new ColdframeError("INPUT_INVALID", "the body is empty.");
    }
    const input = hasBefore ? await around("preprocess", await check("input", raw)) : raw;
    const release = await step("queue", () => takeTurn(cancellation, member, input, invocation));
    try {
      const result = await call(member, input, release.answer);
      if (!isResponse(result) && !isIterable(result)) {
        release();
        return { value: hasAfter ? await check("output", await around("postprocess", result)) : result };
      }
      if (isPredict && instance.postprocess) {
        throw new ColdframeError("OUTPUT_INVALID", "postprocess cannot take a stream or a Response.");
      }
      const items = (source: AsyncIterable<unknown>, toItem?: (item: unknown) => unknown) => {
        const all = itemStream(
          source,
          cancellation,
          settings.streamingReadTimeoutMs,
          release,
          toItem,
          member,
        );
        return observation ? observation.items(all) : all;
      };
      if (!isResponse(result)) {
        const checked = isPredict && schemas.output;
        return { stream: items(result, checked ? (item) => check("output", item) : undefined) };
      }
      if (!result.body) release();
      return { response: result, body: result.body ? items(result.body) : undefined };
    } catch (error) {
      release();
      throw error;
    }
  };
}

// By its tag: `instanceof` would load Node's fetch at the first call, 20 ms for models that have no use for it.
const isResponse = (value: unknown): value is Response =>
  (value as { [Symbol.toStringTag]?: unknown } | null | undefined)?.[Symbol.toStringTag] === "Response";

// Arrays and typed arrays can be iterated, and are values all the same.
const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" &&
  !!value &&
  !(Array.isArray(value) || ArrayBuffer.isView(value)) &&
  (Symbol.asyncIterator in value || Symbol.iterator in value);

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === "function";
