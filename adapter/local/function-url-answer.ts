// An invocation's outcome as a function URL gives it to the HTTP client. An answer that is not whole must look so: the
// connection is broken off without the terminating chunk, for a clean end always means a complete answer.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, "Response payload format".

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type FunctionError, functionError, type Outcome, type Prelude, type Streamed } from "./outcome.ts";

const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"]);

interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
}

/** Writes the whole answer; resolves to what went wrong with it, which the client may know only as a 502. */
export async function answerHttp(
  outcome: Outcome,
  response: ServerResponse,
): Promise<FunctionError | undefined> {
  switch (outcome.kind) {
    case "error":
      answerFailure(outcome.error, response);
      return outcome.error;
    case "buffered":
      return answerBuffered(outcome.body, response);
    case "streamed":
      return answerStreamed(outcome, response);
  }
}

/** The bodies are AWS's: the reason never reaches the client. */
export function answerFailure(error: FunctionError, response: ServerResponse): void {
  const tooLarge = error.errorType === "RequestEntityTooLargeException";
  const message = tooLarge ? error.errorMessage : "Internal Server Error";
  response
    .writeHead(tooLarge ? 413 : 502, { "content-type": "application/json" })
    .end(JSON.stringify({ Message: message }));
}

function answerBuffered(json: Buffer, response: ServerResponse): FunctionError | undefined {
  const answer = toBufferedAnswer(json);
  if ("errorType" in answer) {
    answerFailure(answer, response);
    return answer;
  }
  const { head, body } = answer;
  const noBody = hasNoBody(response, head.status);
  const length = noBody ? {} : { "content-length": String(body.length) };
  writeHead(response, { ...head, headers: { ...head.headers, ...length } });
  response.end(noBody ? undefined : body);
  return undefined;
}

function toBufferedAnswer(json: Buffer): { head: Head; body: Buffer } | FunctionError {
  const invalid = (problem: string) =>
    functionError("Runtime.InvalidResponse", `The function's result ${problem}.`);
  let result: unknown;
  try {
    result = JSON.parse(json.toString());
  } catch {
    return invalid("is not JSON");
  }
  if (typeof result !== "object" || result === null || !("statusCode" in result)) {
    return {
      head: { status: 200, headers: { "content-type": "application/json" }, cookies: [] },
      body: json,
    };
  }
  const { body, isBase64Encoded } = result as { body?: unknown; isBase64Encoded?: unknown };
  const head = toHead(result as Prelude, "application/json");
  if (head === undefined) return invalid("has a statusCode, headers or cookies that HTTP does not know");
  if (body !== undefined && body !== null && typeof body !== "string")
    return invalid("has a body that is not a string");
  return { head, body: Buffer.from(body ?? "", isBase64Encoded === true ? "base64" : "utf8") };
}

async function answerStreamed(
  outcome: Streamed,
  response: ServerResponse,
): Promise<FunctionError | undefined> {
  const { body, completion, prelude } = outcome;
  // The function's stream closes when the client is gone: locally that is how a model's signal fires.
  const onClose = () => void body.destroy();
  response.once("close", onClose);
  if (response.destroyed) onClose();
  const head =
    prelude === undefined
      ? {
          status: 200,
          headers: { "content-type": outcome.contentType ?? "application/octet-stream" },
          cookies: [],
        }
      : toHead(prelude, "application/octet-stream");
  if (head === undefined) {
    body.destroy();
    const error = functionError(
      "Runtime.InvalidPrelude",
      "The prelude has a status, headers or cookies unknown to HTTP.",
    );
    answerFailure(error, response);
    return error;
  }
  const send = () => {
    writeHead(response, head);
    response.flushHeaders();
  };
  if (prelude !== undefined) send();
  try {
    for await (const chunk of body) {
      if (!response.headersSent) send();
      if (hasNoBody(response, head.status) || response.write(chunk)) continue;
      await Promise.race([once(response, "drain"), once(response, "close")]);
    }
  } catch {
    // Destroyed by onClose: `completion` says so.
  }
  const error = await completion;
  if (error === undefined) {
    if (!response.headersSent) send();
    response.end();
  } else if (response.headersSent) response.destroy();
  else answerFailure(error, response);
  response.off("close", onClose);
  return error;
}

/** `undefined` when HTTP cannot carry it. */
function toHead(prelude: Prelude, defaultType: string): Head | undefined {
  const { statusCode: status = 200, headers: given = {}, cookies = [] } = prelude;
  if (!Number.isInteger(status) || status < 100 || status > 599 || !Array.isArray(cookies)) return undefined;
  const headers: Record<string, string> = { "content-type": defaultType };
  for (const [name, value] of Object.entries(given)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(String(value))) return undefined;
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers[name.toLowerCase()] = String(value);
  }
  return { status, headers, cookies: cookies.map(String) };
}

function writeHead(response: ServerResponse, { status, headers, cookies }: Head): void {
  const all: Record<string, string | string[]> = { ...headers };
  if (cookies.length > 0) all["set-cookie"] = [...cookies];
  response.writeHead(status, all);
}

function hasNoBody(response: ServerResponse, status: number): boolean {
  return response.req.method === "HEAD" || status === 204 || status === 304;
}
