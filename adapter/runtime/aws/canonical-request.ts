// What Signature Version 4 signs of a request, as text, and where the signature goes. Nothing is hashed here: Node does
// that at once (sigv4.ts), a browser only asynchronously (the client of function URLs), and the text is the same.
// Source: docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html.

export interface RequestToSign {
  readonly method: string;
  /** Percent-encoded: `encodePath` and `encodeQuery` write it so that what is signed is what is sent. A "+" is a plus. */
  readonly url: URL;
  /** Without `host`, which is the URL's. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly region: string;
  /** As in the name of its endpoint: `s3`, `secretsmanager`, `lambda`. */
  readonly service: string;
  readonly credentials: { readonly accessKeyId: string; readonly sessionToken?: string | undefined };
  /** Milliseconds since 1970, by the clock of AWS. */
  readonly now: number;
}

/** A request, ready to be hashed and signed. */
export interface CanonicalRequest {
  /** To be sent: those given, lower case, and the signature's own but for `authorization`. */
  readonly headers: Record<string, string>;
  readonly text: string;
  /** Date, region, service and a constant: each is the next step's message in making the key. */
  readonly scope: readonly [date: string, region: string, service: string, end: string];
  /** @param hash SHA-256 of `text`, in hex */
  toStringToSign(hash: string): string;
  /** @param signature in hex */
  toAuthorization(signature: string): string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** SHA-256 of nothing, the body of every GET. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What every request may hold as it is; everything else is percent-encoded. */
const RESERVED = /%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~]/g;

/** @param bodyHash SHA-256 of the body in hex, or what S3 takes for it */
export function canonicalRequest(request: RequestToSign, bodyHash: string): CanonicalRequest {
  const { method, url, region, service, credentials, now } = request;
  // S3's names are as they were encoded; all other services encode and tidy the path once more.
  const plainPath = service === "s3" || service === "s3-object-lambda" || service === "s3express";
  const timestamp = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");

  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  headers["x-amz-date"] = timestamp;
  if (credentials.sessionToken) headers["x-amz-security-token"] = credentials.sessionToken;
  if (plainPath) headers["x-amz-content-sha256"] = bodyHash;

  const signed: Record<string, string> = { host: url.host };
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("x-amz-") || name === "content-type")
      signed[name] = value.trim().replace(/ {2,}/g, " ");
  }
  const names = Object.keys(signed).sort();
  const text = [
    method,
    plainPath ? canonical(url.pathname, "/") : tidyPath(url.pathname),
    canonicalQuery(url.search),
    ...names.map((name) => `${name}:${signed[name]}`),
    "",
    names.join(";"),
    bodyHash,
  ].join("\n");

  const scope = [timestamp.slice(0, 8), region, service, "aws4_request"] as const;
  return {
    headers,
    text,
    scope,
    toStringToSign: (hash) => [ALGORITHM, timestamp, scope.join("/"), hash].join("\n"),
    toAuthorization: (signature) =>
      `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope.join("/")}, ` +
      `SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}

/** A name with "/" as the path of a URL, encoded as a signature has it: `a b/ü` is `a%20b/%C3%BC`. */
export function encodePath(name: string): string {
  return name.split("/").map(encode).join("/");
}

/** A query without "?", encoded as a signature has it. What is undefined is left out. */
export function encodeQuery(parameters: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encode(name)}=${encode(value as string)}`)
    .join("&");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, percent);
}

const percent = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** Encoded text in the one form a server gets when it decodes and encodes it again. */
function canonical(encoded: string, kept = ""): string {
  return encoded.replace(RESERVED, (found) => {
    if (found === kept) return found;
    if (found.length === 1) return percent(found);
    const character = String.fromCharCode(Number.parseInt(found.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : found.toUpperCase();
  });
}

function canonicalQuery(search: string): string {
  return search
    .replace(/^\?/, "")
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [, name, value] = /^([^=]*)=?(.*)$/s.exec(pair) as unknown as [string, string, string];
      return [canonical(name), canonical(value)] as const;
    })
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Without empty segments, and encoded twice. Dot segments are gone already: a URL has none. */
function tidyPath(path: string): string {
  return encodePath(path.replace(/\/{2,}/g, "/"));
}
