// A script in a process of its own, for what would end the test's: stray errors, the init phase, signals.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { LogLine } from "./_log.ts";

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What the script said with `say(...)`. */
  readonly said: unknown[];
  readonly lines: LogLine[];
  readonly stderr: string;
}

/** Run JavaScript that sees `startFunction`, `httpEvent`, `context`, `FakeResponseStream`, `sleep` and `say`. */
export async function runScript(
  script: string,
  environment: Record<string, string> = {},
): Promise<ChildResult> {
  const source = `
    import { startFunction, httpEvent, context, FakeResponseStream } from ${JSON.stringify(import.meta.resolve("./_function.ts"))};
    const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const say = (value) => process.stdout.write("said " + JSON.stringify(value) + "\\n");
    ${script}
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    env: { PATH: process.env["PATH"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  const all = stdout.split("\n");
  return {
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    said: all.filter((line) => line.startsWith("said ")).map((line) => JSON.parse(line.slice(5)) as unknown),
    lines: all.filter((line) => line.startsWith('{"timestamp"')).map((line) => JSON.parse(line) as LogLine),
    stderr,
  };
}
