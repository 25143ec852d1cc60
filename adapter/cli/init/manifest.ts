// package.json of a project: a new one, or what is missing in the one that is there.

import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { coldframeVersion, packageManifest } from "../../build/runtime-files.ts";
import { Refusal } from "../refusal.ts";
import type { NewFile } from "./new-files.ts";
import type { Template } from "./project-files.ts";

interface Manifest {
  name?: string;
  private?: boolean;
  type?: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  allowScripts?: Record<string, boolean>;
}

const SCRIPTS = {
  dev: "coldframe dev",
  test: 'node --test "test/**/*.test.ts"',
  build: "coldframe build",
} as const;

/** What `npm init` writes for a project without tests. */
const NO_TEST = /no test specified/;

/**
 * package.json with what the template and the tools need; `undefined` when it has all of it.
 * @param template of a new project; without it only packages of the tools are added
 * @throws PROJECT_EXISTS when package.json is no JSON
 */
export function projectManifest(
  project: string,
  template: Template | undefined,
  infra: readonly string[],
): NewFile | undefined {
  if (template === undefined && !infra.includes("cdk")) return undefined;
  const found = read(join(project, "package.json"));
  const manifest: Manifest = structuredClone(found) ?? {
    name: packageName(project),
    private: true,
    type: "module",
  };
  if (template !== undefined) {
    manifest.type = "module";
    const { test = "", ...scripts } = manifest.scripts ?? {};
    manifest.scripts = {
      ...SCRIPTS,
      ...scripts,
      test: test === "" || NO_TEST.test(test) ? SCRIPTS.test : test,
    };
    add(manifest, "dependencies", { coldframe: `^${coldframeVersion()}`, zod: ours("zod") });
    add(manifest, "devDependencies", { "@types/node": ours("@types/node") });
    if (template === "gpu") {
      add(manifest, "dependencies", { "onnxruntime-node": ours("onnxruntime-node") });
      // Its script downloads libraries of CUDA, which the image for GPUs installs by itself.
      manifest.allowScripts = { "onnxruntime-node": false, ...manifest.allowScripts };
    }
  }
  if (infra.includes("cdk")) {
    const packages = {
      "aws-cdk": "^3.0.0",
      "aws-cdk-lib": ours("aws-cdk-lib"),
      constructs: ours("constructs"),
    };
    add(manifest, "devDependencies", packages);
  }
  if (JSON.stringify(manifest) === JSON.stringify(found)) return undefined;
  return { path: "package.json", contents: `${JSON.stringify(manifest, null, 2)}\n` };
}

function read(file: string): Manifest | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Manifest;
  } catch (error) {
    throw new Refusal("PROJECT_EXISTS", `${file} is no JSON: ${(error as Error).message}.`, {
      fix: "Mend it, or name another folder.",
    });
  }
}

/** What somebody has chosen already stays. */
function add(
  manifest: Manifest,
  kind: "dependencies" | "devDependencies",
  packages: Record<string, string>,
): void {
  const present = { ...manifest.dependencies, ...manifest.devDependencies };
  const missing = Object.entries(packages).filter(([name]) => !(name in present));
  if (missing.length === 0) return;
  const all = Object.entries({ ...manifest[kind], ...Object.fromEntries(missing) });
  manifest[kind] = Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The range that we are tested with. */
function ours(name: string): string {
  const { dependencies, devDependencies } = packageManifest();
  const range = dependencies[name] ?? devDependencies[name];
  if (range === undefined) throw new Error(`${name} is not among our own packages`);
  return /^\d/.test(range) ? `^${range}` : range;
}

const packageName = (project: string): string =>
  basename(project)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "") || "model";
