// What one run put on the wire, so that two runs can be compared: everything but the boundaries of chunks and stack
// frames outside the model's own file. Request ids are the test's, and the same in both runs.

import { createHash } from "node:crypto";
import type { Exchange } from "../../adapter/local/local-lambda.ts";

export interface Wire {
  /** `/runtime/invocation/{id}/response`, `.../error`, `/runtime/init/error` */
  readonly path: string;
  readonly contentType: string | undefined;
  /** `streaming`, or undefined for a buffered answer. */
  readonly mode: string | undefined;
  readonly body: string;
  readonly errorType: string | undefined;
  /** The error's document in the trailer. */
  readonly trailer: string | undefined;
  readonly complete: boolean;
}

/** Longer bodies are compared by their hash. */
const SHOWN_BYTES = 2_000;

export function wireOf({ path, rawHeaders, chunks, rawTrailers, complete }: Exchange): Wire {
  const body = Buffer.concat(chunks);
  const isError = path.endsWith("/error");
  const trailer = valueOf(rawTrailers, "lambda-runtime-function-error-body");
  return {
    path,
    contentType: valueOf(rawHeaders, "content-type"),
    mode: valueOf(rawHeaders, "lambda-runtime-function-response-mode"),
    body: isError ? documentOf(body) : show(body),
    // Only an init error has it as a header; a stream has it as a trailer.
    errorType: valueOf([...rawHeaders, ...rawTrailers], "lambda-runtime-function-error-type"),
    trailer: trailer === undefined ? undefined : documentOf(Buffer.from(trailer, "base64")),
    complete,
  };
}

/** Bytes as text where they are text, readable in a diff. */
function show(bytes: Buffer): string {
  if (bytes.length <= SHOWN_BYTES) return bytes.toString("latin1");
  return `${bytes.length} bytes, sha256 ${createHash("sha256").update(bytes).digest("hex")}`;
}

/** An error document with the order of its keys, and of its trace what does not depend on the client. */
function documentOf(json: Buffer): string {
  const document = JSON.parse(json.toString()) as { trace?: string[] };
  if (document.trace === undefined) return show(json);
  const trace = document.trace.filter((line) => !/^\s+at /.test(line) || line.includes("model/model.ts"));
  return show(Buffer.from(JSON.stringify({ ...document, trace })));
}

function valueOf(raw: readonly string[], name: string): string | undefined {
  return raw.find((_value, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name);
}
