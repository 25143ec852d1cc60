// The Node that a function runs on, as a program of this machine: what V8's code caches are made by. What is run on it
// is code-cache.ts and weights/code-cache.ts.

import { execFile } from "node:child_process";
import { join } from "node:path";
import type { LoadedConfig } from "./config.ts";
import { findPackage } from "./packages.ts";
import type { Cpu } from "./platform.ts";

const OUTPUT_LIMIT_BYTES = 64 * 2 ** 20;

/** The first major version whose V8 takes a cache made with another heap size; Lambda sets one by memory. */
const FIRST_USABLE_MAJOR = 24;

/**
 * Makes it the same bytes every time, and is not among the flags that V8 hashes into it. Lambda's --expose-gc would be;
 * runtime/stub.mjs takes it back.
 */
export const CACHE_FLAGS = ["--predictable"] as const;

export interface NodeBinary {
  readonly path: string;
  readonly version: string;
}

export interface FunctionNode {
  /** The function's major version; absent when it is not on this machine. */
  readonly node: NodeBinary | undefined;
  /** A sentence: why a cache made here would be of no use to the function. */
  readonly obstacle: string | undefined;
}

/** The Node of a function, and whether it can make a code cache for it. */
export function functionNode({ project, config }: LoadedConfig, cpu: Cpu): FunctionNode {
  const { runtime } = config.serverless;
  const major = Number.parseInt(runtime.slice("nodejs".length), 10);
  const node = findNode(major, project);
  return { node, obstacle: whyNot(runtime, major, node, cpu) };
}

/** The Node that runs this. */
export function thisNode(): NodeBinary {
  return { path: process.execPath, version: process.versions.node };
}

/** Of this process; flags of the caller would reach V8's flag hash, and coverage changes what is compiled. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _flags, NODE_V8_COVERAGE: _coverage, ...environment } = process.env;
  return environment;
}

/** Run a program that answers in files. @returns how it ended, as the end of a sentence; its output is dropped */
export function runNode(
  node: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; timeout: number },
): Promise<string> {
  return new Promise((resolve) => {
    execFile(node, args, { ...options, maxBuffer: OUTPUT_LIMIT_BYTES, killSignal: "SIGKILL" }, (error) => {
      const ended = "ended the process that loaded it";
      if (error === null) resolve(ended);
      else if (error.killed) resolve(`was still loading after ${options.timeout / 1000} s`);
      else resolve(`${ended} with ${error.signal ?? `exit code ${error.code}`}`);
    });
  });
}

function whyNot(runtime: string, major: number, node: NodeBinary | undefined, cpu: Cpu): string | undefined {
  if (major < FIRST_USABLE_MAJOR) {
    return `no code cache: V8 of ${runtime} refuses it under Lambda's heap flags; set serverless.runtime: nodejs24.x.`;
  }
  if (cpu !== process.arch) {
    return `no code cache: it is made on the function's processor, and this machine is ${process.arch}; build on ${cpu} for a faster cold start.`;
  }
  if (node === undefined) {
    return `no code cache: it is made by Node ${major}, and this is ${process.versions.node}; run \`npm i -D node@${major}\`.`;
  }
  return undefined;
}

/** This process's Node, or that of the `node` package of the project or of ours. */
function findNode(major: number, project: string): NodeBinary | undefined {
  if (process.versions.node.startsWith(`${major}.`)) return thisNode();
  return [project, import.meta.dirname]
    .map((folder) => findPackage("node", folder))
    .filter((found) => found?.version.startsWith(`${major}.`))
    .map((found) => ({ path: join(found?.folder ?? "", "bin", "node"), version: found?.version ?? "" }))
    .at(0);
}
