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
 * @throws `code` when there are no credentials or no answer; the signal's reason when it aborts
 */
export type Exchange = (request: AwsRequest, signal: AbortSignal, maxBytes?: number) => Promise<AwsAnswer>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Of silence. A connection that died in a freeze says nothing. */
const SILENCE_MS = 10_000;

/** 25 s and less of waiting; a sink that is not well after them is the next delivery's. */
const MAX_TRIES = 9;

/** Doubled for each try; the wait is a random part of it. */
const BACKOFF_MS = 100;

const MAX_BACKOFF_MS = 5_000;

/** What is no object: an acknowledgement, an error. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** AWS allows 5 minutes between its clock and ours, S3 15. */
const MAX_SKEW_MS = 4 * 60_000;

/** What is answered with a status of 5xx needs no name here. */
const THROTTLED = /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|OperationAborted|RequestConflict/i;
const WRONG_TIME = /InvalidSignature|SignatureDoesNotMatch|RequestExpired|RequestTimeTooSkewed/;
const EXPIRED = /ExpiredToken|UnrecognizedClient|InvalidClientTokenId|TokenRefreshRequired/;

/** @param code of its errors */
export function createExchange(environment: Environment, code: ErrorCode): Exchange {
  const credentials = findCredentials(environment, { code });
  // Added to this machine's clock.
  let offsetMs = 0;

  return async (request, signal, maxBytes = MAX_ANSWER_BYTES) => {
    let [mayCorrectTime, mayRenew] = [true, true];
    for (let tries = 1; ; ) {
      signal.throwIfAborted();
      const keys = await credentials.get();
      if (keys === undefined) {
        throw new ColdframeError(code, "there are no AWS credentials here.", {
          fix: "Give this process a role or credentials, for example with `aws sso login`.",
        });
      }
      const headers = signRequest({ ...request, credentials: keys, now: Date.now() + offsetMs });
      let answer: AwsAnswer;
      try {
        answer = await send(request, headers, signal, maxBytes);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ColdframeError) throw error;
        if (tries === MAX_TRIES) throw unreachable(request, code, error);
        await backOff(tries++, signal);
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
      } else if (tries < MAX_TRIES && (status >= 500 || status === 429 || THROTTLED.test(name))) {
        await backOff(tries++, signal);
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
export function refusedKey({ code, body }: AwsAnswer): string | undefined {
  const text = body.toString();
  if (!/^K(MS|ms)/.test(code) && !/kms:(Decrypt|GenerateDataKey)/.test(text)) return undefined;
  return /arn:[\w-]+:kms:[\w-]+:\d+:(?:key|alias)\/[\w/-]+/.exec(text)?.[0] ?? "the key it is encrypted with";
}

/** Source: the partitions of AWS's SDKs. */
export function partitionOf(region: string): string {
  return region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

async function backOff(tries: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** tries);
  await wait(Math.random() * longest, undefined, { signal }).catch(() => signal.throwIfAborted());
}

async function send(
  { method, url, body }: AwsRequest,
  headers: Record<string, string>,
  signal: AbortSignal,
  maxBytes: number,
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

/** In JSON `com.amazonaws.sqs#QueueDoesNotExist`, in XML `<Code>NoSuchKey</Code>`. */
function codeOf(header: string | string[] | undefined, text: string): string {
  const named =
    /<Code>([\w.]{1,80})<\/Code>/.exec(text) ?? /"__type"\s*:\s*"(?:[^"#]*#)?(\w{1,80})/.exec(text);
  return named?.[1] ?? /^(?:[^#]*#)?(\w{1,80})/.exec(String(header ?? ""))?.[1] ?? "";
}

const tooLong = (url: URL, maxBytes: number): string =>
  `${url.host}${decodeURI(url.pathname)} has more than the ${maxBytes} bytes that are allowed.`;

function unreachable({ url, region, service }: AwsRequest, code: ErrorCode, cause: unknown): ColdframeError {
  const { code: reason, message } = cause as NodeJS.ErrnoException;
  return new ColdframeError(code, `cannot reach ${url.host}: ${reason ?? message}.`, {
    fix: `In a VPC the function needs a NAT gateway or an endpoint com.amazonaws.${region}.${service}.`,
    cause,
  });
}
