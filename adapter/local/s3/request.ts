// What a request is about: bucket and key from its path (path style) or its Host (virtual-host style), and its query.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html.

import type { IncomingMessage } from "node:http";
import { S3Error } from "./s3-error.ts";

/** Bytes of UTF-8. */
const KEY_LIMIT_BYTES = 1024;

const PLAIN_HOST = /^(s3\.)?localhost$|^s3([.-][a-z0-9-]+)*\.amazonaws\.com$/;
const VIRTUAL_HOST = /^(.+?)\.(?:(?:s3\.)?localhost|s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com)$/;

export interface S3Request {
  readonly method: string;
  /** "" when the request is about the service itself. */
  readonly bucket: string;
  /** "" when it is about the bucket. */
  readonly key: string;
  /** The first value of each name; a name without "=" has "". */
  readonly query: ReadonlyMap<string, string>;
  /** All of them, in their order, decoded. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The path, decoded. */
  readonly path: string;
  /** Lower-case names; several of one name are joined with ",". */
  readonly headers: Readonly<Record<string, string>>;
  /** The headers, and the x-amz-* that a presigned URL has in its query instead. */
  readonly fields: Readonly<Record<string, string>>;
}

/** @throws InvalidURI, KeyTooLongError */
export function readRequest(message: IncomingMessage): S3Request {
  const url = message.url ?? "/";
  const mark = url.indexOf("?");
  const path = decode(mark < 0 ? url : url.slice(0, mark));
  const parameters = mark < 0 ? [] : readQuery(url.slice(mark + 1));
  const query = new Map<string, string>();
  for (const [name, value] of parameters) if (!query.has(name)) query.set(name, value);
  const headers = readHeaders(message.rawHeaders);
  const { bucket, key } = readTarget(path, headers["host"] ?? "");
  if (Buffer.byteLength(key) > KEY_LIMIT_BYTES) {
    throw new S3Error("KeyTooLongError", {
      elements: { Size: Buffer.byteLength(key), MaxSizeAllowed: KEY_LIMIT_BYTES },
    });
  }
  const hoisted = query.has("X-Amz-Signature")
    ? parameters.filter(([name]) => name.startsWith("x-amz-"))
    : [];
  const fields = { ...Object.fromEntries(hoisted), ...headers };
  return { method: message.method ?? "GET", bucket, key, query, parameters, path, headers, fields };
}

function readTarget(path: string, host: string): { bucket: string; key: string } {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  const virtual = PLAIN_HOST.test(name) ? null : VIRTUAL_HOST.exec(name);
  if (virtual !== null) return { bucket: virtual[1] as string, key: path.slice(1) };
  const slash = path.indexOf("/", 1);
  return slash < 0
    ? { bucket: path.slice(1), key: "" }
    : { bucket: path.slice(1, slash), key: path.slice(slash + 1) };
}

function readQuery(text: string): [string, string][] {
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      // Only in the query is a plus a space; in a path it is itself.
      const part = (raw: string) => decode(raw.replaceAll("+", "%20"));
      return equals < 0 ? [part(pair), ""] : [part(pair.slice(0, equals)), part(pair.slice(equals + 1))];
    });
}

function readHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const value = raw[i + 1] as string;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before},${value}`;
  }
  return headers;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidURI", { elements: { URI: text } });
  }
}
