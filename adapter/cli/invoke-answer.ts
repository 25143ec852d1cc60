// What an answer says about itself: its error, if it is one, and its shape for --json. Nothing is printed here.

import { isUtf8 } from "node:buffer";
import { mediaTypeOf, readItems, tellsErrors } from "../../infra/clients/answer.ts";
import { ColdframeClientError, toldError } from "../../infra/clients/client-error.ts";
import { answerError as clientError } from "../../infra/clients/failed-answer.ts";
import { explainForbidden } from "../../infra/clients/forbidden.ts";
import type { FunctionError } from "../local/local-lambda.ts";
import type { HttpAnswer } from "./http-exchange.ts";
import type { Signing } from "./invoke-signing.ts";
import { Refusal } from "./refusal.ts";

export interface AnswerError {
  readonly code: string;
  readonly message: string;
  readonly fix?: string | undefined;
  readonly issues?: readonly { path: string; message: string }[] | undefined;
}

/**
 * Why this is not a whole and good answer; `undefined` when it is.
 * @param hidden what the local platform knows and a 502 does not say
 * @param signing of a request that went to a URL
 */
export async function answerError(
  answer: HttpAnswer,
  hidden: FunctionError | undefined,
  signing: Signing | undefined,
): Promise<AnswerError | undefined> {
  const known = hidden && { code: hidden.errorType, message: hidden.errorMessage };
  if (answer.broken !== undefined) {
    return known ?? { code: "STREAM_BROKEN", message: `the answer broke off: ${answer.broken.message}.` };
  }
  const { status, headers } = answer;
  if (status < 400) return known ?? (await streamError(answer));
  const text = answer.body.toString();
  if (known !== undefined && toldError(text) === undefined) return known;
  const header = (name: string) => headers[name] as string | undefined;
  const sent = signing?.sent ?? { region: undefined, isFunctionUrl: false };
  const forbidden = explainForbidden({ status, header, text }, sent);
  if (forbidden === undefined) return clientError({ status, header, text }, sent);
  return { code: "URL_FORBIDDEN", message: forbidden.message, fix: signing?.fix ?? forbidden.fix };
}

/** The error that a stream ends with, in the formats that have room for one. */
async function streamError({ status, headers, body }: HttpAnswer): Promise<AnswerError | undefined> {
  const type = headers["content-type"] ?? "";
  if (!tellsErrors(mediaTypeOf(type))) return undefined;
  const response = new Response(new Uint8Array(body), { status, headers: { "content-type": type } });
  try {
    for await (const _ of readItems(response, undefined));
    return undefined;
  } catch (error) {
    if (error instanceof ColdframeClientError) return error;
    throw error;
  }
}

/** An init that failed, with the author's own stack. */
export function initError({ errorType, errorMessage, trace }: FunctionError): Refusal {
  const frames = trace.filter((line) => /^ +at /.test(line)).slice(0, 5);
  return new Refusal(errorType, [errorMessage, ...frames].join("\n"));
}

/** `body` is parsed JSON, text, or base64 of anything else. */
export function toJsonAnswer({ status, headers, body, ms }: HttpAnswer, initMs: number | undefined) {
  const round = (value: number) => Math.round(value * 10) / 10;
  return {
    status,
    headers,
    body: toJsonBody(body, headers["content-type"] ?? ""),
    ms: {
      ...(initMs !== undefined && { init: round(initMs) }),
      first_byte: round(ms.first_byte),
      total: round(ms.total),
    },
  };
}

function toJsonBody(body: Buffer, contentType: string): unknown {
  if (!isUtf8(body)) return body.toString("base64");
  const text = body.toString();
  if (!/[/+]json\s*(;|$)/.test(contentType)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
