// What the author of a model writes, and what the adapter hands to it. Types only: nothing here reaches a bundle.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Log } from "./log.ts";

/** What the constructor of a model gets. */
export interface ModelContext {
  /** config.yaml with its defaults, keys as written there, deeply frozen. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Absolute path of the folder that holds the bundled `data/` files and the weights. */
  readonly dataDir: string;
  readonly weights: ModelWeights;
  /** The secrets declared in config.yaml. Reading any other name throws `SECRET_UNDECLARED`. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The value of COLDFRAME_ENVIRONMENT, such as "production". */
  readonly environment: string | undefined;
}

/** The weights of config.yaml on their way into `dataDir`. */
export interface ModelWeights {
  /**
   * Wait for one file of `dataDir`, or with "" for all of them, and fetch it before what nobody asked for. `load` itself
   * waits for every source that is not `lazy`.
   * After a fetch that failed, the next call tries again, two seconds after the failure or later.
   * @param path relative to `dataDir`, with "/"
   * @returns its absolute path; the file is complete and verified
   * @throws WEIGHTS_NOT_FOUND when neither a source nor `data/` has it, and every other code of WEIGHTS_*
   */
  ready(path?: string): Promise<string>;
}

/** What each call of `preprocess`, `predict` and `postprocess` gets beside its input. */
export interface Invocation {
  /** The platform's request id; also in every answer as `x-request-id` and in every log line. */
  readonly id: string;
  /** The event source: `function-url`, `direct`, ... */
  readonly source: string;
  /** Aborts when the caller leaves, shortly before the deadline, and at shutdown. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Lower-case names; empty when the source is not HTTP. */
  readonly headers: Readonly<Record<string, string>>;
  /** Built when first read; `undefined` when the source is not HTTP. */
  readonly request: Request | undefined;
  /** The platform's own event document. */
  readonly event: unknown;
  readonly tenantId: string | undefined;
  readonly log: Log;
}

/** The members that the clients of OpenAI and Anthropic call. */
export type VendorMember = "chatCompletions" | "completions" | "embeddings" | "responses" | "messages";

type Awaitable<T> = T | Promise<T>;

/**
 * The class in model/model.ts. Every member is optional to the type system; a model without `predict` is refused when
 * it is built. Declared as methods, whose parameters a model may narrow.
 *
 * `predict` returns any JSON value, a `Uint8Array`, a `Response`, or an iterable, async iterable or `ReadableStream`,
 * which streams. An array or a string is a value.
 */
export interface Model extends Partial<Record<VendorMember, VendorMethod>> {
  setupEnvironment?(environment: string): Awaitable<void>;
  /** Gets what the constructor got. */
  load?(context: ModelContext): Awaitable<void>;
  preprocess?(input: unknown, invocation: Invocation): unknown;
  predict?(input: unknown, invocation: Invocation): unknown;
  /**
   * Many calls of predict as one, where config.yaml has `runtime.batch`. An output that is an Error, or a promise that
   * rejects, fails only its own caller. When the whole call throws, its inputs are tried again in halves.
   * @returns one output for each input, in the same order
   */
  predictBatch?(inputs: unknown, invocations: readonly Invocation[]): Awaitable<readonly unknown[]>;
  /** The same for many calls of `embeddings`: of each request, what `embeddings` would return. Beside `predictBatch`. */
  embeddingsBatch?(requests: unknown, invocations: readonly Invocation[]): Awaitable<readonly unknown[]>;
  postprocess?(output: unknown, invocation: Invocation): unknown;
  isHealthy?(): unknown;
  /**
   * What GET /metrics of a server says beside its own: text in Prometheus's format, such as `register.metrics()` of
   * prom-client, or numbers by the name of a gauge.
   */
  metrics?(): Awaitable<string | Readonly<Record<string, number>>>;
  unload?(): Awaitable<void>;
}

/** Of a method, not of a function: so an author may say what the request is. */
type VendorMethod = { answer(request: unknown, invocation: Invocation): unknown }["answer"];

/** The class itself: how it is constructed and what it says of its input and output. */
export interface ModelClass {
  new (context: ModelContext): Model;
  readonly input?: StandardSchemaV1;
  readonly output?: StandardSchemaV1;
  /** What the Open Inference Protocol is told of them; such a model is given typed arrays there, schema or not. */
  readonly tensors?: {
    readonly inputs?: readonly TensorMetadata[];
    readonly outputs?: readonly TensorMetadata[];
  };
}

/** One tensor as the Open Inference Protocol describes it; -1 stands for an extent of any size. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}
