// Requests as bytes, signed by hand: what an SDK would never send, and the header lines as they come. The signer is
// written for the tests alone; it shares nothing with the server it tests.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, sigv4-query-string-auth.html.

import { createHash, createHmac } from "node:crypto";
import { type Agent, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import type { S3Server } from "./_server.ts";

interface Signer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

type Server = Pick<S3Server, "url" | "region" | "credentials">;

export interface RawRequest {
  readonly method?: string;
  /** Encoded, with the bucket: `/bucket/a%20b`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lower-case names. All that begin with x-amz- are signed; the others are not. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Added after signing. */
  readonly unsigned?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly payload?: string;
  /** `false`: anonymous. `query`: presigned. */
  readonly sign?: "header" | "query" | false;
  readonly credentials?: Signer;
  readonly region?: string;
  readonly service?: string;
  readonly time?: Date;
  /** Seconds. */
  readonly expires?: number;
  /** Changes what has been signed. */
  readonly tamper?: (signed: { path: string; headers: Record<string, string> }) => {
    path?: string;
    headers?: Record<string, string>;
  };
  readonly agent?: Agent;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of an error document; "" without one. */
  readonly code: string;
}

const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export async function sendRaw(server: Server, raw: RawRequest): Promise<RawAnswer> {
  const { path, headers } = raw.sign === false ? anonymous(server, raw) : signed(server, raw);
  const changed = raw.tamper?.({ path, headers });
  const { hostname, port } = new URL(server.url);
  const message = httpRequest({
    host: hostname,
    port,
    method: raw.method ?? "GET",
    path: changed?.path ?? path,
    headers: { ...(changed?.headers ?? headers), ...raw.unsigned },
    agent: raw.agent ?? false,
  });
  message.end(raw.body);
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  message.on("error", reject);
  message.on("response", (response) => {
    const pieces: Buffer[] = [];
    response.on("data", (piece: Buffer) => pieces.push(piece));
    response.on("error", reject);
    response.on("end", () => {
      const body = Buffer.concat(pieces);
      const code = /<Code>(\w+)<\/Code>/.exec(body.toString())?.[1] ?? "";
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body, code });
    });
  });
  return promise;
}

/** A presigned URL, as `sendRaw` would send it. */
export function presign(server: Server, raw: RawRequest): string {
  return server.url + signed(server, { ...raw, sign: "query" }).path;
}

function anonymous(server: Pick<S3Server, "url">, { path, query, headers }: RawRequest) {
  const text = queryText(Object.entries(query ?? {}));
  return {
    path: text === "" ? path : `${path}?${text}`,
    headers: { host: new URL(server.url).host, ...headers },
  };
}

function signed(server: Server, raw: RawRequest) {
  const credentials: Signer = raw.credentials ?? server.credentials;
  const token = credentials.sessionToken;
  const time = (raw.time ?? new Date()).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = [time.slice(0, 8), raw.region ?? server.region, raw.service ?? "s3", "aws4_request"];
  const inQuery = raw.sign === "query";
  const payload =
    raw.payload ?? (inQuery ? "UNSIGNED-PAYLOAD" : raw.body === undefined ? EMPTY_SHA256 : sha256(raw.body));
  const headers: Record<string, string> = {
    host: new URL(server.url).host,
    ...raw.headers,
    ...(inQuery ? {} : { "x-amz-date": time, "x-amz-content-sha256": payload }),
    ...(inQuery || token === undefined ? {} : { "x-amz-security-token": token }),
  };
  const names = Object.keys(headers)
    .filter((name) => name === "host" || name.startsWith("x-amz-"))
    .toSorted();
  const credential = `${credentials.accessKeyId}/${scope.join("/")}`;
  const query = Object.entries({
    ...raw.query,
    ...(inQuery
      ? {
          "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
          "X-Amz-Credential": credential,
          "X-Amz-Date": time,
          "X-Amz-Expires": String(raw.expires ?? 300),
          "X-Amz-SignedHeaders": names.join(";"),
          ...(token === undefined ? {} : { "X-Amz-Security-Token": token }),
        }
      : {}),
  });
  const canonical = [
    raw.method ?? "GET",
    raw.path,
    queryText(query),
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim()}`),
    "",
    names.join(";"),
    payload,
  ].join("\n");
  const stringToSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce<Buffer>(
    (before, part) => createHmac("sha256", before).update(part).digest(),
    Buffer.from(`AWS4${credentials.secretAccessKey}`),
  );
  const signature = createHmac("sha256", key).update(stringToSign).digest("hex");
  const text = queryText(inQuery ? [...query, ["X-Amz-Signature", signature]] : query);
  if (!inQuery)
    headers["authorization"] =
      `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { path: text === "" ? raw.path : `${raw.path}?${text}`, headers };
}

function queryText(query: readonly (readonly [string, string])[]): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return query
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
}

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");
