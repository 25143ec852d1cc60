// One invocation: input schema, preprocess, predict, postprocess, output schema, under the invocation's cancellation
// and the model's concurrency. Knows nothing of HTTP or of any event source. Errors of the
// model's own are wrapped once, where its methods are called.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Cancellation } from "./call.ts";
import { Slots } from "./concurrency.ts";
import type { Settings } from "./contracts.ts";
import { ColdframeError, modelError } from "./errors.ts";
import type { Invocation, Model } from "./model.ts";
import { type Checked, check } from "./schema.ts";
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

/** How long cancelled work that does not listen to its signal keeps its slot. */
const ABANDON_AFTER_MS = 1000;

/** The model as one function. @throws INPUT_INVALID, OUTPUT_INVALID, PREDICT_FAILED, and the cancellation's reason */
export function createPredict(model: LoadedModel, settings: Settings): Predict {
  const { instance } = model;
  const slots = new Slots(settings.predictConcurrency);
  const takesInput = (instance.preprocess ?? instance.predict)?.length !== 0;

  return async (raw, invocation, cancellation) => {
    let input = raw;
    if (model.input !== undefined) {
      const checked = check(model.input, raw);
      input = accepted(checked instanceof Promise ? await checked : checked);
    } else if (raw === undefined && takesInput) {
      throw new ColdframeError("INPUT_INVALID", "the body is empty.", {
        fix: "Send the model's input as JSON.",
      });
    }
    if (instance.preprocess !== undefined) {
      input = await call(cancellation, "preprocess", () => instance.preprocess?.(input, invocation));
    }

    const waiting = slots.take();
    if (waiting !== undefined) await waiting;
    let work: Promise<unknown> | undefined;
    const release = once(() => giveWhenSettled(slots, work, cancellation));
    try {
      if (cancellation.reason !== undefined) throw cancellation.reason;
      const result = call(cancellation, "predict", () => {
        const started = instance.predict?.(input, invocation);
        if (started instanceof Promise) work = started;
        return started;
      });
      const output = toOutput(
        result instanceof Promise ? await result : result,
        model,
        settings,
        cancellation,
        release,
      );
      if (!("value" in output)) return output;
      release();
      return { value: await finish(output.value, model, invocation, cancellation) };
    } catch (error) {
      release();
      throw error;
    }
  };
}

async function finish(
  value: unknown,
  model: LoadedModel,
  invocation: Invocation,
  cancellation: Cancellation,
) {
  let output = value;
  if (model.instance.postprocess !== undefined) {
    output = await call(cancellation, "postprocess", () => model.instance.postprocess?.(value, invocation));
  }
  if (model.output === undefined) return output;
  const checked = check(model.output, output);
  return returned(checked instanceof Promise ? await checked : checked);
}

function toOutput(
  value: unknown,
  model: LoadedModel,
  settings: Settings,
  cancellation: Cancellation,
  release: () => void,
): Output {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    return { value };
  const isResponse = value instanceof Response;
  const source = isResponse ? value.body : toIterable(value);
  if (source === undefined) return { value };
  if (model.instance.postprocess !== undefined) {
    throw new ColdframeError(
      "OUTPUT_INVALID",
      `predict returned ${isResponse ? "a Response" : "a stream"}, which postprocess cannot take.`,
      { fix: "Remove postprocess, or return a value from predict." },
    );
  }
  const gapMs = settings.streamingReadTimeoutMs;
  if (isResponse) {
    if (source === null) release();
    return {
      response: value,
      body: source === null ? undefined : new ItemStream(source, cancellation, gapMs, release),
    };
  }
  const schema = model.output;
  const toItem =
    schema === undefined
      ? undefined
      : (item: unknown) => {
          const checked = check(schema, item);
          return checked instanceof Promise ? checked.then(returned) : returned(checked);
        };
  return { stream: new ItemStream(source as AsyncIterable<unknown>, cancellation, gapMs, release, toItem) };
}

function toIterable(value: object): AsyncIterable<unknown> | Iterable<unknown> | undefined {
  if (Symbol.asyncIterator in value) return value as AsyncIterable<unknown>;
  if (Symbol.iterator in value) return value as Iterable<unknown>;
  return undefined;
}

// Cancellation is heard even while the model is not listening: its promise is left behind.
function call(cancellation: Cancellation, member: string, run: () => unknown): unknown {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    throw modelError(error, member, cancellation.reason);
  }
  if (!isThenable(result)) return result;
  return new Promise((resolve, reject) => {
    cancellation.onCancel(reject);
    result.then(resolve, (error: unknown) => reject(modelError(error, member, cancellation.reason)));
  });
}

function accepted(checked: Checked): unknown {
  if ("value" in checked) return checked.value;
  const problems = checked.issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  throw new ColdframeError(
    "INPUT_INVALID",
    `the input does not fit the model's schema: ${problems.join("; ")}.`,
    {
      issues: checked.issues,
    },
  );
}

function returned(checked: Checked): unknown {
  if ("value" in checked) return checked.value;
  throw new ColdframeError("OUTPUT_INVALID", "the model's output does not fit its own schema.", {
    cause: checked.issues,
  });
}

function giveWhenSettled(slots: Slots, work: Promise<unknown> | undefined, cancellation: Cancellation): void {
  if (cancellation.reason === undefined || work === undefined) {
    slots.give();
    return;
  }
  const give = once(() => {
    clearTimeout(timer);
    slots.give();
  });
  const timer = setTimeout(give, ABANDON_AFTER_MS);
  work.then(give, give);
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
