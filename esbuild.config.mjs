// The one place with bundler options: what turns a model and the adapter into bundle.cjs, and the late parts, the engine
// of weights and AWS's SDK into files of their own. adapter/build/bundle.ts and parts.ts run it; nothing else bundles.

import { dirname, extname, join } from "node:path";

// CommonJS has no import.meta; these are what it would have said, and the bundle's folder is the function's.
const IMPORT_META_URL = "__coldframe_import_meta_url";

/**
 * @param {object} project
 * @param {string} project.folder absolute
 * @param {string} project.entry absolute path of the generated entry
 * @param {string} project.outfile absolute path of bundle.cjs; nothing is written there by esbuild itself
 * @param {"nodejs22.x" | "nodejs24.x"} project.runtime
 * @param {string} project.adapter absolute path of adapter/index, the meaning of `import ... from "coldframe"`
 * @param {import("esbuild").Plugin[]} project.plugins
 * @returns {import("esbuild").BuildOptions & { write: false, metafile: true }}
 */
export function bundleOptions({ folder, entry, outfile, runtime, adapter, plugins }) {
  return {
    ...nodeOptions({ folder, entry, outfile, runtime }),
    sourcemap: "external",
    sourcesContent: false,
    // A second copy of the adapter would have a second ColdframeError, which `instanceof` does not know.
    alias: {
      "coldframe/onnx": join(dirname(adapter), "onnx", `index${extname(adapter)}`),
      coldframe: adapter,
    },
    plugins,
  };
}

/**
 * A file that the artifact carries beside bundle.cjs: late.cjs, weights.cjs, weights-thread.cjs or aws-sdk.cjs.
 * @param {object} part
 * @param {string} part.folder absolute
 * @param {string} part.entry absolute
 * @param {string} part.outfile absolute; nothing is written there by esbuild itself
 * @param {"nodejs22.x" | "nodejs24.x"} part.runtime
 * @param {string[]} [part.external]
 * @param {import("esbuild").Plugin[]} [part.plugins]
 * @returns {import("esbuild").BuildOptions & { write: false, metafile: true }}
 */
export function partOptions({ folder, entry, outfile, runtime, external = [], plugins = [] }) {
  return {
    ...nodeOptions({ folder, entry, outfile, runtime }),
    external,
    plugins,
    // The SDK's ES modules: of its CommonJS, everything would be kept.
    mainFields: ["module", "main"],
  };
}

/**
 * @param {{ folder: string, entry: string, outfile: string, runtime: "nodejs22.x" | "nodejs24.x" }} file
 * @returns {import("esbuild").BuildOptions & { write: false, metafile: true }}
 */
function nodeOptions({ folder, entry, outfile, runtime }) {
  return {
    absWorkingDir: folder,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    // The code cache stub runs a CommonJS wrapper: faster than an ESM bundle, see `npm run bench -- cold`.
    format: "cjs",
    target: runtime === "nodejs22.x" ? "node22" : "node24",
    // Without keepNames: an error's name comes from its own `name`, and stacks are mapped back by bundle.cjs.map.
    minify: true,
    // The stub reads the bundle as latin1.
    charset: "ascii",
    legalComments: "none",
    define: {
      "import.meta.url": IMPORT_META_URL,
      "import.meta.dirname": "__dirname",
      "import.meta.filename": "__filename",
    },
    // Before "use strict" it would end the directives, and the bundle would run in sloppy mode.
    banner: { js: `"use strict";var ${IMPORT_META_URL}=require("url").pathToFileURL(__filename).href;` },
    metafile: true,
    write: false,
    logLevel: "silent",
  };
}
