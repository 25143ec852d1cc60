// One answer of the fault proxy, head and body, with its fault. What makes the choice is _faults.ts; connections are
// download/proxy.ts's.

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { ChosenFault, FaultAnswer } from "./_faults.ts";

export interface RequestHead {
  readonly method: string;
  /** As it was sent, with its query. */
  readonly target: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

export interface Client {
  readonly socket: Socket;
  reset(): void;
  /** Aborted when the client has left, or when the proxy is to behave. */
  readonly released: AbortSignal;
}

interface Times {
  readonly stallMs: number;
  readonly slowMs: number;
}

type Headers = [string, string][];

const SLOW_STEPS = 8;
/** What `duplicate` sends twice, at most. */
const TWICE_BYTES = 1000;
/** No client may read this much of a head. */
const ENDLESS_LINES = 2000;

/** Send an answer that is ready. Whether the connection may carry another request. */
export async function sendAnswer(client: Client, method: string, answer: FaultAnswer): Promise<boolean> {
  const headers: Headers = [...answer.headers.map(([name, value]): [string, string] => [name, value])];
  headers.push(["Content-Length", String(answer.body.length)]);
  await write(client, headBytes(answer.status, headers));
  if (method !== "HEAD") await write(client, answer.body);
  return true;
}

/** Send what the server answers, with `fault` done to it. Whether the connection may carry another request. */
export async function sendFault(
  client: Client,
  request: RequestHead,
  fault: ChosenFault | undefined,
  times: Times,
  forward: () => Promise<IncomingMessage>,
): Promise<boolean> {
  switch (fault?.kind) {
    case "reset":
    case "refuse":
      client.reset();
      return false;
    case "close":
      return closed(client);
    case "silent":
      await pause(client, times.stallMs);
      client.reset();
      return false;
    case "garbage":
      await write(client, Buffer.from("\x00\x01SSH-2.0-OpenSSH_9.2\r\nwhat is this\r\n\r\n", "latin1"));
      return closed(client);
    case "endless-head":
      await write(client, Buffer.from("HTTP/1.1 206 Partial Content\r\n"));
      for (let i = 0; i < ENDLESS_LINES; i++) {
        await write(client, Buffer.from(`x-line-${i}: ${"y".repeat(80)}\r\n`));
      }
      await pause(client, times.stallMs);
      client.reset();
      return false;
  }
  const answer = await forward();
  try {
    return await passOn(client, request, answer, fault, times);
  } finally {
    // Does nothing to one that was read to its end.
    answer.destroy();
  }
}

async function passOn(
  client: Client,
  request: RequestHead,
  answer: IncomingMessage,
  fault: ChosenFault | undefined,
  times: Times,
): Promise<boolean> {
  const headers = headersOf(answer);
  // Small documents without a length (lists) are gathered, so that every answer here has one.
  const whole = header(headers, "content-length") === undefined ? await gather(answer) : undefined;
  if (whole !== undefined) headers.push(["Content-Length", String(whole.length)]);
  const length = request.method === "HEAD" ? 0 : Number(header(headers, "content-length"));
  const body = whole === undefined ? (answer as AsyncIterable<Buffer>) : [whole];
  const status = answer.statusCode ?? 502;
  if (length === 0) answer.resume();

  changeHead(headers, fault, length);
  const head = headBytes(status, headers);
  if (fault?.kind === "chunked") return sendChunked(client, head, body);
  if (!(await sendHead(client, head, fault, times))) return false;
  if (length > 0 && !(await sendBody(client, body, length, fault, times))) return false;
  return closes(fault) ? closed(client) : true;
}

function changeHead(headers: Headers, fault: ChosenFault | undefined, length: number): void {
  switch (fault?.kind) {
    case "wrong-content-length":
      set(headers, "content-length", String(fault.coin ? length + 7 : Math.max(0, length - 7)));
      return;
    case "wrong-content-range": {
      const range = header(headers, "content-range");
      const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range ?? "")?.map(Number) ?? [];
      if (from === undefined || to === undefined || size === undefined) return;
      const wrong = fault.coin ? `${from + 1}-${to + 1}/${size + 1}` : `${from}-${to}/${size + 1}`;
      set(headers, "content-range", `bytes ${wrong}`);
      return;
    }
    case "other-object":
      set(headers, "etag", '"0123456789abcdef0123456789abcdef"');
      return;
    case "chunked":
      set(headers, "content-length", undefined);
      headers.push(["Transfer-Encoding", "chunked"]);
      return;
    case "connection-close":
      headers.push(["Connection", "close"]);
  }
}

/** Whether the body may follow. */
async function sendHead(
  client: Client,
  head: Buffer,
  fault: ChosenFault | undefined,
  times: Times,
): Promise<boolean> {
  switch (fault?.kind) {
    case "stall-head":
      await write(client, head.subarray(0, Math.floor(head.length * fault.at)));
      await pause(client, times.stallMs);
      client.reset();
      return false;
    case "slow-head":
      for (const piece of pieces(head, Math.ceil(head.length / SLOW_STEPS))) {
        await pause(client, times.slowMs / SLOW_STEPS);
        await write(client, piece);
      }
      return true;
    case "fragment": {
      // The reader's next wakeup is what separates the pieces; without it the kernel would join them.
      const last = 6;
      await write(client, head.subarray(0, -last));
      for (const piece of pieces(head.subarray(-last), 1)) {
        await pause(client, 1);
        await write(client, piece);
      }
      await pause(client, 1);
      return true;
    }
    default:
      await write(client, head);
      return true;
  }
}

/** Whether all of it was sent. */
async function sendBody(
  client: Client,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  length: number,
  fault: ChosenFault | undefined,
  times: Times,
): Promise<boolean> {
  const at = Math.floor(length * (fault?.at ?? 0));
  const twice = fault?.kind === "duplicate" ? Math.min(TWICE_BYTES, at, length - at) : 0;
  let sent = 0;
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    const bytes = fault?.kind === "other-object" ? chunk.map((byte) => byte ^ 0x5a) : chunk;
    const here = at - sent;
    const strikes = here >= 0 && here < chunk.length;
    sent += chunk.length;
    switch (fault?.kind) {
      case "reset-body":
      case "stall-body":
      case "truncate":
      case "half-close":
        await write(client, strikes ? bytes.subarray(0, here) : bytes);
        if (!strikes) continue;
        if (fault.kind === "truncate") return closed(client);
        if (fault.kind === "half-close") client.socket.end();
        if (fault.kind !== "reset-body") await pause(client, times.stallMs);
        client.reset();
        return false;
      case "flip":
        await write(client, strikes ? flipped(bytes, here, fault.coin ? 0x01 : 0x80) : bytes);
        continue;
      case "duplicate": {
        // Before `at` the latest bytes are remembered, from it on everything is that many bytes late.
        const early = bytes.subarray(0, Math.max(0, Math.min(bytes.length, here)));
        if (early.length > 0) held = tail(Buffer.concat([held, early]), twice);
        await write(client, early);
        const late = Buffer.concat([held, bytes.subarray(early.length)]);
        if (early.length === bytes.length) continue;
        await write(client, late.subarray(0, late.length - twice));
        held = tail(late, twice);
        continue;
      }
      case "slow":
        for (const piece of pieces(bytes, Math.max(1, Math.ceil(length / SLOW_STEPS)))) {
          await pause(client, (times.slowMs * piece.length) / length);
          await write(client, piece);
        }
        continue;
      default:
        await write(client, bytes);
    }
  }
  if (fault?.kind === "extra")
    await write(client, Buffer.from("HTTP/1.1 206 Oh\r\nContent-Length: 3\r\n\r\nxyz"));
  return true;
}

function closes(fault: ChosenFault | undefined): boolean {
  return (
    fault?.kind === "connection-close" ||
    fault?.kind === "idle-close" ||
    // Said to be longer than it is: this is where it ends.
    fault?.kind === "wrong-content-length"
  );
}

async function sendChunked(
  client: Client,
  head: Buffer,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<boolean> {
  await write(client, head);
  for await (const chunk of body) {
    await write(
      client,
      Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]),
    );
  }
  await write(client, Buffer.from("0\r\n\r\n"));
  return true;
}

/** Waits until there is room for more. @throws when the client has left */
function write({ socket }: Client, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (bytes.length === 0) return Promise.resolve();
  socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  return promise;
}

function pause({ released }: Client, milliseconds: number): Promise<void> {
  if (released.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(over, milliseconds);
  released.addEventListener("abort", over, { once: true });
  function over(): void {
    clearTimeout(timer);
    released.removeEventListener("abort", over);
    resolve();
  }
  return promise;
}

/** End the connection in good order, when all that was written has left. */
function closed({ socket }: Client): Promise<false> {
  const { promise, resolve } = Promise.withResolvers<false>();
  if (socket.destroyed) resolve(false);
  else socket.end(() => resolve(false));
  return promise;
}

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

function tail(bytes: Buffer, size: number): Buffer {
  return bytes.subarray(bytes.length - Math.min(size, bytes.length));
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ bit;
  return copy;
}

function headBytes(status: number, headers: Headers): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} -\r\n${lines.join("")}\r\n`, "latin1");
}

/** As the server sent them, without those that concern its own connection. */
function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers: Headers = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = "", value = ""] = rawHeaders.slice(i);
    if (!/^(connection|keep-alive|transfer-encoding)$/i.test(name)) headers.push([name, value]);
  }
  return headers;
}

function header(headers: Headers, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

function set(headers: Headers, name: string, value: string | undefined): void {
  const at = headers.findIndex(([key]) => key.toLowerCase() === name);
  if (at >= 0) headers.splice(at, 1);
  if (value !== undefined) headers.push([name, value]);
}

async function gather(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
