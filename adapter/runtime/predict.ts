// One invocation: input schema, preprocess, predict, postprocess, output schema, under the invocation's cancellation
// and the model's concurrency. Knows nothing of HTTP or of any event source. Errors of the model's own are wrapped
// once, where its methods are called.

import type { Cancellation, Origin } from "./call.ts";
import type { Batching } from "./batch.ts";
import { createSlots, type TakeTurn, type Turn } from "./concurrency.ts";
import type { Settings } from "./contracts.ts";
import { ColdframeError, toColdframeError } from "./errors.ts";
import type { Invocation, Model, ModelClass, VendorMember } from "./model.ts";
import { validate } from "./schema.ts";
import { type Items, itemStream } from "./stream.ts";

/** A method of the model that answers: `predict`, or one of those that a vendor's clients call. */
export type Member = "predict" | VendorMember;

/**
 * Call one member of the model. Schemas, preprocess and postprocess belong to predict alone. What needs nothing to be
 * waited for is there at once: a promise costs a server more than many a model does.
 * @throws INPUT_INVALID, OUTPUT_INVALID, PREDICT_FAILED, and the cancellation's reason; or rejects with them
 */
export type Run = (
  member: Member,
  input: unknown,
  invocation: Invocation,
  origin: Watched,
) => Output | Promise<Output>;

type Watched = Pick<Origin, "cancellation" | "observation">;

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
  const hasBefore = schemas.input ?? instance.preprocess;
  const hasAfter = schemas.output ?? instance.postprocess;
  const needsBody = !schemas.input && (instance.preprocess ?? instance.predict)?.length;

  function call(
    name: Member | "preprocess" | "postprocess",
    argument: unknown,
    invocation: Invocation,
    { cancellation, observation }: Watched,
    answer?: unknown,
  ): unknown {
    if (!instance[name]) return argument;
    const run = () => attempt(name, () => answer ?? instance[name]?.(argument, invocation), cancellation);
    return observation ? observation.step(name, run) : run();
  }

  function check(side: "input" | "output", value: unknown, { cancellation }: Watched): unknown {
    const schema = schemas[side];
    return schema ? attempt(`static ${side}`, () => validate(schema, value, side), cancellation) : value;
  }

  function answer(member: Member, input: unknown, invocation: Invocation, origin: Watched) {
    const { cancellation, observation } = origin;
    const take = () => takeTurn(cancellation, member, input, invocation);
    const turn = observation ? observation.step("queue", take) : take();
    return turn instanceof Promise
      ? turn.then((release) => compute(member, input, invocation, origin, release))
      : compute(member, input, invocation, origin, turn);
  }

  function compute(
    member: Member,
    input: unknown,
    invocation: Invocation,
    origin: Watched,
    release: Turn,
  ): Output | Promise<Output> {
    try {
      const result = call(member, input, invocation, origin, release.answer);
      return isThenable(result)
        ? settle(member, result, invocation, origin, release)
        : toOutput(member, result, invocation, origin, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  async function settle(
    member: Member,
    pending: PromiseLike<unknown>,
    invocation: Invocation,
    origin: Watched,
    release: Turn,
  ): Promise<Output> {
    try {
      return await toOutput(member, await pending, invocation, origin, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Gives the slot back with a value; with a stream when it ends. */
  function toOutput(
    member: Member,
    result: unknown,
    invocation: Invocation,
    origin: Watched,
    release: Turn,
  ): Output | Promise<Output> {
    const { cancellation, observation } = origin;
    const isPredict = member === "predict";
    if (isValue(result)) {
      release();
      return isPredict && hasAfter ? after(result, invocation, origin) : { value: result };
    }
    if (isPredict && instance.postprocess) {
      throw new ColdframeError("OUTPUT_INVALID", "postprocess cannot take a stream or a Response.");
    }
    const items = (source: AsyncIterable<unknown>, toItem?: (item: unknown) => unknown) => {
      const all = itemStream(source, cancellation, settings.streamingReadTimeoutMs, release, toItem, member);
      return observation ? observation.items(all) : all;
    };
    if (!isResponse(result)) {
      const checked = isPredict && schemas.output;
      return {
        stream: items(
          result as AsyncIterable<unknown>,
          checked ? (item) => check("output", item, origin) : undefined,
        ),
      };
    }
    if (!result.body) release();
    return { response: result, body: result.body ? items(result.body) : undefined };
  }

  async function after(value: unknown, invocation: Invocation, origin: Watched): Promise<Output> {
    return { value: await check("output", await call("postprocess", value, invocation, origin), origin) };
  }

  return (member, raw, invocation, origin) => {
    if (!instance[member]) throw new ColdframeError("ROUTE_NOT_FOUND", `the model has no ${member}.`);
    if (member !== "predict") return answer(member, raw, invocation, origin);
    if (raw === undefined && needsBody) throw new ColdframeError("INPUT_INVALID", "the body is empty.");
    if (!hasBefore) return answer(member, raw, invocation, origin);
    const before = async () => call("preprocess", await check("input", raw, origin), invocation, origin);
    return before().then((input) => answer(member, input, invocation, origin));
  };
}

/** Cancellation is heard even while the model is not listening. What answers at once does not wait. */
function attempt(what: string, run: () => unknown, cancellation: Cancellation): unknown {
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

/** Whether a result is all there. */
const isValue = (result: unknown): boolean => !(isResponse(result) || isIterable(result));

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
