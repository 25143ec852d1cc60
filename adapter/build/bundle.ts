// Bundles the model and the adapter with esbuild into bundle.cjs and its source map, and finds what has to lie beside
// it. The options are in esbuild.config.mjs, native addons in addon-*.ts.

import { isAbsolute, relative, resolve, sep } from "node:path";
import { type BuildResult, context, type Metafile } from "esbuild";
import { bundleOptions } from "../../esbuild.config.mjs";
import { type AddonBoundary, createAddonBoundary } from "./addon-boundary.ts";
import { checkOwnFile, chooseAddonFiles } from "./addon-files.ts";
import { type CopiedFile, layOut } from "./addon-layout.ts";
import { type Trace, traceUses } from "./addon-trace.ts";
import { bundleError, bundleWarnings } from "./bundle-problems.ts";
import type { LoadedConfig } from "./config.ts";
import { findPackage, type Package, packageName, packageOf } from "./packages.ts";
import type { Cpu, Machine } from "./platform.ts";
import { adapterFile } from "./runtime-files.ts";
import { bundleConverter, type Converter, convertersOf, schemaConverters } from "./schema-converters.ts";
import { portableSourceMap } from "./source-map.ts";
import type { MadeFile } from "./weights/build.ts";
import { zodNamespace } from "./zod-namespace.ts";

export interface Bundle {
  readonly code: Uint8Array;
  readonly map: Uint8Array;
  /** Native addons: node_modules/ and native/. */
  readonly addons: readonly CopiedFile[];
  /** What is read from beside it when it is asked for: the converters of schemas. */
  readonly parts: readonly MadeFile[];
  /** Absolute paths of the files it was made of, without npm packages. */
  readonly inputs: readonly string[];
  readonly warnings: readonly string[];
}

export interface Bundler {
  /** @throws BUNDLE_FAILED, ADDON_UNSUPPORTED */
  bundle(): Promise<Bundle>;
  /** Ends esbuild's process for this project. */
  dispose(): Promise<void>;
}

/** Keep esbuild warm for one project, so that a second bundle takes milliseconds. */
export async function createBundler(loaded: LoadedConfig, entry: string, cpu: Cpu): Promise<Bundler> {
  const { project, target, config } = loaded;
  const machine = { cpu, target };
  const boundary = createAddonBoundary(project);
  const outfile = resolve(project, ".coldframe", "bundle.cjs");
  const options = bundleOptions({
    folder: project,
    entry,
    outfile,
    runtime: config.serverless.runtime,
    adapter: adapterFile("index"),
    plugins: [boundary.plugin, schemaConverters, zodNamespace],
  });
  const warm = await context(options);

  async function bundle(): Promise<Bundle> {
    try {
      for (;;) {
        const result = await warm.rebuild();
        const trace = await traceUses([...boundary.uses.values()], cpu);
        const again = boundary.keepOut(inBoth(result.metafile, trace, project));
        if (!again) return await finish(result, trace);
      }
    } catch (failure) {
      throw bundleError(failure, project);
    }
  }

  async function finish(result: BuildResult<typeof options>, trace: Trace): Promise<Bundle> {
    const { code, map } = outputs(result);
    const converters = convertersOf(Object.keys(result.metafile.inputs));
    const toFile = async (converter: Converter) => ({
      path: converter.path,
      contents: await bundleConverter(converter, loaded),
    });
    return {
      code,
      map: portableSourceMap(map, outfile, project),
      addons: [
        ...layOut(chooseAddonFiles(trace, machine), roots(boundary)),
        ...ownFiles(boundary, project, machine),
      ],
      parts: await Promise.all(converters.map(toFile)),
      inputs: sources(result.metafile, project).filter(
        (file) => file !== entry && !file.includes(`${sep}node_modules${sep}`),
      ),
      warnings: bundleWarnings(result.warnings),
    };
  }

  return { bundle, dispose: () => warm.dispose() };
}

function outputs({ outputFiles }: BuildResult<{ write: false }>): { code: Uint8Array; map: Uint8Array } {
  const ending = (suffix: string) => outputFiles.find(({ path }) => path.endsWith(suffix))?.contents;
  const [code, map] = [ending(".cjs"), ending(".cjs.map")];
  if (code === undefined || map === undefined) throw new Error("esbuild wrote no bundle");
  return { code, map };
}

/**
 * Folders of packages that are in the bundle and copied beside it: two copies of one class, of which `instanceof` knows
 * one. onnxruntime-common is such a package when the model imports it beside onnxruntime-node.
 */
function inBoth(metafile: Metafile, trace: Trace, project: string): Set<string> {
  const folders = (files: Iterable<string>) =>
    new Set(
      [...files]
        .filter((file) => file.includes(`${sep}node_modules${sep}`))
        .map((file) => packageOf(file)?.folder),
    );
  const copied = folders(trace.keys());
  if (copied.size === 0) return new Set();
  return new Set(
    [...folders(sources(metafile, project))].filter((folder) => folder !== undefined && copied.has(folder)),
  ) as Set<string>;
}

/** Absolute paths; esbuild's own made-up inputs have a namespace and are left out. */
function sources(metafile: Metafile, project: string): string[] {
  return Object.keys(metafile.inputs)
    .filter((file) => isAbsolute(file) || !/^[a-z-]{2,}:|^<|^\(/.test(file))
    .map((file) => resolve(project, file));
}

function roots({ uses }: AddonBoundary): Package[] {
  return [...uses.values()]
    .map(({ specifier, from }) => findPackage(packageName(specifier) ?? specifier, from))
    .filter((found) => found !== undefined);
}

function ownFiles({ ownFiles: files }: AddonBoundary, project: string, machine: Machine): CopiedFile[] {
  return [...files].map(([from, to]) => {
    checkOwnFile(from, relative(project, from), machine);
    return { from, to };
  });
}
