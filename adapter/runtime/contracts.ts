// What a contributor writes: an event source is one file in events/ that exports one of these by default. And what the
// generated entry assembles: a Deployment. Types only.

import type { Batching } from "./batch.ts";
import type { Call, Origin, Reply } from "./call.ts";
import type { ColdframeError } from "./errors.ts";
import type { Late } from "./late.ts";
import type { ModelWeights, VendorMember } from "./model.ts";
import type { Secrets } from "./secrets.ts";
import type { Items } from "./stream.ts";
import type { WeightsDirectory } from "./weights-directory.ts";
import type { WeightsFacts } from "./weights-wire.ts";

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
  /** Puts calls of predict together, of a deployment with `runtime.batch`. */
  readonly batching?: Batching | undefined;
  /** Of a deployment that wants metrics or traces. */
  readonly observer?: Observer | undefined;
}

/** What the log line of a cold start is made of, and its metrics. Milliseconds. */
export interface ColdStartFacts {
  /** How long each took; they may overlap. */
  readonly phases: Readonly<Record<string, number>>;
  /** When each of them began, from the start of the process. */
  readonly began: Readonly<Record<string, number>>;
  readonly total_ms: number;
  readonly weights: WeightsFacts | undefined;
}

/** What the adapter itself reads of config.yaml, in its own names and units. */
export interface Settings {
  readonly modelName: string;
  readonly className: string;
  /** Calls of `predict` that may run at the same time in one environment. */
  readonly predictConcurrency: number;
  /** Calls that may wait for one that runs, on a server; Lambda queues by itself. */
  readonly maxQueue?: number;
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

/** Who wants to know what happens: metrics, traces. What watches together is one Observer; see observers.ts. */
export interface Observer {
  /** Fields for the log line of the cold start. */
  coldStart?(facts: ColdStartFacts): Readonly<Record<string, unknown>>;
  /** Begin to watch one invocation: an HTTP call, or one record of another source. */
  begin(origin: Origin, call: Call | undefined, record?: SourceRecord): Observation;
  /** Send on what was seen, before the process is frozen or ends. @param deadline in milliseconds since the epoch */
  flush?(deadline: number): Promise<void>;
}

/** What is told of one invocation while it lasts. */
export interface Observation {
  /** For the lines of the log. */
  readonly traceId?: string | undefined;
  /** Run one step, and have its time and what it calls: a promise's step lasts until it settles. */
  step<T>(name: Step, run: () => T): T;
  /** The model streams: the step before lasts as long as its items. */
  items(items: Items<unknown>): Items<unknown>;
  /** HTTP's status is chosen. */
  answered(status: number): void;
  /** It was logged, and the caller is told. */
  failed(error: ColdframeError): void;
  /** The answer has left, or will never. */
  end(): void;
}

/** What a step calls: a member of the model, or the queue before it. */
export type Step = "preprocess" | "queue" | "predict" | VendorMember | "postprocess";

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
  /** `false` where compressed bytes reach the caller only if the API was told so. */
  readonly compresses?: false;
  /** Whether this source made the event; must refuse every other source's events. */
  matches(event: unknown): boolean;
  toCall(event: E, origin: Origin): Call;
  /**
   * The result of a buffered handler; the body of `reply` is not a stream.
   * @throws OUTPUT_TOO_LARGE where the source takes less than Lambda's 6 MB
   */
  toResult(reply: Reply, event: E): unknown;
  /**
   * The head of a streamed answer, before its body. A source without it takes no streams: what it is sent is a result.
   * @throws OUTPUT_TOO_LARGE where the source takes less than it would be
   */
  toPrelude?(reply: Reply, event: E): Prelude;
}

/** JSON that precedes 8 NUL bytes on the streaming wire. Source: HttpResponseStream.js of aws-lambda-ric 4. */
export interface Prelude {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[] | undefined;
  /** API Gateway's REST APIs have it in place of `cookies`. */
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** A source whose event is a list of inputs, one invocation each. */
export interface RecordSource<E = never> {
  readonly kind: "records";
  readonly name: string;
  /** Its event is one record whose caller reads the answer: it is streamed by the streaming handler. */
  readonly streams?: true;
  matches(event: unknown): boolean;
  /** May be empty: nothing of the event is for the model. */
  toRecords(event: E): readonly SourceRecord[];
  /** In which order the records run; absent: all at the same time. */
  readonly schedule?: Schedule;
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
  /** Records of one group are predicted upon in their order. */
  readonly group?: string | undefined;
}

export type Outcome = { readonly value: unknown } | { readonly error: Error };

/** Runs records, each once or not at all. `run` does not reject; outcomes are in the order of `records`. */
export type Schedule = (
  records: readonly SourceRecord[],
  run: (record: SourceRecord) => Promise<Outcome>,
  origin: Origin,
) => Promise<readonly Outcome[]>;

/** What a deployment does with each record beside predict; the entry names it. */
export interface RecordSteps {
  /** The input, of a source whose records say only where it is. */
  readonly fetch?: (record: SourceRecord, origin: Origin) => Promise<unknown>;
  /** Sends the result on. The record is done when it has arrived, and has failed when it has not. */
  readonly deliver?: (result: Result, record: SourceRecord, origin: Origin) => Promise<void>;
}

/** What the model gave for one record, whole. */
export interface Result {
  /** Bytes, a text, or what JSON holds. */
  readonly value: unknown;
  /** What a Response says it is. */
  readonly contentType: string | undefined;
}
