// What weights are fetched with: our own engine, AWS's SDK for JavaScript, and the command line tools that are installed
// here. Each as the command a user would write; what a tool cannot do in a case is left out, not imitated.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { build as esbuild } from "esbuild";
import type { LoadedConfig } from "../adapter/build/config.ts";
import { cacheThread } from "../adapter/build/weights/code-cache.ts";
import type { Cpu } from "../adapter/build/platform.ts";
import { bundleSdk, bundleWeights, bundleWeightsThread } from "../adapter/build/parts.ts";
import type { ManifestSource, WeightsManifest } from "../adapter/runtime/weights/_contracts.ts";

export interface Fetched {
  readonly key: string;
  readonly size: number;
}

/** What is to be fetched in one case. */
export interface Job {
  readonly name: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly objects: readonly Fetched[];
  /** The objects have to be listed first, as all below this prefix. */
  readonly prefix?: string;
  /** By our own tools' names: how the manifest pins the objects. A name that is not there is left out. */
  readonly sources: Readonly<Record<string, ManifestSource>>;
  /** For tools that cannot sign. */
  presign(key: string): string;
  /** What all tools get: credentials, the certificate to trust. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Run {
  readonly commands: readonly (readonly string[])[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Where an object ends up; known when the run is over. */
  place(key: string, output: string): string;
}

export interface Tool {
  readonly name: string;
  /** @param to an empty folder */
  run(job: Job, to: string): Run | undefined;
}

const here = import.meta.dirname;

const MOST_CURLS = 16;

/** Lambda's own, which the code cache is made for. */
export const LAMBDA_FLAGS = ["--expose-gc"];

const baseName = (key: string): string => key.slice(key.lastIndexOf("/") + 1);
const inFolder = (to: string) => (key: string) => join(to, baseName(key));
const uri = ({ bucket }: Job, key: string): string => `s3://${bucket}/${key}`;

/** Our own and the SDK's, bundled as they are deployed, and what else there is. @param folder for the bundles */
export async function findTools(folder: string, wanted: (name: string) => boolean): Promise<Tool[]> {
  const makers: Record<string, () => Promise<Tool | undefined>> = {
    coldframe: () => coldframe("coldframe", folder),
    "coldframe-crc64nvme": () => coldframe("coldframe-crc64nvme", folder),
    "coldframe-unverified": () => coldframe("coldframe-unverified", folder),
    "coldframe-list": () => coldframe("coldframe-list", folder),
    "sdk-get": () => sdkTool("sdk-get", folder, "get"),
    "sdk-ranges": () => sdkTool("sdk-ranges", folder, "ranges"),
  };
  for (const [name, make] of Object.entries({ curl, s5cmd, rclone, aws })) {
    const program = findProgram(name);
    makers[name] = async () => (program === undefined ? undefined : make(program));
  }
  const tools = Object.entries(makers).map(([name, make]) => (wanted(name) ? make() : undefined));
  return (await Promise.all(tools)).filter((tool) => tool !== undefined);
}

/** The artifact of one case: what a build puts there, with a manifest made by hand. */
export function writeArtifact(bundle: string, folder: string, source: ManifestSource): string {
  mkdirSync(folder, { recursive: true });
  for (const file of [
    "index.mjs",
    "weights.cjs",
    "weights-thread.cjs",
    "weights-thread.cjs.cache",
    "aws-sdk.cjs",
  ]) {
    copyFileSync(join(bundle, file), join(folder, file));
  }
  // Any digest does that no other case has: the folder the files go to is emptied before each run.
  const digest = Buffer.from(source.source).toString("hex").padEnd(32, "0").slice(-32);
  const manifest: WeightsManifest = { version: 1, digest, sources: [source] };
  writeFileSync(join(folder, "weights.json"), `${JSON.stringify(manifest)}\n`);
  return folder;
}

/** Bundle weights.cjs and its thread as our build does, beside the program that opens it. */
export async function bundleOurs(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const loaded = { project: folder, config: { serverless: { runtime: "nodejs24.x" } } } as LoadedConfig;
  writeFileSync(join(folder, "weights.cjs"), await bundleWeights(loaded));
  const thread = await bundleWeightsThread(loaded, ["s3"]);
  const { cache, warning } = await cacheThread(loaded, process.arch as Cpu, thread, ["s3"]);
  if (cache === undefined) throw new Error(warning ?? "The bench needs the Node version of a function.");
  writeFileSync(join(folder, "weights-thread.cjs"), thread);
  writeFileSync(join(folder, "weights-thread.cjs.cache"), cache);
  writeFileSync(join(folder, "aws-sdk.cjs"), await bundleSdk(loaded));
  copyFileSync(join(here, "contenders", "coldframe.mjs"), join(folder, "index.mjs"));
  return folder;
}

async function coldframe(name: string, folder: string): Promise<Tool> {
  const bundle = await bundleOurs(join(folder, name));
  const artifacts = new Map<string, string>();
  return {
    name,
    run(job, to) {
      const source = job.sources[name];
      if (source === undefined) return undefined;
      // The same case may come from another server.
      const of = `${job.name} ${job.endpoint}`;
      const artifact = artifacts.get(of) ?? writeArtifact(bundle, join(bundle, job.name), source);
      artifacts.set(of, artifact);
      return {
        commands: [[process.execPath, ...LAMBDA_FLAGS, join(artifact, "index.mjs")]],
        environment: { COLDFRAME_DATA_DIR: to },
        place: (key, output) => join(reportOf(output).path, baseName(key)),
      };
    },
  };
}

/** The line of contenders/coldframe.mjs among those of the log. */
export function reportOf(output: string): {
  readonly path: string;
  readonly waited_ms: number;
  readonly ms: number;
  readonly requests: number;
  readonly unverified: number;
  readonly warm: boolean;
} {
  return JSON.parse(output.split("\n").find((line) => line.includes('"waited_ms"')) ?? "");
}

async function bundleSdkContender(folder: string): Promise<string> {
  const outfile = join(folder, "index.mjs");
  await esbuild({
    entryPoints: [join(here, "contenders", "sdk.mjs")],
    outfile,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node24",
    mainFields: ["module", "main"],
    logLevel: "error",
    banner: {
      js: 'import{createRequire as createRequireOfBanner}from"node:module";const require=createRequireOfBanner(import.meta.url);',
    },
  });
  return outfile;
}

async function sdkTool(name: string, folder: string, way: "get" | "ranges"): Promise<Tool> {
  const file = await bundleSdkContender(join(folder, name));
  return {
    name,
    run({ endpoint, bucket, objects, prefix }, to) {
      const what = prefix === undefined ? { objects } : { prefix };
      const job = JSON.stringify({ way, endpoint, bucket, ...what, to });
      return { commands: [[process.execPath, file, job]], place: inFolder(to) };
    },
  };
}

/** One process for each object, of a few: it has no other way to use two processors. */
const curl = (program: string): Tool => ({
  name: "curl",
  run(job, to) {
    if (job.prefix !== undefined || job.objects.length > MOST_CURLS) return undefined;
    const commands = job.objects.map(({ key }) => {
      const ca = job.environment["SSL_CERT_FILE"];
      const trust = ca === undefined ? [] : ["--cacert", ca];
      return [program, "-sSf", ...trust, "-o", join(to, baseName(key)), job.presign(key)];
    });
    return { commands, place: inFolder(to) };
  },
});

const s5cmd = (program: string): Tool => ({
  name: "s5cmd",
  run(job, to) {
    const start = [program, "--log", "error", "--endpoint-url", job.endpoint];
    const [only] = job.objects;
    let command: string[];
    if (job.prefix !== undefined) command = ["cp", `${uri(job, job.prefix)}*`, `${to}/`];
    else if (job.objects.length === 1 && only) command = ["cp", uri(job, only.key), `${to}/`];
    else {
      const list = `${to}.s5cmd`;
      writeFileSync(list, job.objects.map(({ key }) => `cp ${uri(job, key)} ${to}/\n`).join(""));
      command = ["run", list];
    }
    return { commands: [[...start, ...command]], place: inFolder(to) };
  },
});

const rclone = (program: string): Tool => ({
  name: "rclone",
  run({ endpoint, bucket, objects, prefix }, to) {
    const flags = ["--config", "", "--transfers", "32", "--checkers", "32", "--s3-no-check-bucket"];
    const list = `${to}.rclone`;
    writeFileSync(list, objects.map(({ key }) => `${key}\n`).join(""));
    const chosen = prefix === undefined ? ["--files-from-raw", list, "--no-traverse"] : [];
    return {
      commands: [[program, "copy", `:s3:${bucket}/${prefix ?? ""}`, to, ...chosen, ...flags]],
      environment: {
        RCLONE_S3_PROVIDER: "Other",
        RCLONE_S3_ENV_AUTH: "true",
        RCLONE_S3_ENDPOINT: endpoint,
        RCLONE_S3_REGION: "us-east-1",
      },
      place: (key) => join(to, prefix === undefined ? key : key.slice(prefix.length)),
    };
  },
});

/** Several objects only as a folder: it takes one name at a time, and Python's start for each. */
const aws = (program: string): Tool => ({
  name: "aws",
  run(job, to) {
    const [only] = job.objects;
    const start = [program, "--endpoint-url", job.endpoint, "s3", "cp", "--only-show-errors"];
    const ca = job.environment["SSL_CERT_FILE"];
    const environment: Record<string, string> = ca === undefined ? {} : { AWS_CA_BUNDLE: ca };
    if (job.prefix !== undefined) {
      return {
        commands: [[...start, "--recursive", uri(job, job.prefix), to]],
        environment,
        place: (key) => join(to, key.slice(job.prefix?.length)),
      };
    }
    if (job.objects.length !== 1 || only === undefined) return undefined;
    return { commands: [[...start, uri(job, only.key), `${to}/`]], environment, place: inFolder(to) };
  },
});

/** The program itself: a version manager's shim starts a shell before it, which would be counted. */
function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const file = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
  if (file === undefined || !file.includes("/shims/")) return file;
  try {
    return execFileSync("pyenv", ["which", name], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}
