// Runs the coldframe command as a user does: its own process, its own standard streams.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

const MAIN = join(import.meta.dirname, "../../adapter/cli/main.ts");
const PROJECTS = join(import.meta.dirname, "../fixtures/projects");

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param input standard input; without it there is none */
export async function coldframe(args: readonly string[], input?: string | Buffer, env = {}): Promise<Ended> {
  const child = start(args, input === undefined ? "ignore" : "pipe", env);
  child.stdin?.end(input);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, stdout: await stdout, stderr: await stderr };
}

export interface Running {
  readonly child: ChildProcess;
  /** All of standard error so far. */
  said(): string;
  /** The first match in standard error after `from`; rejects after five seconds. */
  says(pattern: RegExp, from?: number): Promise<RegExpExecArray>;
  ended: Promise<number | null>;
}

/** A command that goes on, ended with its test. */
export function coldframeRunning(t: TestContext, args: readonly string[]): Running {
  const child = start(args, "ignore", {});
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.after(() => child.kill("SIGKILL"));
  return {
    child,
    ended,
    said: () => text,
    async says(pattern, from = 0) {
      for (let i = 0; i < 250; i++) {
        const match = pattern.exec(text.slice(from));
        if (match !== null) return match;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`${pattern} is not in:\n${text.slice(from)}`);
    },
  };
}

/** A copy of a fixture project, for a test that builds it or edits it. */
export function projectCopy(t: TestContext, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  cpSync(join(PROJECTS, name), folder, {
    recursive: true,
    filter: (path) => !/\.coldframe$|dist$/.test(path),
  });
  return folder;
}

function start(args: readonly string[], stdin: "ignore" | "pipe", env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: [stdin, "pipe", "pipe"],
  });
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += chunk;
  return text;
}
