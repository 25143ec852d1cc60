// One invocation: input schema, preprocess, predict, postprocess, output schema, under the invocation's cancellation
// and the model's concurrency. Knows nothing of HTTP or of any event source. Errors of the model's own are wrapped
// once, where its methods are called.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Cancellation } from "./call.ts";
import { Slots } from "./concurrency.ts";
import type { Settings } from "./contracts.ts";
import { ColdframeError, type Issue, modelError } from "./errors.ts";
import type { Invocation, Model } from "./model.ts";
import { validate } from "./schema.ts";
import { ItemStream } from "./stream.ts";

/** A model that is constructed and loaded. */
export interface LoadedModel {
  readonly instance: Model;
  readonly input: StandardSchemaV1 | undefined;
  readonly output: StandardSchemaV1 | undefined;
}

export type Predict = (input: unknown, invocation: Invocation, cancellation: Cancellation) => Promise<Output>;

/** What a model gave: exactly one of three. */
export type Output =
  | { readonly value: unknown }
  | { readonly stream: ItemStream }
  | { readonly response: Response; readonly body: ItemStream | undefined };

/** The model as one function. @throws INPUT_INVALID, OUTPUT_INVALID, PREDICT_FAILED, and the cancellation's reason */
export function createPredict(model: LoadedModel, settings: Settings): Predict {
  const { instance } = model;
  const slots = new Slots(settings.predictConcurrency);
  const takesInput = (instance.preprocess ?? instance.predict)?.length !== 0;

  return async (raw, invocation, cancellation) => {
    // Cancellation is heard even while the model is not listening: its promise is left behind.
    const attempt = (member: string, run: () => unknown): unknown => {
      const failed = (error: unknown) => modelError(error, member, cancellation.reason);
      let result: unknown;
      try {
        result = run();
      } catch (error) {
        throw failed(error);
      }
      if (!isThenable(result)) return result;
      return new Promise((resolve, reject) => {
        cancellation.onCancel(reject);
        result.then(resolve, (error: unknown) => reject(failed(error)));
      });
    };
    const call = (member: "preprocess" | "predict" | "postprocess", argument: unknown): unknown =>
      attempt(member, () => instance[member]?.(argument, invocation));
    const check = (schema: StandardSchemaV1, value: unknown, side: "input" | "output"): unknown =>
      attempt(`static ${side}`, () =>
        validate(schema, value, side === "input" ? inputInvalid : outputInvalid),
      );

    let input = raw;
    if (model.input) input = await check(model.input, raw, "input");
    else if (raw === undefined && takesInput) throw new ColdframeError("INPUT_INVALID", "the body is empty.");
    if (instance.preprocess) input = await call("preprocess", input);

    await slots.take(cancellation);
    let held = true;
    const release = () => {
      if (held) slots.give();
      held = false;
    };
    try {
      const result = call("predict", input);
      let value = isThenable(result) ? await result : result;
      const output = toStream(value, model, settings, cancellation, release);
      if (output) return output;
      release();
      if (instance.postprocess) value = await call("postprocess", value);
      if (model.output) value = await check(model.output, value, "output");
      return { value };
    } catch (error) {
      release();
      throw error;
    }
  };
}

/** @returns undefined for a value; arrays, strings and typed arrays can be iterated and are values all the same */
function toStream(
  value: unknown,
  { instance, output: schema }: LoadedModel,
  settings: Settings,
  cancellation: Cancellation,
  release: () => void,
): Output | undefined {
  if (typeof value !== "object" || !value || Array.isArray(value) || ArrayBuffer.isView(value)) return;
  const response = value instanceof Response && value;
  const iterable = Symbol.asyncIterator in value || Symbol.iterator in value;
  if (!response && !iterable) return;
  if (instance.postprocess) {
    throw new ColdframeError(
      "OUTPUT_INVALID",
      "predict gave a stream or a Response, which postprocess cannot take.",
    );
  }
  const items = (source: AsyncIterable<unknown>, toItem?: (item: unknown) => unknown) =>
    new ItemStream(source, cancellation, settings.streamingReadTimeoutMs, release, toItem);
  if (!response) {
    return {
      stream: items(
        value as AsyncIterable<unknown>,
        schema && ((item) => validate(schema, item, outputInvalid)),
      ),
    };
  }
  if (!response.body) release();
  return { response, body: response.body ? items(response.body) : undefined };
}

function inputInvalid(issues: readonly Issue[]): ColdframeError {
  const problems = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; ");
  return new ColdframeError("INPUT_INVALID", `the input does not fit the model's schema: ${problems}.`, {
    issues,
  });
}

function outputInvalid(issues: readonly Issue[]): ColdframeError {
  return new ColdframeError("OUTPUT_INVALID", "the model's output does not fit its own schema.", {
    cause: issues,
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
