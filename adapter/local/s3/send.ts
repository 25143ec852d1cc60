// Puts an answer on the wire as S3 does: documents chunked, objects with their length, errors without a body for HEAD,
// and no word about how long the connection will stay.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Answer } from "./call.ts";
import { type Fault, faultyBody } from "./fault.ts";
import { type S3Error, sentenceOf } from "./s3-error.ts";
import { xmlDocument } from "./xml.ts";

/** The two ids of an answer, as S3 gives them. */
export interface AnswerIds {
  readonly requestId: string;
  readonly hostId: string;
}

export function newIds(): AnswerIds {
  const letters = [...randomBytes(16)].map((byte) => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[byte % 32]);
  return { requestId: letters.join(""), hostId: randomBytes(56).toString("base64") };
}

export function errorAnswer(error: S3Error, ids: AnswerIds): Answer {
  const { status, headers, code, message, elements } = error;
  if (status === 304) return { status, headers };
  return errorDocument(status, code, message, elements, headers, ids);
}

export function faultAnswer(
  status: number,
  { code = "InternalError", message }: Fault,
  ids: AnswerIds,
): Answer {
  return errorDocument(status, code, message ?? sentenceOf(code), {}, {}, ids);
}

function errorDocument(
  status: number,
  code: string,
  message: string,
  elements: S3Error["elements"],
  headers: Readonly<Record<string, string>>,
  { requestId, hostId }: AnswerIds,
): Answer {
  const fields = { Code: code, Message: message, ...elements, RequestId: requestId, HostId: hostId };
  return { status, headers, xml: xmlDocument("Error", fields, false) };
}

export interface SendOptions {
  readonly fault: Fault;
  readonly ids: AnswerIds;
  /** Milliseconds since 1970, by the server's clock. */
  readonly now: number;
  /** Before they are sent: that many more bytes of the body. */
  readonly onBytes: (bytes: number) => void;
}

/** Settles when the answer is over, well or not. */
export async function send(response: ServerResponse, answer: Answer, options: SendOptions): Promise<void> {
  const { fault, ids, now } = options;
  const { status, xml, body } = answer;
  const head = response.req.method === "HEAD";
  response.sendDate = false;
  const headers: Record<string, string | undefined> = {
    "x-amz-id-2": ids.hostId,
    "x-amz-request-id": ids.requestId,
    date: new Date(now).toUTCString(),
    ...(xml === undefined ? {} : { "content-type": "application/xml" }),
    ...answer.headers,
    server: "AmazonS3",
    // A HEAD says how its body would come, and none comes.
    ...(xml === undefined || !head ? {} : { "transfer-encoding": "chunked" }),
    ...(xml === undefined && body === undefined && status !== 204 && status !== 304
      ? { "content-length": "0" }
      : {}),
    ...(status === 400 || status >= 500 ? { connection: "close" } : {}),
    ...(fault.endAfter === undefined ? {} : { "content-length": undefined }),
    ...fault.headers,
  };
  // S3 does not say for how long it keeps a connection; Node would.
  if (headers["connection"] === undefined) response.removeHeader("connection");
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  response.writeHead(status, Object.fromEntries(given) as Record<string, string>);
  if (head || (xml === undefined && body === undefined)) return finish(response);
  const bytes = xml === undefined ? undefined : Buffer.from(xml);
  const pieces = bytes === undefined ? body?.content.read(body.start, body.end) : [bytes];
  return sendPieces(response, faultyBody(pieces ?? [], fault), options);
}

async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
  { fault, onBytes }: SendOptions,
): Promise<void> {
  // The head goes out at once: a file may take its time, and so may a fault.
  response.flushHeaders();
  try {
    for await (const piece of pieces) {
      if (response.destroyed) return;
      onBytes(piece.length);
      if (!response.write(piece)) await drained(response);
    }
  } catch {
    // What was promised cannot be kept: a file has changed, or the client has gone.
    response.destroy();
    return;
  }
  if (fault.cutAfter !== undefined) {
    // What has been written is sent first; the end is what is missing.
    await new Promise((resolve) => response.write("", resolve));
    response.destroy();
  } else if (fault.stallAfter === undefined) await finish(response);
  else if (!response.closed) await once(response, "close");
}

async function finish(response: ServerResponse): Promise<void> {
  response.end();
  if (!response.closed) await once(response, "close");
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.once("drain", done).once("close", done);
  });
}
