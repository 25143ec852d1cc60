// One signed request to AWS and its whole answer, sent again while AWS is busy, with new credentials when AWS refuses the
// old ones, and with AWS's clock when ours is wrong. What an answer means is the asker's to say; nothing of AWS's own
// words is passed on but names, for they may quote a token.

import { setTimeout as wait } from "node:timers/promises";
import { ColdframeError, type ErrorCode } from "../errors.ts";
import { findCredentials } from "./credentials.ts";
import { signRequest } from "./sigv4.ts";

export interface AwsRequest {
  readonly method: "GET" | "PUT" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** As in the name of its endpoint: `s3`, `sqs`. */
  readonly service: string;
  readonly region: string;
}

export interface AwsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** As in the references: `AccessDenied`, `ThrottlingException`; "" when there is none. */
  readonly code: string;
}

/**
 * Send, until there is an answer that is not "later".
 * @throws `code` when there are no credentials or no answer, INPUT_TOO_LARGE, the signal's reason when it aborts
 */
export type Exchange = (request: AwsRequest, signal?: AbortSignal, maxBytes?: number) => Promise<AwsAnswer>;

/** How long to be patient with an AWS that is busy or silent. */
export interface Patience {
  readonly maxTries: number;
  /** Doubled for each try; the wait is a random part of it. */
  readonly backOffMs: number;
  /** Of each try, to the end of its answer; absent: as long as bytes come. */
  readonly tryMs?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Of silence. A connection that died in a freeze says nothing. */
const SILENCE_MS = 10_000;

/** 25 s and less of waiting; a sink that is not well after them is the next delivery's. */
const PATIENT: Patience = { maxTries: 9, backOffMs: 100 };

const MAX_BACKOFF_MS = 5_000;

/** What is no object: an acknowledgement, an error. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** AWS allows 5 minutes between its clock and ours, S3 15. */
const MAX_SKEW_MS = 4 * 60_000;

/** What is answered with a status of 5xx needs no name here. */
const THROTTLED =
  /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|OperationAborted|RequestConflict|ServiceUnavailable|InternalService/i;
const WRONG_TIME = /InvalidSignature|SignatureDoesNotMatch|RequestExpired|RequestTimeTooSkewed/;
const EXPIRED = /ExpiredToken|UnrecognizedClient|InvalidClientTokenId|TokenRefreshRequired/;

/** @param code of its errors */
export function createExchange(
  environment: Environment,
  code: ErrorCode,
  { maxTries, backOffMs, tryMs }: Patience = PATIENT,
): Exchange {
  const credentials = findCredentials(environment, { code });
  // Added to this machine's clock.
  let offsetMs = 0;

  return async (request, signal = new AbortController().signal, maxBytes = MAX_ANSWER_BYTES) => {
    let [mayCorrectTime, mayRenew] = [true, true];
    for (let tries = 1; ; ) {
      signal.throwIfAborted();
      const keys = await credentials.get();
      if (keys === undefined) {
        const tried = credentials.absence === undefined ? "" : ` (${withoutStop(credentials.absence)})`;
        throw new ColdframeError(code, `there are no AWS credentials here${tried}.`, {
          fix: "Give this process a role or credentials, for example with `aws sso login`.",
        });
      }
      const headers = signRequest({ ...request, credentials: keys, now: Date.now() + offsetMs });
      let answer: AwsAnswer;
      try {
        const within = tryMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(tryMs)]);
        answer = await send({ ...request, headers }, within, maxBytes);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ColdframeError) throw error;
        if (tries === maxTries) throw unreachable(request, code, error);
        await backOff(backOffMs * 2 ** tries++, signal);
        continue;
      }
      const { status, code: name } = answer;
      const skew = Date.parse(String(answer.headers["date"])) - Date.now();
      if (status < 300) return answer;
      if (mayCorrectTime && WRONG_TIME.test(name) && Math.abs(skew - offsetMs) > MAX_SKEW_MS) {
        offsetMs = skew;
        mayCorrectTime = false;
      } else if (mayRenew && EXPIRED.test(name)) {
        credentials.reject();
        mayRenew = false;
      } else if (tries < maxTries && (status >= 500 || status === 429 || THROTTLED.test(name))) {
        await backOff(backOffMs * 2 ** tries++, signal);
      } else return answer;
    }
  };
}

/** `Allow ... on ... to ...`, with who was refused where AWS says it. */
export function allow(action: string, on: string, { body }: AwsAnswer): string {
  const who = /arn:[\w-]+:(?:sts|iam)::\d{12}:[\w+=,.@/-]+/.exec(body.toString())?.[0];
  return `Allow \`${action}\` on \`${on}\`${who === undefined ? "" : ` to ${who}`}.`;
}

/** The key that AWS was not allowed to use, where that is why it refused. */
export function refusedKey(answer: AwsAnswer): string | undefined {
  if (!/^K(MS|ms)/.test(answer.code) && !/kms:(Decrypt|GenerateDataKey)/.test(answer.body.toString())) {
    return undefined;
  }
  return keyIn(answer) ?? "the key it is encrypted with";
}

/** The ARN of a key, where the answer has one. */
export const keyIn = ({ body }: AwsAnswer): string | undefined =>
  /arn:[\w-]+:kms:[\w-]+:\d+:(?:key|alias)\/[\w/-]+/.exec(body.toString())?.[0];

/** A sentence, to be a part of another one. */
export const withoutStop = (sentence: string): string => sentence.replace(/\.$/, "");

async function backOff(ms: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(MAX_BACKOFF_MS, ms);
  await wait(Math.random() * longest, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** One request as it is, on a connection of its own, and its whole answer. @throws INPUT_TOO_LARGE, Node's own errors */
export async function send(
  { method, url, headers, body }: Pick<AwsRequest, "method" | "url" | "headers" | "body">,
  signal: AbortSignal,
  maxBytes = MAX_ANSWER_BYTES,
): Promise<AwsAnswer> {
  const { request } = await (url.protocol === "http:" ? import("node:http") : import("node:https"));
  return new Promise((resolve, reject) => {
    // A connection of its own: one kept from before a freeze is dead.
    const sent = request(url, { method, headers, agent: false, signal }, (answer) => {
      const { statusCode: status = 0, headers: told } = answer;
      const chunks: Buffer[] = [];
      let bytes = 0;
      // Rejected first: what destroying makes of it is a connection that broke off, and would be asked again.
      const stop = () => {
        reject(new ColdframeError("INPUT_TOO_LARGE", tooLong(url, maxBytes)));
        sent.destroy();
      };
      answer.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxBytes) stop();
      });
      if (status < 300 && Number(told["content-length"]) > maxBytes) stop();
      answer.on("error", reject);
      answer.on("end", () => {
        const whole = Buffer.concat(chunks);
        const code = status < 300 ? "" : codeOf(told["x-amzn-errortype"], whole.toString());
        resolve({ status, headers: told, body: whole, code });
      });
    });
    sent.setTimeout(SILENCE_MS, () => sent.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** In JSON `com.amazonaws.sqs#QueueDoesNotExist`, in XML `<Code>NoSuchKey</Code>`, in the header a link may follow. */
function codeOf(header: string | string[] | undefined, text: string): string {
  const named = /^\s*</.test(text)
    ? /<Code>([\w.]{1,80})<\/Code>/.exec(text)
    : /"__type"\s*:\s*"(?:[^"#]*#)?(\w{1,80})/.exec(text);
  return named?.[1] ?? /^(?:[^#]*#)?(\w{1,80})/.exec(String(header ?? ""))?.[1] ?? "";
}

const tooLong = (url: URL, maxBytes: number): string =>
  `${url.host}${decodeURI(url.pathname)} has more than the ${maxBytes} bytes that are allowed.`;

function unreachable({ url, region, service }: AwsRequest, code: ErrorCode, cause: unknown): ColdframeError {
  const { name, code: reason, message } = cause as NodeJS.ErrnoException;
  const why = /^(Timeout|Abort)Error$/.test(name) ? "it did not answer in time" : (reason ?? message);
  return new ColdframeError(code, `cannot reach ${url.host}: ${why}.`, {
    fix: `In a VPC the function needs a NAT gateway or an endpoint com.amazonaws.${region}.${service}.`,
    cause,
  });
}
