// `multipart/form-data` as an object: a field is its string, a file is its bytes with a name and a type, a part of
// JSON is its value, and a name that occurs more than once has an array.
//
// Not `new Response(body).formData()`: it does not tell the type of a field, which is how a JSON part is known, and it
// loads Node's fetch. Sources: RFC 7578, RFC 2046 5.1.1, and WHATWG HTML for what browsers escape in a name.

import { ColdframeError } from "../errors.ts";
import type { FormFile } from "../input.ts";
import { decodeText } from "./text.ts";

/** Of one form; each costs a search for its end. */
const MAX_PARTS = 1000;

/** Of one part, all together. */
const MAX_HEADER_BYTES = 16 * 1024;

const END_OF_HEADERS = "\r\n\r\n";

/** Whether a media type says that its content is one JSON value. */
export const isJson = (essence: string): boolean => /^(application\/json|[^;]+\+json)$/.test(essence);

/**
 * A form's parts by name.
 * @param boundary of its content type
 * @throws INPUT_INVALID, INPUT_UNSUPPORTED
 */
export function readMultipart(body: Buffer, boundary: string | undefined): Record<string, unknown> {
  if (!boundary) throw invalid("its content-type has no boundary");
  const values = new Map<string, unknown[]>();
  let count = 0;
  for (const part of partsOf(body, boundary)) {
    if (++count > MAX_PARTS) throw invalid(`it has over ${MAX_PARTS} parts`);
    const named = readPart(part, count);
    if (!named) continue;
    const [name, value] = named;
    const before = values.get(name);
    if (before) before.push(value);
    else values.set(name, [value]);
  }
  // From entries, so that a field named __proto__ is a property like any other.
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length === 1 ? all[0] : all]));
}

/** What is between two boundaries: headers, an empty line, content. */
function* partsOf(body: Buffer, boundary: string): Generator<Buffer> {
  let start = endOfBoundary(body, boundary, -1);
  if (!start) throw invalid("it has no boundary line like its content-type says");
  while (!start.last) {
    const next = endOfBoundary(body, boundary, start.after - 2);
    if (!next) throw invalid("it ends before its last boundary");
    // Without headers and content, a boundary's line break is also that of the next one.
    yield body.subarray(start.after, Math.max(next.before, start.after));
    start = next;
  }
}

interface Boundary {
  /** Where the content before it ends, and what follows it begins. */
  readonly before: number;
  readonly after: number;
  /** Whether it closes the form. */
  readonly last: boolean;
}

const DASH = 0x2d;

/** The next line that is a boundary, and does not only begin like one. */
function endOfBoundary(body: Buffer, boundary: string, from: number): Boundary | undefined {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first may begin the body, where no line break precedes it.
  let at =
    from < 0 && body.indexOf(delimiter.subarray(2)) === 0 ? -2 : body.indexOf(delimiter, Math.max(from, 0));
  for (; at !== -1; at = body.indexOf(delimiter, at + 2)) {
    let end = at + delimiter.length;
    if (body[end] === DASH && body[end + 1] === DASH) return { before: at, after: end + 2, last: true };
    while (body[end] === 0x20 || body[end] === 0x09) end++;
    if (body[end] === 0x0d && body[end + 1] === 0x0a) return { before: at, after: end + 2, last: false };
  }
  return undefined;
}

/** @returns its name and value; nothing for the file of a form in which none was chosen */
function readPart(part: Buffer, ordinal: number): [name: string, value: unknown] | undefined {
  const end = part.indexOf(END_OF_HEADERS);
  if (end < 0 || end > MAX_HEADER_BYTES) {
    throw invalid(
      `part ${ordinal} has no empty line after its headers, or over ${MAX_HEADER_BYTES} bytes of them`,
    );
  }
  const headers = readHeaders(part.subarray(0, end));
  const content = part.subarray(end + END_OF_HEADERS.length);
  const [kind, disposition] = splitValue(headers.get("content-disposition") ?? "");
  const name = disposition.get("name");
  if (kind !== "form-data" || name === undefined) {
    throw invalid(`part ${ordinal} has no content-disposition like form-data; name="..."`);
  }
  const transfer = headers.get("content-transfer-encoding") ?? "binary";
  if (!/^(7bit|8bit|binary)$/i.test(transfer)) {
    throw new ColdframeError(
      "INPUT_UNSUPPORTED",
      `content-transfer-encoding ${transfer} of part "${name}" is not supported, only binary.`,
    );
  }
  const sent = headers.get("content-type");
  const [type, parameters] = splitValue(sent ?? "text/plain");
  const fileName = disposition.get("filename");
  if (fileName === "" && content.length === 0) return undefined;
  if (isJson(type)) return [name, parsePart(content, name, parameters.get("charset"))];
  if (fileName === undefined && (sent === undefined || type.startsWith("text/"))) {
    return [name, decodeText(content, parameters.get("charset") ?? null, `part "${name}"`)];
  }
  const file = { name: fileName ?? "", type: sent ?? "application/octet-stream" };
  return [name, Object.assign(content, file) satisfies FormFile];
}

function parsePart(content: Buffer, name: string, charset: string | undefined): unknown {
  try {
    return JSON.parse(decodeText(content, charset ?? null, `part "${name}"`));
  } catch (cause) {
    if (cause instanceof ColdframeError) throw cause;
    throw new ColdframeError(
      "INPUT_INVALID",
      `part "${name}" is not valid JSON: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

function readHeaders(bytes: Buffer): ReadonlyMap<string, string> {
  const lines = bytes.toString().split("\r\n");
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, Math.max(colon, 0)).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** `form-data; name="a"` as its value, in lower case, and its parameters. */
function splitValue(header: string): [value: string, parameters: ReadonlyMap<string, string>] {
  const parameters = new Map<string, string>();
  for (const [, key = "", quoted, plain = ""] of header.matchAll(PARAMETER)) {
    const name = key.toLowerCase();
    // RFC 5987, as Python's requests sends a name that is not ASCII; it wins over the plain one.
    if (name.endsWith("*")) parameters.set(name.slice(0, -1), fromExtended(quoted ?? plain));
    else if (!parameters.has(name)) parameters.set(name, quoted === undefined ? plain : unquote(quoted));
  }
  return [(header.split(";")[0] ?? "").trim().toLowerCase(), parameters];
}

const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;

/** Browsers write three characters as percent codes, curl may write a backslash before a quote. */
const unquote = (text: string): string =>
  text.replace(/\\(["\\])/g, "$1").replace(/%(22|0D|0A)/g, (code) => decodeURIComponent(code));

function fromExtended(value: string): string {
  const encoded = value.replace(/^[^']*'[^']*'/, "");
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

const invalid = (reason: string): ColdframeError =>
  new ColdframeError("INPUT_INVALID", `the body is not valid multipart/form-data: ${reason}.`);
