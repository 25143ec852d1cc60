// HTTP/1.1 as far as fetching weights needs it: the request's head, the answer's head, where a body ends. Pure functions
// over text and bytes; no socket, no policy. Source: RFC 9110 and RFC 9112.

/** What went wrong on the wire, as opposed to what a server answered. Never leaves this folder. */
export class WireError extends Error {
  /** The socket's code, or a word of ours: `TIMEOUT`, `CUT`, `PROTOCOL`. */
  readonly code: string;
  /** Trying again cannot help: a certificate that is not trusted. */
  readonly fatal: boolean;

  constructor(code: string, message: string, fatal = false) {
    super(message);
    this.name = "WireError";
    this.code = code;
    this.fatal = fatal;
  }
}

/** No retry makes a certificate valid. */
const UNTRUSTED =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** A socket's error, in words. @param what was being done */
export function toWireError(error: unknown, what: string): WireError {
  if (error instanceof WireError) return error;
  const { code = "FAILED", message } = error as NodeJS.ErrnoException;
  return new WireError(code, `${what}: ${message}`, UNTRUSTED.test(code));
}

export type Headers = Readonly<Record<string, string>>;

/** The first lines of an answer. */
export interface Head {
  readonly status: number;
  /** Lower-case names; repeated ones joined with ", ". */
  readonly headers: Headers;
  /** The server keeps the connection open after the body. */
  readonly keepAlive: boolean;
}

/** How the end of a body is found; `length` has the number of bytes. */
export type Framing = number | "chunked" | "close";

/** Sent with every request, so that an operator of a server knows who asks. */
const USER_AGENT = `coldframe/1 node/${process.versions.node}`;
/** Control characters, which could end a header, and what latin1 cannot carry. */
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |$)/;
/** Beyond 15 digits a number is not exact any more. */
const LENGTH = /^\d{1,15}$/;

/** The head of a request, to be written as latin1. @param proxied to a proxy that forwards plain HTTP: names the whole URL */
export function formatRequest(
  method: "GET" | "HEAD",
  url: URL,
  headers: Readonly<Record<string, string | undefined>>,
  proxied: boolean,
): string {
  const sent: Record<string, string> = { host: url.host, "user-agent": USER_AGENT };
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) sent[name.toLowerCase()] = value;
  }
  // Whatever was asked for: encoded bytes are not the bytes the checksums are of.
  sent["accept-encoding"] = "identity";
  let text = `${method} ${proxied ? url.origin : ""}${url.pathname}${url.search} HTTP/1.1\r\n`;
  for (const name in sent) {
    const value = sent[name] as string;
    if (!HEADER_NAME.test(name) || UNSENDABLE.test(value)) {
      throw new WireError("PROTOCOL", `the header ${JSON.stringify(name)} cannot be sent`, true);
    }
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/** The head that asks a proxy for a tunnel. @param authority host and port */
export function formatConnect(authority: string, authorization: string | undefined): string {
  const credentials = authorization === undefined ? "" : `proxy-authorization: ${authorization}\r\n`;
  return `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\nuser-agent: ${USER_AGENT}\r\n${credentials}\r\n`;
}

/** @param text without the empty line that ends it. @throws WireError */
export function parseHead(text: string): Head {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const match = STATUS_LINE.exec(statusLine);
  if (!match) throw new WireError("PROTOCOL", "the server does not speak HTTP/1.1");
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    // Also refuses a folded line, which two readers read in two ways.
    if (!HEADER_NAME.test(name)) throw new WireError("PROTOCOL", "a header of the answer is malformed");
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  const http11 = match[1] === "1";
  const options = (headers["connection"] ?? "").toLowerCase();
  return {
    status: Number(match[2]),
    headers,
    keepAlive: http11 ? !options.includes("close") : options.includes("keep-alive"),
  };
}

/** @throws WireError when two readers could disagree */
export function framing(method: "GET" | "HEAD", { status, headers }: Head): Framing {
  if (method === "HEAD" || status === 204 || status === 304) return 0;
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") {
      throw new WireError("PROTOCOL", `the answer has the transfer encoding ${JSON.stringify(coding)}`);
    }
    if (length !== undefined) throw new WireError("PROTOCOL", "the answer has a length and is chunked, too");
    return "chunked";
  }
  if (length === undefined) return "close";
  if (!LENGTH.test(length)) {
    throw new WireError("PROTOCOL", `the answer has the length ${JSON.stringify(length)}`);
  }
  return Number(length);
}

/** The bytes a request is for, and what pins them. */
export interface Expected {
  /** `undefined`: the whole file was asked for, without a Range. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
  /** Of the whole file. */
  readonly size: number;
  readonly etag: string | undefined;
}

/**
 * Whether an answer is exactly the bytes asked for. `answer`: something else, for the source to judge; `changed`: another
 * object than the pinned one, with what was found.
 * @throws WireError for what claims to be the bytes and is not
 */
export function checkData(head: Head, expected: Expected): "data" | "answer" | { readonly changed: string } {
  const { status, headers } = head;
  const { range, size, etag } = expected;
  if (status < 200 || status > 299) return "answer";
  if (status !== (range ? 206 : 200)) {
    const asked = range ? `bytes ${range.start}-${range.end - 1}` : "the whole file";
    throw new WireError("PROTOCOL", `answered ${status} to a request for ${asked}`);
  }
  const length = framing("GET", head);
  if (typeof length !== "number") throw new WireError("PROTOCOL", `answered ${status} without a length`);
  if (range) {
    const found = headers["content-range"] ?? "";
    const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(found);
    if (!match) throw new WireError("PROTOCOL", `answered 206 with Content-Range ${JSON.stringify(found)}`);
    if (Number(match[3]) !== size) return { changed: `a size of ${match[3]}` };
    if (Number(match[1]) !== range.start || Number(match[2]) !== range.end - 1) {
      throw new WireError(
        "PROTOCOL",
        `answered ${found} to a request for bytes ${range.start}-${range.end - 1}`,
      );
    }
    if (length !== range.end - range.start) {
      throw new WireError("PROTOCOL", `announced ${length} bytes of ${range.end - range.start}`);
    }
  } else if (length !== size) return { changed: `a size of ${length}` };
  if (etag !== undefined && headers["etag"] !== etag) {
    return { changed: headers["etag"] === undefined ? "no ETag" : `the ETag ${headers["etag"]}` };
  }
  return "data";
}

/** Takes a chunked body apart, in whatever pieces it comes. */
export class Chunks {
  done = false;
  #state: "size" | "data" | "data-end" | "trailer" = "size";
  #line = "";
  #left = 0;

  /** Calls `onData` with views of `bytes`. Returns how many bytes belong to the body's encoding. @throws WireError */
  push(bytes: Uint8Array, onData: (bytes: Uint8Array) => void): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#left);
        onData(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = "data-end";
        continue;
      }
      const byte = bytes[at++] as number;
      if (byte !== 0x0a) {
        this.#line += String.fromCharCode(byte);
        if (this.#line.length > MAX_LINE) throw new WireError("PROTOCOL", "a chunk's line is too long");
        continue;
      }
      if (!this.#line.endsWith("\r")) throw new WireError("PROTOCOL", "a chunk's line is malformed");
      this.#onLine(this.#line.slice(0, -1));
      this.#line = "";
    }
    return at;
  }

  #onLine(line: string): void {
    if (this.#state === "trailer") {
      if (line === "") this.done = true;
    } else if (this.#state === "data-end") {
      if (line !== "") throw new WireError("PROTOCOL", "a chunk is longer than it said");
      this.#state = "size";
    } else {
      const size = /^([0-9a-fA-F]{1,8})(?:[ \t]*;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw new WireError("PROTOCOL", "a chunk has no size");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    }
  }
}

/** Of one line between chunks. */
const MAX_LINE = 4096;
