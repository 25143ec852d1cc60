// What the commands say and where: results on standard output, everything for a person's eyes on standard error, so
// that a pipe gets the result alone. Colours and the spinner only where there is a terminal.

import picocolors from "picocolors";
import yoctoSpinner from "yocto-spinner";
import { megabytes } from "../build/artifact.ts";

const onTerminal = process.stderr.isTTY === true;

/** Of standard error. */
export const colors: ReturnType<typeof picocolors.createColors> = picocolors.createColors(
  onTerminal && process.env["NO_COLOR"] === undefined,
);

/** What is quicker than this needs no sign of life. */
const PATIENCE_MS = 1000;

/** A line for the person who runs the command. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A line of the command's result. */
export function result(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The result of a command run with --json: one object, one line. */
export function jsonResult(value: unknown): void {
  result(JSON.stringify(value));
}

export interface Progress {
  step(text: string): void;
  stop(): void;
}

/** Shows the current step on a terminal once the whole takes longer than a second. */
export function progress(): Progress {
  if (!onTerminal) return { step: () => {}, stop: () => {} };
  const spinner = yoctoSpinner({ stream: process.stderr, handleSignals: false });
  const timer = setTimeout(() => spinner.start(), PATIENCE_MS);
  return {
    step: (text) => {
      spinner.text = text;
    },
    stop: () => {
      clearTimeout(timer);
      spinner.stop();
    },
  };
}

/** `12.3 MB`: as AWS counts, 2^20 bytes. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 2 ** 20 ? `${(count / 1024).toFixed(1)} KB` : megabytes(count);
}

export function milliseconds(count: number): string {
  return count < 9_950 ? `${Math.round(count)} ms` : `${(count / 1000).toFixed(1)} s`;
}

/** Two aligned columns, one row a line. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}
