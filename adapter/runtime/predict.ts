// One invocation: input schema, preprocess, predict, postprocess, output schema, under the invocation's cancellation
// and the model's concurrency. Knows nothing of HTTP or of any event source. Errors of the model's own are wrapped
// once, where its methods are called.

import type { Cancellation } from "./call.ts";
import { createSlots } from "./concurrency.ts";
import type { Settings } from "./contracts.ts";
import { ColdframeError, toColdframeError } from "./errors.ts";
import type { Invocation, Model, ModelClass } from "./model.ts";
import { validate } from "./schema.ts";
import { type Items, itemStream } from "./stream.ts";

export type Predict = (input: unknown, invocation: Invocation, cancellation: Cancellation) => Promise<Output>;

/** What a model gave: exactly one of three. */
export type Output =
  | { readonly value: unknown }
  | { readonly stream: Items<unknown> }
  | { readonly response: Response; readonly body: Items<unknown> | undefined };

/** The model as one function. @throws INPUT_INVALID, OUTPUT_INVALID, PREDICT_FAILED, and the cancellation's reason */
export function createPredict(
  instance: Model,
  schemas: Pick<ModelClass, "input" | "output">,
  settings: Settings,
): Predict {
  const takeSlot = createSlots(settings.predictConcurrency);
  const needsBody = !schemas.input && (instance.preprocess ?? instance.predict)?.length;

  return async (raw, invocation, cancellation) => {
    // Cancellation is heard even while the model is not listening. What answers at once does not wait.
    function step(what: string, run: () => unknown): unknown {
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
    const call = (member: "preprocess" | "predict" | "postprocess", argument: unknown) =>
      instance[member] ? step(member, () => instance[member]?.(argument, invocation)) : argument;
    const check = (side: "input" | "output", value: unknown) => {
      const schema = schemas[side];
      return schema ? step(`static ${side}`, () => validate(schema, value, side)) : value;
    };

    if (raw === undefined && needsBody) {
      throw new ColdframeError("INPUT_INVALID", "the body is empty.");
    }
    const input = await call("preprocess", await check("input", raw));
    const release = await takeSlot(cancellation);
    try {
      const result = await call("predict", input);
      if (!isResponse(result) && !isIterable(result)) {
        release();
        return { value: await check("output", await call("postprocess", result)) };
      }
      if (instance.postprocess) {
        throw new ColdframeError("OUTPUT_INVALID", "postprocess cannot take a stream or a Response.");
      }
      const items = (source: AsyncIterable<unknown>, toItem?: (item: unknown) => unknown) =>
        itemStream(source, cancellation, settings.streamingReadTimeoutMs, release, toItem);
      if (!isResponse(result)) {
        return { stream: items(result, schemas.output && ((item) => check("output", item))) };
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
