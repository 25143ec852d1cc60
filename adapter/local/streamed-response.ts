// Reads one streamed response off the wire: the prelude, recognised by its content type alone, then the body under the
// reader's back-pressure, then the trailers. Not the state of the runtime; that is runtime-api.ts.
// Source: ResponseStream.js of aws-lambda-ric 4; limits: docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import {
  type FunctionError,
  functionError,
  type Prelude,
  type Streamed,
  toFunctionError,
} from "./outcome.ts";

export const RESPONSE_LIMIT_BYTES = 200 * 1024 * 1024;
/** API Gateway's limit; the function URL documents none. */
const PRELUDE_LIMIT_BYTES = 16 * 1024;
const INTEGRATION_RESPONSE = "application/vnd.awslambda.http-integration-response";
const DELIMITER = Buffer.alloc(8);

export interface StreamedReading {
  /** Settles with the prelude, or with the first byte, or with the end, whichever says first what this response is. */
  readonly outcome: Promise<Streamed>;
  /** Settles when nothing more will be read: how to answer the POST. */
  readonly ended: Promise<"complete" | "oversized" | "abandoned" | "broken">;
  /** The platform's verdict on a connection that broke; the first one counts. */
  interrupt(error: FunctionError): void;
}

/** @param verdict asked once when the connection breaks: why, as far as the platform knows */
export function readStreamed(
  request: IncomingMessage,
  requestId: string,
  verdict: () => Promise<FunctionError>,
): StreamedReading {
  const contentType = request.headers["content-type"];
  const outcome = Promise.withResolvers<Streamed>();
  const completion = Promise.withResolvers<FunctionError | undefined>();
  const ended = Promise.withResolvers<"complete" | "oversized" | "abandoned" | "broken">();
  let head: Buffer | undefined = contentType === INTEGRATION_RESPONSE ? Buffer.alloc(0) : undefined;
  let failure: FunctionError | undefined;
  let received = 0;
  let over = false;

  const body = new Readable({
    read: () => void request.resume(),
    destroy(error, done) {
      // A function sees this as the "close" of its stream.
      if (!over) end("abandoned", functionError("Client.Disconnected", "The caller stopped reading."));
      done(error);
    },
  });
  // A reader that destroys the body with an error has its own way to know; without a listener it would be ours.
  body.on("error", () => {});
  body.on("close", () => completion.resolve(failure));

  const open = (prelude: Prelude | undefined) =>
    outcome.resolve({
      ...{ kind: "streamed", requestId, contentType, prelude, body, completion: completion.promise },
      reset: () => request.destroy(),
    });
  const end = (how: "complete" | "oversized" | "abandoned" | "broken", error?: FunctionError) => {
    if (over) return;
    over = true;
    failure ??= error;
    open(undefined);
    ended.resolve(how);
    // Discards what still comes, so that the answer to the POST can be read on the other side.
    request.off("data", onData).resume();
    if (!body.destroyed) body.push(null);
  };
  const deliver = (chunk: Buffer) => {
    received += chunk.length;
    const excess = received - RESPONSE_LIMIT_BYTES;
    const kept = excess > 0 ? chunk.subarray(0, chunk.length - excess) : chunk;
    if (kept.length > 0 && !body.push(kept)) request.pause();
    if (excess > 0) {
      const limit = `Response payload size exceeded maximum allowed payload size (${RESPONSE_LIMIT_BYTES} bytes).`;
      end("oversized", functionError("Function.ResponseSizeTooLarge", limit));
    }
  };
  const onData = (chunk: Buffer) => {
    if (head === undefined) {
      open(undefined);
      return deliver(chunk);
    }
    head = Buffer.concat([head, chunk]);
    const at = head.indexOf(DELIMITER);
    if (at > PRELUDE_LIMIT_BYTES - DELIMITER.length || (at < 0 && head.length > PRELUDE_LIMIT_BYTES)) {
      return end("oversized", invalidPrelude(`not complete within ${PRELUDE_LIMIT_BYTES} bytes`));
    }
    if (at < 0) return;
    const prelude = parsePrelude(head.subarray(0, at));
    if (prelude === undefined) return end("oversized", invalidPrelude("not a JSON object"));
    open(prelude);
    const rest = head.subarray(at + DELIMITER.length);
    head = undefined;
    if (rest.length > 0) deliver(rest);
  };

  request.on("data", onData);
  request.on("end", () => {
    const error = toTrailerError(request);
    end("complete", error ?? (head === undefined ? undefined : invalidPrelude("announced, never sent")));
  });
  // The same news as "close", which also comes after a whole body.
  request.on("error", () => {});
  request.on("close", () => {
    if (!over) verdict().then((error) => end("broken", error));
  });
  return {
    outcome: outcome.promise,
    ended: ended.promise,
    interrupt: (error) => {
      failure ??= error;
    },
  };
}

function parsePrelude(json: Buffer): Prelude | undefined {
  try {
    const prelude: unknown = JSON.parse(json.toString());
    return typeof prelude === "object" && prelude !== null && !Array.isArray(prelude) ? prelude : undefined;
  } catch {
    return undefined;
  }
}

// The name is ours: AWS documents none, a function URL answers 502 and API Gateway 500.
function invalidPrelude(problem: string): FunctionError {
  return functionError("Runtime.InvalidPrelude", `The prelude of the streamed response is ${problem}.`);
}

function toTrailerError(request: IncomingMessage): FunctionError | undefined {
  const type = request.trailers["lambda-runtime-function-error-type"];
  const body = request.trailers["lambda-runtime-function-error-body"];
  if (type === undefined && body === undefined) return undefined;
  return toFunctionError(Buffer.from(body ?? "", "base64").toString() || "{}", type);
}
