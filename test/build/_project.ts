// Throw-away projects in a temporary folder, and what tests ask of an artifact.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after } from "node:test";
import { ColdframeError } from "../../adapter/runtime/errors.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");

/** A model that needs no package. */
export const PLAIN_MODEL = "export default class Model { *predict({ name }) { yield `Hello, ${name}!`; } }\n";

/** Path -> contents; a text is written as it is. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** An empty folder that is removed after the tests of the file. */
export function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "coldframe-test-")));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A project with config.yaml, a plain model and `files` on top of them. */
export function makeProject(files: Files = {}, folder: string = makeFolder()): string {
  return writeFiles(folder, { "config.yaml": "model_name: test\n", "model/model.ts": PLAIN_MODEL, ...files });
}

export function writeFiles(folder: string, files: Files): string {
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), contents);
  }
  return folder;
}

/** Give a project the repository's packages: zod, onnxruntime-node and their like. */
export function withPackages(project: string): string {
  symlinkSync(join(REPOSITORY, "node_modules"), join(project, "node_modules"));
  return project;
}

/** An ELF file of nothing but its header and some text, which is all that the build reads. */
export function elf(cpu: "x64" | "arm64", text = ""): Buffer {
  const bytes = Buffer.alloc(64 + text.length);
  bytes.writeUInt32BE(0x7f454c46, 0);
  bytes.writeUInt16LE(cpu === "x64" ? 0x3e : 0xb7, 18);
  bytes.write(text, 64, "latin1");
  return bytes;
}

/** The ColdframeError an action ends with. */
export async function refusal(action: () => unknown): Promise<ColdframeError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof ColdframeError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
