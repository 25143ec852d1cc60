// Runs the project's own onnxruntime-node for the optimiser, each job in a new process. The jobs themselves are
// child.ts.

import { fork } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ColdframeError } from "../../runtime/errors.ts";
import { adapterFile } from "../runtime-files.ts";

/** Of the largest model, on a laptop. */
const JOB_LIMIT_MS = 600_000;
/** Kept of what a child says before it dies. */
const LAST_WORDS = 2000;

export type Level = "basic" | "extended";

export type Job = { readonly onnxruntime: string; readonly model: string } & (
  | { readonly kind: "save"; readonly output: string; readonly level: Level; readonly outside: boolean }
  | { readonly kind: "open" }
  | { readonly kind: "compare"; readonly candidate: string }
);

export interface Opened {
  readonly createMs: number;
  /** Resident memory of the whole process. */
  readonly peakBytes: number;
}

export interface Compared {
  /** How many inputs both models answered. */
  readonly inputs: number;
  /** Largest difference, as a part of the largest value of an output. */
  readonly difference: number;
  /** How the answers differ, when they do. */
  readonly flaw?: string;
  /** Why the original answered no input that was made for it. */
  readonly refusal?: string;
}

export interface Answer {
  readonly error?: string;
  readonly opened?: Opened;
  readonly compared?: Compared;
}

/** onnxruntime-node as a project has it. */
export interface Onnxruntime {
  readonly version: string;
  /** Write the model with its graph optimised; with `outside`, its weights to `<output>.data`. */
  save(model: string, output: string, level: Level, outside: boolean): Promise<void>;
  open(model: string): Promise<Opened>;
  compare(model: string, candidate: string): Promise<Compared>;
}

/** @throws ADDON_UNSUPPORTED when the project has none */
export function findOnnxruntime(project: string): Onnxruntime {
  const require = createRequire(join(project, "package.json"));
  let onnxruntime: string;
  try {
    onnxruntime = require.resolve("onnxruntime-node");
  } catch (cause) {
    const message = `onnxruntime-node is not installed in ${project}, which optimises ONNX models.`;
    throw new ColdframeError("ADDON_UNSUPPORTED", message, {
      fix: "Run `npm install onnxruntime-node`.",
      cause,
    });
  }
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  return {
    version,
    async save(model, output, level, outside) {
      await run({ onnxruntime, kind: "save", model, output, level, outside });
    },
    async open(model) {
      return (await run({ onnxruntime, kind: "open", model })).opened as Opened;
    },
    async compare(model, candidate) {
      return (await run({ onnxruntime, kind: "compare", model, candidate })).compared as Compared;
    },
  };
}

/** @throws Error with onnxruntime's own message */
function run(job: Job): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(adapterFile("build/onnx/child"), {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      timeout: JOB_LIMIT_MS,
      killSignal: "SIGKILL",
    });
    let answer: Answer | undefined;
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-LAST_WORDS);
    });
    child.once("message", (message: Answer) => {
      answer = message;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (answer === undefined)
        reject(new Error(`onnxruntime ended with ${signal ?? `exit code ${code}`}: ${words.trim()}`));
      else if (answer.error !== undefined) reject(new Error(answer.error));
      else resolve(answer);
    });
    child.send(job);
  });
}
