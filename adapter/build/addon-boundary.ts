// Keeps native addons out of the bundle: machine code cannot be bundled, and JavaScript that looks for it beside itself
// must stay in its own folder. An esbuild plugin that notes what stayed out; addon-files.ts then copies it.

import { existsSync, readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, join, resolve, sep } from "node:path";
import type { OnResolveArgs, OnResolveResult, Plugin } from "esbuild";
import { findPackage, type Package, packageName } from "./packages.ts";
import { isBindingName } from "./platform.ts";
import { adapterFolder, ownDependencies } from "./runtime-files.ts";

/** One import that stayed out of the bundle. */
export interface AddonUse {
  readonly specifier: string;
  /** Absolute folder of the importing file. */
  readonly from: string;
  /** `import()` stays an import in the bundle, everything else becomes require: they resolve differently. */
  readonly dynamic: boolean;
}

export interface AddonBoundary {
  readonly plugin: Plugin;
  /** Of the last bundle. */
  readonly uses: ReadonlyMap<string, AddonUse>;
  /** `.node` files the model imports by path: absolute path -> path in the artifact. */
  readonly ownFiles: ReadonlyMap<string, string>;
  /** Keep these package folders out too, from the next bundle on. @returns whether any is new */
  keepOut(folders: Iterable<string>): boolean;
}

/** What looks for a `.node` file at run time; such a package is native even before it was compiled. */
const LOADERS = [
  "bindings",
  "node-gyp-build",
  "node-gyp-build-optional-packages",
  "@mapbox/node-pre-gyp",
  "prebuild-install",
];

/** A boundary for one project. */
export function createAddonBoundary(project: string): AddonBoundary {
  const uses = new Map<string, AddonUse>();
  const ownFiles = new Map<string, string>();
  const native = new Map<string, boolean>();
  const keptOut = new Set<string>();
  const own = new Set(ownDependencies());

  function staysOut(found: Package): boolean {
    if (!native.has(found.folder)) native.set(found.folder, isNative(found));
    return keptOut.has(found.folder) || native.get(found.folder) === true;
  }

  function outside({ path, resolveDir, kind }: OnResolveArgs): OnResolveResult | undefined {
    const name = packageName(path);
    if (name === undefined || kind === "entry-point" || isBuiltin(path)) return undefined;
    // What coldframe/onnx needs is the model's to install: a second copy would have tensors that the first refuses.
    const ours = `${resolveDir}${sep}`.startsWith(adapterFolder() + sep);
    if (ours && own.has(name)) return undefined;
    const from = ours ? project : resolveDir;
    const found = findPackage(name, from);
    if (found === undefined && ours && name !== "coldframe") {
      return { errors: [{ text: `Could not resolve "${path}"` }] };
    }
    if (found === undefined || !staysOut(found)) return undefined;
    const use = { specifier: path, from, dynamic: kind === "dynamic-import" };
    uses.set(`${path} ${found.folder} ${use.dynamic}`, use);
    return { path, external: true };
  }

  function ownFile({ path, resolveDir }: OnResolveArgs): OnResolveResult | undefined {
    if (!/^\.{0,2}\//.test(path)) return undefined;
    const file = resolve(resolveDir, path);
    // esbuild says it best.
    if (!existsSync(file)) return undefined;
    const taken = [...ownFiles].some(([other, to]) => other !== file && to === `native/${basename(file)}`);
    const to = ownFiles.get(file) ?? `native/${taken ? `${ownFiles.size}-` : ""}${basename(file)}`;
    ownFiles.set(file, to);
    return { path: `./${to}`, external: true };
  }

  const plugin: Plugin = {
    name: "addon-boundary",
    setup(build) {
      build.onStart(() => {
        uses.clear();
        ownFiles.clear();
      });
      build.onResolve({ filter: /\.node$/ }, ownFile);
      build.onResolve({ filter: /^[^./]/ }, outside);
    },
  };
  function keepOut(folders: Iterable<string>): boolean {
    const before = keptOut.size;
    for (const folder of folders) keptOut.add(folder);
    return keptOut.size > before;
  }

  return { plugin, uses, ownFiles, keepOut };
}

/** Whether a package has or loads machine code. */
export function isNative({ folder, manifest }: Package): boolean {
  if (manifest.gypfile === true) return true;
  if (Object.keys(manifest.optionalDependencies ?? {}).some(isBindingName)) return true;
  if (Object.keys(manifest.dependencies ?? {}).some((name) => LOADERS.includes(name))) return true;
  return hasNodeFile(folder);
}

function hasNodeFile(folder: string): boolean {
  const entries = readdirSync(folder, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && entry.name.endsWith(".node"))) return true;
  return entries.some(
    (entry) => entry.isDirectory() && entry.name !== "node_modules" && hasNodeFile(join(folder, entry.name)),
  );
}
