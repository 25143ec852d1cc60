// The process of the callers: HTTP/1.1 by hand over plain sockets, because a client that costs as much as the server would
// be what is measured. It reads what it must of an answer, its status and where it ends, and believes the rest.

import { connect, type Socket } from "node:net";
import type { Answers, Round } from "./_load.ts";

const HEAD_END = "\r\n\r\n";

/** The last bytes of a chunked body. */
const LAST_CHUNK = "0\r\n\r\n";

process.on("message", async (round: Round) => {
  process.send?.(await callAll(round));
});

async function callAll(round: Round): Promise<Answers> {
  const requests = round.bodies.map((body) => Buffer.from(requestText(round, body)));
  const times: number[] = [];
  const firstChunks: number[] = [];
  let failures = 0;
  let firstFailure: string | undefined;
  let next = 0;
  const cpuBefore = process.cpuUsage();
  const from = performance.now();
  const until = from + round.milliseconds;

  async function caller(): Promise<void> {
    const socket = connect({ port: round.port, host: "127.0.0.1", noDelay: true });
    const read = reader(socket);
    while (performance.now() < until) {
      const sent = performance.now();
      socket.write(requests[next++ % requests.length] as Buffer);
      const answer = await read();
      if (answer?.status !== 200) {
        failures++;
        firstFailure ??= answer ? `status ${answer.status}` : "the connection ended";
      }
      if (answer === undefined) break;
      times.push(performance.now() - sent);
      firstChunks.push(answer.firstChunkAt - sent);
    }
    socket.destroy();
  }

  await Promise.all(Array.from({ length: round.connections }, caller));
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const sorted = (values: number[]) => values.sort((a, b) => a - b);
  return {
    perSecond: times.length / seconds,
    times: sorted(times),
    firstChunks: sorted(firstChunks),
    failures,
    firstFailure,
    cpuShare: (user + system) / 1e6 / seconds,
  };
}

function requestText({ path, headers }: Round, body: string): string {
  const all = {
    host: "localhost",
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}${HEAD_END}${body}`;
}

interface Answer {
  readonly status: number;
  readonly firstChunkAt: number;
}

/** @returns waits for one answer; undefined when the connection ended before it did */
function reader(socket: Socket): () => Promise<Answer | undefined> {
  let give: (answer: Answer | undefined) => void = () => {};
  let status = 0;
  /** Of the body; undefined when it comes in chunks. */
  let left: number | undefined = 0;
  let firstChunkAt = 0;
  let head = "";
  let tail = "";
  let inBody = false;

  function takeBody(chunk: Buffer): void {
    if (chunk.length > 0) firstChunkAt ||= performance.now();
    if (left !== undefined) left -= chunk.length;
    else
      tail = (tail + chunk.toString("latin1", Math.max(0, chunk.length - LAST_CHUNK.length))).slice(
        -LAST_CHUNK.length,
      );
    if (left === undefined ? tail !== LAST_CHUNK : left > 0) return;
    inBody = false;
    const answer = { status, firstChunkAt };
    [head, tail, firstChunkAt] = ["", "", 0];
    give(answer);
  }

  socket.on("data", (chunk: Buffer) => {
    if (inBody) return takeBody(chunk);
    const before = head.length;
    head += chunk.toString("latin1");
    const end = head.indexOf(HEAD_END);
    if (end < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end))?.[1];
    status = Number(head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
    left = length === undefined ? undefined : Number(length);
    inBody = true;
    takeBody(chunk.subarray(end + HEAD_END.length - before));
  });
  socket.on("error", () => {});
  socket.on("close", () => give(undefined));
  return () => {
    if (socket.destroyed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      give = resolve;
    });
  };
}
