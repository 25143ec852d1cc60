// How a command ends when it cannot do what it was asked: `CODE: sentence` and the way out, without a stack. An error
// that nobody foresaw keeps its stack and asks to be reported.

import { CommanderError } from "commander";
import { colors, jsonResult, note } from "./terminal.ts";

interface Issue {
  readonly path: string;
  readonly message: string;
}

export interface RefusalOptions {
  readonly fix?: string | undefined;
  readonly issues?: readonly Issue[] | undefined;
  /** More of the --json object, beside `error`. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** An end that a command foresaw. ColdframeError of the build has the same `code` and `fix`, and is treated alike. */
export class Refusal extends Error {
  readonly code: string;
  readonly fix: string | undefined;
  readonly issues: readonly Issue[] | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: RefusalOptions = {}) {
    super(message);
    this.code = code;
    this.fix = options.fix;
    this.issues = options.issues;
    this.facts = options.facts ?? {};
  }
}

/** Say why a command ended, in JSON on standard output too when it was asked to, and return its exit status. */
export function reportEnd(error: unknown, json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { code, message, fix, issues, facts } = toRefusal(error);
  if (json) jsonResult({ ...facts, error: { code, message, fix, issues } });
  note(`${colors.red(code)}: ${message}`);
  for (const issue of issues ?? []) {
    if (!message.includes(issue.message))
      note(`  ${issue.path === "" ? "" : `${issue.path}: `}${issue.message}`);
  }
  if (fix !== undefined) note(colors.bold(fix));
  return 1;
}

/** One line, for a command that goes on. */
export function toSentence(error: unknown): string {
  const { code, message, fix } = toRefusal(error);
  return `${colors.red(code)}: ${message}${fix === undefined ? "" : `\n${colors.bold(fix)}`}`;
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof CommanderError) {
    const [sentence = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
    const command = process.argv[2]?.startsWith("-") ? "" : ` ${process.argv[2] ?? ""}`.trimEnd();
    const fix = suggestion?.replace(/^\((.*)\)$/, "$1") ?? `Run coldframe${command} --help.`;
    return new Refusal("OPTION_INVALID", `${sentence.replace(/\.$/, "")}.`, { fix });
  }
  // By shape, not by class: the build, the local Lambda and a model's own copy of coldframe all raise it.
  const { code, fix, issues } = error as { code?: unknown; fix?: string; issues?: Issue[] };
  if (error instanceof Error && typeof code === "string" && (fix !== undefined || error.name === code)) {
    return new Refusal(code, error.message, { fix, issues });
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const report = "This is a bug in Coldframe; please report it with these lines.";
  return new Refusal("UNEXPECTED", stack, { fix: report });
}
