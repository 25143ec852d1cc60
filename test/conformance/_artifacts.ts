// The fixture models as our own build ships them. A project is written for each in a scratch folder, so that a stack
// names the file as a user's does: model/model.ts.

import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../../adapter/build/build.ts";

const MODELS = join(import.meta.dirname, "models");
const PACKAGES = join(import.meta.dirname, "..", "..", "node_modules");

const scratch = mkdtempSync(join(tmpdir(), "coldframe-conformance-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const built = new Map<string, Promise<string>>();

/** The artifact of models/<name>, built once a process. */
export function artifactOf(name: string): Promise<string> {
  const artifact = built.get(name) ?? buildModel(name);
  built.set(name, artifact);
  return artifact;
}

/** A copy of an artifact that a test may damage. */
export async function copyOf(name: string): Promise<string> {
  const copy = mkdtempSync(join(scratch, "copy-"));
  cpSync(await artifactOf(name), copy, { recursive: true });
  return copy;
}

async function buildModel(name: string): Promise<string> {
  const project = join(scratch, name);
  mkdirSync(join(project, "model"), { recursive: true });
  cpSync(join(MODELS, name, "model.ts"), join(project, "model", "model.ts"));
  const config = join(MODELS, name, "config.yaml");
  if (existsSync(config)) cpSync(config, join(project, "config.yaml"));
  else writeFileSync(join(project, "config.yaml"), `model_name: ${name}\n`);
  writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
  symlinkSync(PACKAGES, join(project, "node_modules"));
  const architecture = process.arch === "arm64" ? "arm64" : "x86_64";
  const { directory, warnings } = await build({ project, zip: false, architecture });
  if (warnings.length > 0) throw new Error(`models/${name} is built with warnings: ${warnings.join("\n")}`);
  return directory;
}
