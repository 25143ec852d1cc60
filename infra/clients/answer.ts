// What the model answered: a whole value, or item by item, by the content type of the answer. A failure in the middle of a
// stream, and an end that comes too early, are errors.

import { type ByteSource, chunksOf, textOf } from "./byte-source.ts";
import { ColdframeClientError, factsOf, parseObject, requestIdOf, toldError } from "./client-error.ts";
import { EventParser, type ServerSentEvent } from "./events.ts";
import { readNdjson } from "./ndjson.ts";

/** Items of these say in-band that a stream failed. @param type without parameters, lower-case */
export const tellsErrors = (type: string): boolean => type === "text/event-stream" || NDJSON.test(type);

const NDJSON = /^application\/(x-)?(ndjson|jsonl|jsonlines|json-lines)$/;

/** JSON as a value, NDJSON as an array, text as a string, nothing as `undefined`, anything else as bytes. */
export async function readValue(response: Response, signal: AbortSignal | undefined): Promise<unknown> {
  const type = mediaType(response);
  if (NDJSON.test(type)) return gathered(readItems(response, signal));
  const chunks: Uint8Array[] = [];
  for await (const chunk of unbroken(response, signal)) chunks.push(chunk);
  const bytes = joined(chunks);
  if (isJson(type)) return bytes.length === 0 ? undefined : toJson(new TextDecoder().decode(bytes), response);
  if (type.startsWith("text/")) return new TextDecoder().decode(bytes);
  return bytes.length === 0 && type === "" ? undefined : bytes;
}

/** Text as strings, NDJSON as values, events as events, anything else as bytes; one JSON document is one item. */
export async function* readItems(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, undefined> {
  const type = mediaType(response);
  const body = unbroken(response, signal);
  if (type === "text/event-stream") yield* events(response, body);
  else if (NDJSON.test(type)) {
    for await (const value of readNdjson(body)) {
      if (isError(value, "request_id")) throw streamError(response, value);
      yield value;
    }
  } else if (type.startsWith("text/")) {
    yield* textOf(body, () => {
      throw broken("within a character");
    });
  } else if (isJson(type)) yield await readValue(response, signal);
  else yield* body;
}

async function* events(response: Response, body: ByteSource): AsyncGenerator<ServerSentEvent, undefined> {
  const parser = new EventParser();
  for await (const text of textOf(body)) {
    for (const event of parser.push(text)) {
      if (event.event === "error") throw streamError(response, parseObject(event.data) ?? event.data);
      // OpenAI's routes have no names of events.
      if (event.data.startsWith('{"error":')) {
        const value = parseObject(event.data);
        if (isError(value, "type")) throw streamError(response, value);
      }
      yield event;
    }
  }
  if (parser.isInside) throw broken("within an event");
}

/**
 * The shape of an error and nothing else, for a model may well yield objects with an `error` in them.
 * @param mark what only an error of that format has, beside its message
 */
function isError(value: unknown, mark: "request_id" | "type"): boolean {
  const { error, ...rest } = (value ?? {}) as { error?: Record<string, unknown> | null };
  if (typeof error !== "object" || error === null || Object.keys(rest).length > 0) return false;
  return typeof error["message"] === "string" && typeof error[mark] === "string";
}

/** @param said what is in the stream in place of an item */
function streamError(response: Response, said: unknown): ColdframeClientError {
  const { status, header } = factsOf(response);
  const text = typeof said === "string" ? said : JSON.stringify(said);
  const { code, message, ...own } = toldError(text) ?? { code: "STREAM_FAILED", message: text };
  return new ColdframeClientError(code, message, { status, requestId: requestIdOf(header), ...own });
}

/** The bytes of an answer, to its end. @throws STREAM_BROKEN, the signal's reason */
async function* unbroken(
  { body }: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, undefined> {
  if (body === null) return;
  try {
    yield* chunksOf(body);
  } catch (error) {
    signal?.throwIfAborted();
    throw broken(`early (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

const broken = (where: string, cause?: unknown): ColdframeClientError =>
  new ColdframeClientError("STREAM_BROKEN", `the answer ended ${where}: what came of it is not the whole.`, {
    cause,
  });

function toJson(text: string, response: Response): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { status, header } = factsOf(response);
    const facts = { status, requestId: requestIdOf(header), cause };
    throw new ColdframeClientError("ANSWER_INVALID", "the answer says that it is JSON and is not.", facts);
  }
}

async function gathered(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const mediaType = ({ headers }: Response): string => mediaTypeOf(headers.get("content-type") ?? "");

/** Of a `content-type`: without parameters, lower-case. */
export const mediaTypeOf = (contentType: string): string =>
  contentType.split(";")[0]?.trim().toLowerCase() ?? "";

const isJson = (type: string): boolean => /[/+]json$/.test(type);
