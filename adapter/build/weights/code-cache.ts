// V8's code cache of weights-thread.cjs, so that the thread of a cold start compiles next to nothing before its first
// request: in a child process, the thread's code fetches a few bytes from that process itself. What it fetches is
// code-cache-child.mjs, which Node makes the cache ../function-node.ts.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadedConfig } from "../config.ts";
import { CACHE_FLAGS, cleanEnvironment, functionNode, type NodeBinary, runNode } from "../function-node.ts";
import type { Cpu } from "../platform.ts";

/** It takes a fifth of a second. */
const LIMIT_MS = 30_000;

export interface ThreadCache {
  /** Absent: none could be made. */
  readonly cache?: Uint8Array;
  /** Why not, where the report has no other reason to tell. */
  readonly warning?: string;
}

const made = new WeakMap<Uint8Array, Promise<ThreadCache>>();

/**
 * The cache of weights-thread.cjs; made once per process of the same code.
 * @param schemes of the sources in it
 */
export function cacheThread(
  loaded: LoadedConfig,
  cpu: Cpu,
  code: Uint8Array,
  schemes: readonly string[],
): Promise<ThreadCache> {
  const { node, obstacle } = functionNode(loaded, cpu);
  // Said of bundle.cjs already.
  if (node === undefined || obstacle !== undefined) return Promise.resolve({});
  let making = made.get(code);
  if (making === undefined) made.set(code, (making = make(node, code, schemes)));
  return making;
}

async function make(node: NodeBinary, code: Uint8Array, schemes: readonly string[]): Promise<ThreadCache> {
  const folder = await mkdtemp(join(tmpdir(), "coldframe-thread-"));
  try {
    await writeFile(join(folder, "weights-thread.cjs"), code);
    const program = join(import.meta.dirname, "code-cache-child.mjs");
    const ending = await runNode(node.path, [...CACHE_FLAGS, program, ...schemes], {
      cwd: folder,
      env: { ...cleanEnvironment(), COLDFRAME_DATA_DIR: join(folder, "root") },
      timeout: LIMIT_MS,
    });
    return await readFile(join(folder, "cache")).then(
      (cache) => ({ cache }),
      () => ({ warning: `no code cache of weights-thread.cjs: it ${ending}.` }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
