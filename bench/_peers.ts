// Builds what is measured: our own model through our own build, every peer with esbuild's defaults.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { build } from "../adapter/build/build.ts";
import { hostArchitecture } from "../adapter/cli/build.ts";

const here = import.meta.dirname;

/** A scratch folder, removed when the process ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function installPeers(): void {
  const changedAt = (file: string) => statSync(join(here, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  // npm writes this file last: packages that an older lock named are not all of them.
  if (changedAt("node_modules/.package-lock.json") >= changedAt("package-lock.json")) return;
  console.error("Installing what Coldframe is measured against ...");
  execFileSync("npm", ["ci", "--prefix", here, "--no-audit", "--no-fund"], { stdio: ["ignore", 2, 2] });
}

/** Bundle `file` into `<folder>/index.mjs`, an artifact of nobody's build. */
export async function bundlePeer(file: string, folder: string): Promise<string> {
  installPeers();
  mkdirSync(folder, { recursive: true });
  await esbuild({
    entryPoints: [file],
    outfile: join(folder, "index.mjs"),
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node24",
    logLevel: "error",
    nodePaths: [join(here, "node_modules")],
    // Packages in CommonJS call require, which an ES module does not have.
    banner: {
      js: 'import{createRequire as createRequireOfBanner}from"node:module";const require=createRequireOfBanner(import.meta.url);',
    },
  });
  return folder;
}

/** Build a project with our own build and return its artifact folder. */
export async function buildOurs(project: string, codeCache = true): Promise<string> {
  const report = await build({ project, zip: false, codeCache, architecture: hostArchitecture() });
  return report.directory;
}

/** Write a project of one model file. */
export function writeProject(folder: string, model: string): string {
  mkdirSync(join(folder, "model"), { recursive: true });
  writeFileSync(join(folder, "config.yaml"), "model_name: bench\n");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(folder, "model", "model.ts"), model);
  return folder;
}

/** examples/language with a stand-in for its native addon, whose dlopen would drown what is measured. */
export function languageWithoutAddon(folder: string): string {
  cpSync(join(here, "..", "examples", "language"), folder, {
    recursive: true,
    filter: (file) => !/[/\\](node_modules|dist|\.coldframe)$/.test(file),
  });
  const addon = join(folder, "node_modules", "onnxruntime-node");
  mkdirSync(addon, { recursive: true });
  writeFileSync(
    join(addon, "package.json"),
    '{ "name": "onnxruntime-node", "version": "1.30.0", "main": "index.js" }',
  );
  writeFileSync(
    join(addon, "index.js"),
    "exports.Tensor = class {}; exports.InferenceSession = { create: async () => ({}) };",
  );
  symlinkSync(join(here, "..", "node_modules", "zod"), join(folder, "node_modules", "zod"));
  return folder;
}
