// A link of so many bytes a second, shared by all that goes through it, whose server is so far away: what a function has
// of its network. Run as a program of its own, so that it does not take time from what is measured:
// `node _weights-throttle.ts URL BYTES_PER_S DISTANCE_MS` prints its own URL.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Throttle {
  readonly url: string;
  close(): void;
}

const TICK_MS = 2;
/** What may go at once after a pause: a network's own buffers. */
const BURST_MS = 8;
/** What may wait on one connection before its server is held back. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Start it in front of `target`. @param distanceMs that each request takes to get there */
export async function startThrottle(
  target: string,
  bytesPerSecond: number,
  distanceMs = 0,
): Promise<Throttle> {
  const child: ChildProcess = spawn(
    process.execPath,
    [import.meta.filename, target, String(bytesPerSecond), String(distanceMs)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (child.stdout === null) throw new Error("it has no output");
  const [url] = (await once(child.stdout, "data")) as [Buffer];
  return { url: url.toString().trim(), close: () => void child.kill() };
}

interface Pipe {
  readonly from: Socket;
  readonly to: Socket;
  readonly waiting: Buffer[];
  bytes: number;
  ended: boolean;
}

async function throttle(target: URL, bytesPerSecond: number, distanceMs: number): Promise<void> {
  const pipes = new Set<Pipe>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    const pipe: Pipe = { from: upstream, to: client, waiting: [], bytes: 0, ended: false };
    pipes.add(pipe);
    const forward = (bytes: Buffer) => void upstream.write(bytes);
    client.on("data", (bytes) => (distanceMs > 0 ? setTimeout(forward, distanceMs, bytes) : forward(bytes)));
    client.on("error", () => {});
    client.on("close", () => {
      pipes.delete(pipe);
      upstream.destroy();
    });
    upstream.on("error", () => client.destroy());
    upstream.on("end", () => {
      pipe.ended = true;
    });
    upstream.on("data", (bytes) => {
      pipe.waiting.push(bytes);
      pipe.bytes += bytes.length;
      if (pipe.bytes > MAX_WAITING_BYTES) upstream.pause();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  let allowed = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    allowed = Math.min(allowed + ((now - last) * bytesPerSecond) / 1000, (BURST_MS * bytesPerSecond) / 1000);
    last = now;
    const ready = [...pipes].filter(({ bytes }) => bytes > 0);
    for (const [i, pipe] of ready.entries()) {
      allowed -= send(pipe, Math.floor(allowed / (ready.length - i)));
    }
    for (const pipe of pipes) if (pipe.ended && pipe.bytes === 0) pipe.to.end();
  }, TICK_MS);
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
}

function send(pipe: Pipe, most: number): number {
  let sent = 0;
  while (sent < most) {
    const chunk = pipe.waiting[0];
    if (chunk === undefined) break;
    const part = chunk.subarray(0, most - sent);
    if (part.length === chunk.length) pipe.waiting.shift();
    else pipe.waiting[0] = chunk.subarray(part.length);
    pipe.to.write(part);
    sent += part.length;
  }
  pipe.bytes -= sent;
  if (pipe.bytes < MAX_WAITING_BYTES && pipe.from.isPaused()) pipe.from.resume();
  return sent;
}

if (import.meta.main) {
  await throttle(new URL(process.argv[2] ?? ""), Number(process.argv[3]), Number(process.argv[4]));
}
