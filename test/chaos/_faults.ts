// What can go wrong between a client and an S3 server, and when: the names of the faults, where in an answer each one
// strikes, and the choice of one for a request. What a fault does to the bytes is in download/proxy.ts. Server behaviour after
// docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and what clients' issue trackers report.

import { pick, random } from "./_random.ts";

/** A client must notice each of these, and get the right bytes some other way or say what is wrong. */
const BROKEN = {
  /** The connection is reset instead of an answer. */
  reset: "connection",
  /** The connection is closed in good order instead of an answer. */
  close: "connection",
  /** Nothing is ever answered. */
  silent: "connection",
  /** What comes is not HTTP. */
  garbage: "connection",
  /** Reset, and for a while nobody listens. */
  refuse: "connection",
  /** Half of the head, then nothing. */
  "stall-head": "head",
  /** The head goes on for ever: more header lines than anybody reads. */
  "endless-head": "connection",
  "reset-body": "body",
  "stall-body": "body",
  /** The connection ends in good order before the body does. */
  truncate: "body",
  /** As `truncate`, but only the server's half: it goes on reading. */
  "half-close": "body",
  /** One bit of the body is the other one. */
  flip: "body",
  /** Some bytes come twice, and as many at the end not at all. */
  duplicate: "body",
  /** The right body, and then more that nobody asked for. */
  extra: "body",
  /** Content-Length says more than there is, or less. */
  "wrong-content-length": "body",
  /** Content-Range names another place, or another size, than was asked for. */
  "wrong-content-range": "range",
  /** 200 and the whole object instead of the range. */
  "ignored-range": "range",
  /** Another object under the same key: another ETag and other bytes. */
  "other-object": "body",
  /** No Content-Length: the length is known when it is over. */
  chunked: "body",
} as const;

/** Slow, odd or unfriendly, and right all the same: no client may fail because of these alone. */
const LAWFUL = {
  "slow-head": "head",
  slow: "body",
  /** In the smallest pieces around the end of the head. */
  fragment: "head",
  /** `Connection: close`, and so it is. */
  "connection-close": "body",
  /** Closed after a good answer, without a word: the next request on this connection finds nobody. */
  "idle-close": "body",
} as const;

const ANSWERS = {
  "403": "answer",
  "403-expired": "answer",
  "404": "answer",
  "412": "answer",
  "416": "answer",
  "429": "answer",
  "500": "answer",
  "502": "answer",
  "503": "answer",
  "503-retry-after": "answer",
  /** No Location: S3 names the bucket's region in a header. */
  "301": "answer",
  /** To the same place: what S3 does with a new bucket's requests. */
  "307": "answer",
} as const;

const KINDS = { ...BROKEN, ...LAWFUL, ...ANSWERS };

export type Fault = keyof typeof KINDS;

/** Where a fault strikes. "range" and "body" need a GET; "range" needs one with a Range header. */
type Place = (typeof KINDS)[Fault];

export const FAULTS = Object.keys(KINDS) as Fault[];
export const BROKEN_FAULTS = Object.keys(BROKEN) as (keyof typeof BROKEN)[];
export const LAWFUL_FAULTS = Object.keys(LAWFUL) as (keyof typeof LAWFUL)[];

/** Not to be held against a server: a client that believes them has done nothing wrong. */
export const FINAL_ANSWERS: readonly Fault[] = ["403", "404", "412", "416", "301"];

export interface FaultPlan {
  readonly seed: number;
  /** Share of the requests that meet a fault, from 0 to 1. */
  readonly rate: number;
  /** Faults in all; after them all is well. Default: no end. */
  readonly max?: number;
  /** Default: all of them. */
  readonly kinds?: readonly Fault[];
  /** How long a stalled answer is held before its connection is reset. */
  readonly stallMs?: number;
  /** How long `slow-head` and `slow` take. */
  readonly slowMs?: number;
  /** How long nobody listens after `refuse`. */
  readonly refuseMs?: number;
}

export interface ChosenFault {
  readonly kind: Fault;
  /** Where in the body, from 0 to 1, and other choices of the fault itself. */
  readonly at: number;
  readonly coin: boolean;
}

/**
 * The fault of one request. It depends on what is asked for and on how often it was asked for before, and not on the
 * order in which different requests arrive: with the same seed the same thing happens to the same range again.
 */
export function chooseFault(
  plan: FaultPlan,
  request: { readonly method: string; readonly path: string; readonly range: string | undefined },
  attempt: number,
): ChosenFault | undefined {
  const next = random(plan.seed, `${request.method} ${request.path} ${request.range ?? ""} ${attempt}`);
  if (next() >= plan.rate) return undefined;
  const possible = (plan.kinds ?? FAULTS).filter((kind) => applies(KINDS[kind], request));
  if (possible.length === 0) return undefined;
  return { kind: pick(next, possible), at: next(), coin: next() < 0.5 };
}

function applies(place: Place, { method, range }: { method: string; range: string | undefined }): boolean {
  if (place === "range") return method === "GET" && range !== undefined;
  return place !== "body" || method === "GET";
}

export interface FaultAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

/** The answer of a fault that is an answer; `undefined` of any other. @param url where the request went, without its query */
export function faultAnswer(kind: Fault, url: string): FaultAnswer | undefined {
  const known = S3_ERRORS[kind];
  if (known === undefined) return undefined;
  const [status, code, headers = []] = known;
  const message = `Injected: ${code}`;
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>CHAOS</RequestId></Error>`;
  const location = status === 307 ? [["Location", url] as const] : [];
  return {
    status,
    headers: [["Content-Type", "application/xml"], ...headers, ...location],
    body: Buffer.from(body),
  };
}

const S3_ERRORS: Partial<Record<Fault, readonly [number, string, (readonly [string, string])[]?]>> = {
  "403": [403, "AccessDenied"],
  "403-expired": [403, "RequestExpired"],
  "404": [404, "NoSuchKey"],
  "412": [412, "PreconditionFailed"],
  "416": [416, "InvalidRange"],
  "429": [429, "TooManyRequests", [["Retry-After", "0"]]],
  "500": [500, "InternalError"],
  "502": [502, "BadGateway"],
  "503": [503, "SlowDown"],
  "503-retry-after": [503, "ServiceUnavailable", [["Retry-After", "1"]]],
  "301": [301, "PermanentRedirect", [["x-amz-bucket-region", "eu-central-1"]]],
  "307": [307, "TemporaryRedirect", [["x-amz-bucket-region", "us-east-1"]]],
};
