// Follows the JavaScript of packages that stay out of the bundle, as Node will load it on Lambda: which files of which
// packages are reached. What only an install script or a README needs is never reached, and so never copied.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type BuildFailure, type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import type { AddonUse } from "./addon-boundary.ts";
import type { Cpu } from "./platform.ts";

/** Absolute path of each reached file -> the files it loads. */
export type Trace = ReadonlyMap<string, readonly string[]>;

/** The namespace of the made-up files that hold the uses; each stands in the folder it was used in. */
const USE = "use";
const ROOT = resolve("/");

/** @param cpu the function's: branches for other platforms are not followed */
export async function traceUses(uses: readonly AddonUse[], cpu: Cpu): Promise<Trace> {
  if (uses.length === 0) return new Map();
  const metafile = await follow(uses, cpu, new Set());
  const trace = new Map<string, string[]>();
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    if (file.startsWith(`${USE}:`) || file.endsWith(".node")) continue;
    const loads = imports
      .filter((found) => found.external !== true)
      .map((found) => resolve(ROOT, found.path));
    trace.set(resolve(ROOT, file), loads);
  }
  return trace;
}

/** @param unmatched files with a computed require that matches nothing on disk, from an attempt before */
async function follow(
  uses: readonly AddonUse[],
  cpu: Cpu,
  unmatched: ReadonlySet<string>,
): Promise<Metafile> {
  const options = traceOptions(uses, cpu, unmatched);
  try {
    return (await build(options)).metafile;
  } catch (failure) {
    const errors = (failure as Partial<BuildFailure>).errors ?? [];
    const files = errors
      .filter(({ text }) => UNMATCHED.test(text))
      .map(({ location }) => resolve(ROOT, location?.file ?? ""));
    if (files.length === 0 || files.length < errors.length || files.every((file) => unmatched.has(file)))
      throw failure;
    return follow(uses, cpu, new Set([...unmatched, ...files]));
  }
}

/**
 * esbuild follows require(`../build/sharp-${platform}.node`) to every file of that form, and fails when there is none.
 * sharp tries such a path before its packages of binaries.
 */
const UNMATCHED = /^Could not resolve (require|import)\("[^"]*\*/;
const COMPUTED_REQUIRE = /\brequire\((?=\s*(?:`|(["'])[^"'\n]*\1\s*\+))/g;

function traceOptions(uses: readonly AddonUse[], cpu: Cpu, unmatched: ReadonlySet<string>) {
  return {
    absWorkingDir: ROOT,
    entryPoints: uses.map((_use, index) => `${USE}:${index}`),
    outdir: resolve(ROOT, "traced"),
    bundle: true,
    write: false,
    metafile: true,
    format: "cjs",
    platform: "node",
    // Node's own rules: esbuild would prefer "module", which Node does not know.
    conditions: ["module-sync", "node-addons"],
    mainFields: ["main"],
    define: { "process.platform": '"linux"', "process.arch": JSON.stringify(cpu) },
    loader: { ".node": "empty", ".wasm": "empty" },
    logLevel: "silent",
    plugins: [followUses(uses), hideComputedRequires(unmatched)],
  } satisfies BuildOptions;
}

function hideComputedRequires(files: ReadonlySet<string>): Plugin {
  return {
    name: "hide-computed-requires",
    setup(build) {
      if (files.size === 0) return;
      build.onLoad({ filter: /.*/, namespace: "file" }, async ({ path }) => {
        if (!files.has(path)) return undefined;
        // Only followed, never run.
        return { contents: (await readFile(path, "utf8")).replace(COMPUTED_REQUIRE, "void (") };
      });
    },
  };
}

function followUses(uses: readonly AddonUse[]): Plugin {
  return {
    name: "follow-uses",
    setup(build) {
      build.onResolve({ filter: /^use:\d+$/ }, ({ path }) => ({
        path: path.slice(USE.length + 1),
        namespace: USE,
      }));
      build.onLoad({ filter: /.*/, namespace: USE }, ({ path }) => {
        const use = uses[Number(path)];
        if (use === undefined) return undefined;
        const specifier = JSON.stringify(use.specifier);
        return {
          contents: use.dynamic ? `import(${specifier})` : `require(${specifier})`,
          resolveDir: use.from,
        };
      });
      // A package may ask for what is not installed, inside try or on another platform; that is not our error.
      build.onResolve({ filter: /.*/ }, async ({ path, pluginData, ...rest }) => {
        if (pluginData === USE || rest.kind === "entry-point") return undefined;
        if (path.endsWith(".node")) return { path, external: true };
        const { importer, namespace, resolveDir, kind } = rest;
        const found = await build.resolve(path, { importer, namespace, resolveDir, kind, pluginData: USE });
        return found.errors.length > 0 ? { path, external: true } : found;
      });
    },
  };
}
