// A model as a server, as a container runs it: a built artifact in a process of its own, called through real sockets.
// Whoever tests a protocol of the server's starts here: build an artifact once, start it as often as wanted.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createIncrementalBuild } from "../../../adapter/build/build.ts";
import { type Files, makeProject } from "../../build/_project.ts";

/** How long a test waits for what must come. */
const PATIENCE_MS = 20_000;

/** Build a project for the server. @returns the artifact's folder */
export async function buildServer(files: Files, project = makeProject(files)): Promise<string> {
  const incremental = await createIncrementalBuild({
    project,
    target: "server",
    architecture: process.arch === "arm64" ? "arm64" : "x86_64",
  });
  const { directory } = await incremental.rebuild();
  await incremental.dispose();
  return directory;
}

export interface ServerOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: index.mjs. */
  readonly main?: string;
  /** Arguments after it. */
  readonly args?: readonly string[];
  /** A program, and its arguments, that starts Node. */
  readonly before?: readonly string[];
  readonly uid?: number;
  /** What is waited for. Default: ready. */
  readonly until?: "listening" | "ready" | "nothing";
}

export interface TestServer {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  /** All log lines so far. */
  log(): readonly LogLine[];
  /** Everything it wrote so far, on either output. */
  written(): readonly string[];
  /** The first log line with this message. */
  logged(message: string): Promise<LogLine>;
  /** How the process ended: its exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** `fetch`, with an answer that was read whole; JSON is sent as such. */
  post(body: unknown, init?: RequestInit): Promise<Answer>;
  get(path: string, init?: RequestInit): Promise<Answer>;
  /** A socket of its own. */
  connect(): Promise<RawConnection>;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON answer. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  readonly json: any;
}

/** Start an artifact; it is killed with its test. */
export async function startServer(
  t: TestContext,
  artifact: string,
  options: ServerOptions = {},
): Promise<TestServer> {
  const { env, main = "index.mjs", args = [], before = [], uid, until = "ready" } = options;
  const [file = "", ...rest] = [...before, process.execPath, join(artifact, main), ...args];
  const child = spawn(file, rest, {
    env: { PATH: process.env["PATH"], PORT: "0", COLDFRAME_HOST: "127.0.0.1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid !== undefined && { uid }),
  });
  t.after(() => child.kill("SIGKILL"));
  const lines: LogLine[] = [];
  let unfinished = "";
  let other = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const whole = (unfinished + text).split("\n");
    unfinished = whole.pop() ?? "";
    for (const line of whole) lines.push(toLine(line));
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    other += text;
  });
  let over = false;
  const ended = once(child, "close").then(([code, signal]) => {
    over = true;
    return (code ?? signal) as number | string;
  });

  async function logged(message: string): Promise<LogLine> {
    for (const until = Date.now() + PATIENCE_MS; ; await pause()) {
      const line = lines.find((candidate) => candidate.message === message);
      if (line) return line;
      if (over || Date.now() > until) {
        throw new Error(`the server never said "${message}":\n${JSON.stringify(lines, null, 1)}\n${other}`);
      }
    }
  }

  if (until !== "nothing") await logged("listening");
  if (until === "ready") await logged("cold start");
  const port = Number(lines.find(({ message }) => message === "listening")?.["port"] ?? 0);
  const url = `http://127.0.0.1:${port}`;
  return {
    child,
    port,
    url,
    log: () => lines,
    written: () => [...lines.map((line) => JSON.stringify(line)), unfinished, other],
    logged,
    ended,
    post: (body, init) => {
      const headers = { "content-type": "application/json", ...(init?.headers as object) };
      return ask(`${url}/predict`, { method: "POST", body: JSON.stringify(body), ...init, headers });
    },
    get: (path, init) => ask(`${url}${path}`, init),
    connect: () => connectTo(t, port),
  };
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const { status, headers } = response;
  return { status, headers, text, json: isJson && text ? JSON.parse(text) : undefined };
}

function toLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "", message: text };
  }
}

/** A connection whose bytes a test writes and reads itself. */
export interface RawConnection {
  readonly socket: Socket;
  write(text: string): void;
  /** Everything received, once it matches. Rejects when the connection ends before. */
  reads(pattern: RegExp): Promise<string>;
  /** Everything received, once the other side has closed; `reset` when it did so with a RST. */
  closed(): Promise<{ text: string; reset: boolean }>;
}

export async function connectTo(t: TestContext, port: number): Promise<RawConnection> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  t.after(() => socket.destroy());
  let text = "";
  let reset = false;
  let over = false;
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    reset ||= error.code === "ECONNRESET";
    over = true;
  });
  socket.on("end", () => {
    over = true;
  });
  await once(socket, "connect");
  const until = async (done: () => boolean) => {
    for (const limit = Date.now() + PATIENCE_MS; !done(); await pause()) {
      if (Date.now() > limit) throw new Error(`waited in vain; received:\n${text}`);
    }
  };
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    async reads(pattern) {
      await until(() => pattern.test(text) || over);
      if (!pattern.test(text)) throw new Error(`the connection ended before ${pattern}:\n${text}`);
      return text;
    },
    async closed() {
      await until(() => over);
      return { text, reset };
    },
  };
}

/** The bytes of a POST to /predict. */
export function rawPost(body: unknown, headers: Readonly<Record<string, string>> = {}): string {
  const text = JSON.stringify(body);
  const all = { host: "test", "content-type": "application/json", "content-length": text.length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `POST /predict HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${text}`;
}

export const pause = (ms = 10): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A port that nobody uses right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** What a reader of a chunked body has to see of an answer that is whole. */
export const isWhole = (text: string): boolean => text.endsWith("0\r\n\r\n");
