// One downloader at a time in a data root. Within one network namespace the turn is an abstract unix socket: the kernel knows one owner
// of its name among processes and threads, frees it when the owner dies in whatever way, and carries the owner's
// progress to those who wait. A lock file beside the trees adds those who share the folder and not the socket: other
// containers, other hosts, other systems than Linux. Source: unix(7).

import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { createServer, connect as netConnect, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Lock, takeLock, watchLock } from "./lock.ts";

/** How much more than all there is to know one who waits may leave unread before it is cut off. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Between attempts while the name changes hands. */
const RETRY_MS = 5;
const MAX_RETRY_MS = 250;

export type Turn = OwnTurn | OthersTurn;

/** The caller's turn: nobody else of this name writes to the root until `release`. */
export interface OwnTurn {
  readonly first: true;
  /**
   * Send a line to those who wait. `passing`: only to those who wait now, such as progress; every other line is also
   * sent to those who come later.
   */
  tell(line: object, passing?: boolean): void;
  /** Aborts when somebody else may have the turn now: stop writing. Possible only on shared volumes. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Somebody else has it. When `over` resolves, look whether the tree is ready, and take a turn if it is not. */
export interface OthersTurn {
  readonly first: false;
  /** Nothing comes from an owner that shares the folder only. */
  onLine(listener: (line: object) => void): void;
  readonly over: Promise<void>;
  /** Stop waiting; `over` resolves. */
  leave(): void;
}

/**
 * Take the turn, or watch the one who has it. The data root is created when it is missing.
 * @param turn its name: one for the whole root, because two trees may share a file that is being fetched
 */
export async function takeTurn(root: string, turn: string): Promise<Turn> {
  const trees = join(root, "trees");
  mkdirSync(trees, { recursive: true });
  const file = join(trees, `${turn}.lock`);
  if (process.platform !== "linux") return lockedTurn(file, undefined);
  const name = socketName(root, turn);
  for (let delay = RETRY_MS; ; delay = Math.min(2 * delay, MAX_RETRY_MS)) {
    const server = await listen(name);
    if (server !== "taken") return lockedTurn(file, server);
    const socket = await connect(name);
    if (socket !== undefined) return socketWatch(socket);
    await wait(delay);
  }
}

/** The name of a turn. The leading NUL makes it abstract: no file, and no trace of a killed owner. */
export function socketName(root: string, turn: string): string {
  const facts = JSON.stringify([realpathSync(root), turn]);
  return `\0coldframe-${createHash("sha256").update(facts).digest("hex")}`;
}

/** The server that owns the name, "taken", or `undefined` where the system has no such sockets. */
function listen(name: string): Promise<Server | "taken" | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code === "EADDRINUSE" ? "taken" : undefined),
    );
    // Exclusive: workers of node:cluster would share the socket of their parent.
    server.listen({ path: name, exclusive: true }, () => {
      server.removeAllListeners("error").on("error", () => {});
      resolve(server);
    });
  });
}

function connect(name: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = netConnect({ path: name });
    socket.once("error", () => resolve(undefined));
    socket.once("connect", () => {
      // An owner that is killed resets the connection; "close" follows.
      socket.removeAllListeners("error").on("error", () => {});
      resolve(socket);
    });
  });
}

function lockedTurn(file: string, server: Server | undefined): Turn {
  let lock: Lock | undefined;
  try {
    lock = takeLock(file, server !== undefined);
  } catch (error) {
    server?.close();
    throw error;
  }
  if (lock !== undefined) return ownTurn(lock, server);
  // With the socket, so that of all processes here only this one looks at the file.
  const watch = watchLock(file, server !== undefined);
  const sockets = followers(server);
  const over = watch.over.then(() => closed(server, sockets));
  return { first: false, onLine: () => {}, over, leave: watch.leave };
}

function ownTurn(lock: Lock, server: Server | undefined): OwnTurn {
  const kept: string[] = [];
  let keptBytes = 0;
  const sockets = followers(server, (socket) => {
    if (kept.length > 0) socket.write(kept.join(""));
  });
  // A process that has nothing else to do may end; the kernel frees the name.
  server?.unref();
  return {
    first: true,
    lost: lock.lost,
    tell(line, passing = false) {
      const text = `${JSON.stringify(line)}\n`;
      if (!passing) {
        kept.push(text);
        keptBytes += Buffer.byteLength(text);
      }
      for (const socket of sockets) {
        socket.write(text);
        // Stopped, perhaps; it comes back for the lines that are kept.
        if (socket.writableLength > keptBytes + MAX_UNREAD_BYTES) socket.destroy();
      }
    },
    async release() {
      lock.release();
      await closed(server, sockets);
    },
  };
}

/** Those who are connected. */
function followers(server: Server | undefined, onFollower?: (socket: Socket) => void): Set<Socket> {
  const sockets = new Set<Socket>();
  server?.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    // Nothing is expected, but its end is only seen by reading.
    socket.unref().resume();
    onFollower?.(socket);
  });
  return sockets;
}

/** The name first, so that whoever is told finds it free. */
function closed(server: Server | undefined, sockets: ReadonlySet<Socket>): Promise<void> {
  if (server === undefined) return Promise.resolve();
  const handle = new Promise<void>((resolve) => {
    // Its callback would wait for the connections as well, some of which may be stopped for long.
    setImmediate(resolve);
    server.close();
  });
  for (const socket of sockets) {
    if (socket.writableLength > 0) socket.destroy();
    else socket.end();
  }
  return handle;
}

function socketWatch(socket: Socket): OthersTurn {
  const listeners: ((line: object) => void)[] = [];
  const early: object[] = [];
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) {
      const parsed = JSON.parse(line) as object;
      if (listeners.length === 0) early.push(parsed);
      for (const listener of listeners) listener(parsed);
    }
  });
  return {
    first: false,
    onLine(listener) {
      listeners.push(listener);
      for (const line of early.splice(0)) listener(line);
    },
    over: new Promise((resolve) => socket.once("close", () => resolve())),
    leave: () => void socket.destroy(),
  };
}
