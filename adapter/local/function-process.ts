// One process of the function and what can be done to it from outside: freeze, thaw, kill, read its lines. It never
// outlives its parent, not even stopped and with the parent killed. When to do what is environment.ts.

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Command } from "./runtime-command.ts";

export interface FunctionProcess {
  readonly pid: number;
  /** Settles with the way it ended, in the platform's words: `exit status 1`, `signal: killed`, ... */
  readonly exited: Promise<string>;
  /** No effect on Windows, which has no SIGSTOP. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL, which needs no cooperation: AWS's client hangs in process.exit(), and a stopped process hears nothing. */
  kill(): Promise<void>;
}

const canFreeze = process.platform !== "win32";
const alive = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** @throws when the program cannot be started at all */
export async function spawnFunction(
  command: Command,
  cwd: string,
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<FunctionProcess> {
  const child = spawn(command.file, command.args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  // A signal that can no longer be sent is no event of ours.
  child.on("error", () => {});
  alive.add(child);
  const watchdog = watch(child.pid as number);
  const linesRead = Promise.all([readLines(child.stdout, onLine), readLines(child.stderr, onLine)]);
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      alive.delete(child);
      watchdog?.kill("SIGKILL");
      resolve(
        signal === null ? `exit status ${code}` : `signal: ${signal === "SIGKILL" ? "killed" : signal}`,
      );
    });
  });
  return {
    pid: child.pid as number,
    exited,
    freeze: () => void (canFreeze && child.kill("SIGSTOP")),
    thaw: () => void (canFreeze && child.kill("SIGCONT")),
    async kill() {
      child.kill("SIGKILL");
      await exited;
      await linesRead;
    },
  };
}

/**
 * A shell that waits for the end of its standard input, which comes when this process is gone for whatever reason, and
 * then kills the function's process: a stopped one could not notice.
 */
function watch(pid: number): ChildProcess | undefined {
  if (!canFreeze) return undefined;
  const script = 'trap "" INT TERM HUP; read -r _; kill -KILL "$0"';
  const shell = spawn("/bin/sh", ["-c", script, String(pid)], { stdio: ["pipe", "ignore", "ignore"] });
  shell.on("error", () => {}).unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return shell;
}

/** Only "\n" ends a line: the runtime writes a carriage return for a break inside one. */
function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return new Promise((resolve) => {
    stream.once("close", () => {
      if (rest !== "") onLine(rest);
      resolve();
    });
  });
}
