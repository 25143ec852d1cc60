// What the five vendor routes have in common: the words in which a route says how a model's output becomes its vendor's
// answer. Knows no vendor's shape and nothing of HTTP.

import { ColdframeError } from "../errors.ts";
import type { VendorMember } from "../model.ts";

/** A JSON object: a request, a whole answer, or one event of a stream. */
export type Json = Readonly<Record<string, unknown>>;

/** What an answer says of itself, whatever the model gave. */
export interface Head {
  /** The request's own id, for ids such as `chatcmpl-...`. */
  readonly requestId: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** The model that the caller named; config.yaml's where it named none. */
  readonly model: string;
  readonly request: Json;
}

/** One answer in the making. Its events are the same whether they are streamed or gathered into one object. */
export interface Draft {
  /** The events that one item of the model becomes. @throws OUTPUT_INVALID, or what `givenError` made */
  write(item: unknown): Json[];
  /** The events after the last item. @throws OUTPUT_INVALID when the model stopped before its own end */
  end(): Json[];
  /** All events as one object. */
  gather(events: readonly Json[]): unknown;
  /** A value that is no stream as one object. @throws as `write` does */
  whole(value: unknown): unknown;
  /** The events that `whole` stands for. */
  spread(whole: Json): Json[];
  /** The event of a failure, where it is not simply the body of an error answer. */
  failure?(error: ColdframeError): Json;
}

/** One vendor route. Embeddings have no stream. */
export interface VendorRoute {
  readonly member: VendorMember;
  readonly vendor: Vendor;
  begin(head: Head, streams: boolean): Draft;
}

/** How one vendor writes on the wire. */
export interface Vendor {
  /** An event as one frame of Server-Sent Events. */
  frame(event: Json): string;
  /** After the last event of a complete stream. */
  readonly lastFrame: string;
  /** What keeps a silent stream open, where a comment would not do. */
  readonly heartbeat?: string;
  errorBody(error: ColdframeError, requestId: string): Json;
  /** The HTTP status that belongs to an error which the model gave in this vendor's shape. */
  errorStatus(error: Json): number;
}

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && !!value && !Array.isArray(value) && !ArrayBuffer.isView(value);

const given = new WeakMap<Error, Json>();

/** An error that the model gave as its output, in its vendor's shape: it reaches the caller as it is. */
export function givenError(body: Json, status: number): ColdframeError {
  // A refusal is the caller's mistake, and worth no line in the log.
  const code = status < 500 ? "INPUT_INVALID" : "PREDICT_FAILED";
  const error = new ColdframeError(code, "the model answered with an error.", { cause: body });
  given.set(error, body);
  return error;
}

/** The error as the model gave it, when that is where it comes from. */
export const givenBody = (error: Error): Json | undefined => given.get(error);

/** @throws OUTPUT_INVALID that says what was found and what `member` may give */
export function refuseItem(member: VendorMember, item: unknown, allowed: string): never {
  throw new ColdframeError("OUTPUT_INVALID", `${member} gave ${describe(item)}, not ${allowed}.`);
}

function describe(item: unknown): string {
  if (isJson(item)) return `an object with ${Object.keys(item).slice(0, 8).join(", ") || "no keys"}`;
  return Array.isArray(item)
    ? "an array"
    : item === null
      ? "null"
      : ArrayBuffer.isView(item)
        ? "bytes"
        : typeof item;
}
