// What a contributor writes: an event source is one file in events/ that exports one of these by default. And what the
// generated entry assembles: a Deployment. Types only.

import type { Call, Origin, Reply } from "./call.ts";
import type { ColdframeError } from "./errors.ts";
import type { Late } from "./late.ts";
import type { ModelWeights } from "./model.ts";
import type { Secrets } from "./secrets.ts";
import type { WeightsDirectory, WeightsFacts } from "./weights-thread.ts";

/** Everything one deployment contains, as the generated entry names it. */
export interface Deployment {
  /** config.yaml with its defaults: what the model's constructor gets. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly settings: Settings;
  /** Relative to the project, for messages: `model/model.ts`. */
  readonly modelFile: string;
  readonly importModel: () => Promise<Readonly<Record<string, unknown>>>;
  /** Gets the declared secrets; a model that declares none does not carry the reading of them. */
  readonly readSecrets: (declared: Settings["secrets"]) => Secrets | Promise<Secrets>;
  /** Watches invocations, of a deployment that wants metrics or traces. */
  readonly observe?: Observe | undefined;
  /** The fields that make a log line carry metrics, of a deployment that wants any; see metrics.ts. */
  readonly metricFields?: (facts: ColdStartFacts) => object;
}

/** What the log line of a cold start is made of, and its metrics. */
export interface ColdStartFacts {
  readonly total_ms: number;
  readonly weights: WeightsFacts | undefined;
}

/** What the adapter itself reads of config.yaml, in its own names and units. */
export interface Settings {
  readonly modelName: string;
  readonly className: string;
  /** Calls of `predict` that may run at the same time in one environment. */
  readonly predictConcurrency: number;
  /** The longest a stream may be silent between two chunks. */
  readonly streamingReadTimeoutMs: number;
  readonly loadTimeoutMs: number;
  /** Declared secrets and their defaults; `null` means that there is none. */
  readonly secrets: Readonly<Record<string, string | null>>;
}

/** What the stub of an artifact knows and the bundle cannot: where it lies and how it was loaded. */
export interface Artifact {
  /** Absolute; holds bundle.cjs with its source map, openapi.json and data/. */
  readonly folder: string;
  readonly codeCache: "accepted" | "rejected" | "absent";
  /** Of a deployment with weights, what weights.cjs opened, which fetches already. */
  readonly data: DataDirectory | WeightsDirectory;
  /** What the bundle leaves to late.cjs, read when it is first asked for. */
  readonly late: () => Late;
}

/** Begins to watch one invocation; `call` when it is HTTP. */
export type Observe = (origin: Origin, call: Call | undefined) => Observation;

/** What is told of one invocation while it lasts. */
export interface Observation {
  /** Run one step, and have its time and what it calls: a promise's step lasts until it settles. */
  step<T>(name: Step, run: () => T): T;
  /** The first item of a stream is there. */
  firstItem(): void;
  /** Nothing more happens: the answer has left, or failed to. */
  end(outcome: { readonly status?: number | undefined; readonly error?: ColdframeError | undefined }): void;
}

export type Step = "preprocess" | "queue" | "predict" | "postprocess";

/** Where the files of a deployment are that the model reads. */
export interface DataDirectory extends ModelWeights {
  /** Absolute. */
  readonly path: string;
  readonly begin?: never;
}

export type EventSource = HttpSource | RecordSource;

/** A source whose event is one HTTP request. */
export interface HttpSource<E = never> {
  readonly kind: "http";
  /** The file's name, and the name in config.yaml. */
  readonly name: string;
  /** Whether this source made the event; must refuse every other source's events. */
  matches(event: unknown): boolean;
  toCall(event: E, origin: Origin): Call;
  /** The result of a buffered handler; the body of `reply` is not a stream. */
  toResult(reply: Reply): unknown;
  /** The head of a streamed answer, before its body. */
  toPrelude(reply: Reply): Prelude;
}

/** JSON that precedes 8 NUL bytes on the streaming wire. Source: HttpResponseStream.js of aws-lambda-ric 4. */
export interface Prelude {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[] | undefined;
}

/** A source whose event is a list of inputs, one invocation each. */
export interface RecordSource<E = never> {
  readonly kind: "records";
  readonly name: string;
  matches(event: unknown): boolean;
  toRecords(event: E): readonly SourceRecord[];
  /**
   * The function's result; throws when the whole event failed.
   * @param outcomes in the order of `toRecords`
   */
  toResult(outcomes: readonly Outcome[], event: E): unknown;
}

export interface SourceRecord {
  readonly input: unknown;
  /** The source's own record: what the model sees as `invocation.event`. */
  readonly event: unknown;
}

export type Outcome = { readonly value: unknown } | { readonly error: Error };
