// index.mjs of every artifact: loads bundle.cjs through V8's code cache and waits for the init phase. A plain
// import of the bundle would compile it from scratch; on the reference machine that costs more than Node's own start.
// Source: V8 accepts a cache made by the same Node version with the same flags, and says so in `cachedDataRejected`.

// Lambda starts Node with --expose-gc, a flag that V8 hashes: it then refuses the code cache that Node has built in for its
// own modules, and each of them, here and in every thread, is compiled from source. `gc` stays where it is.
if (typeof (/** @type {any} */ (globalThis).gc) === "function") {
  process.getBuiltinModule("node:v8").setFlagsFromString("--no-expose-gc");
}

// Not imported: an ES module import of node:fs reads each of its exports, and so loads Node's streams and promises API.
const { existsSync, readFileSync } = process.getBuiltinModule("node:fs");
const { createRequire } = process.getBuiltinModule("node:module");
const { compileFunction, constants, Script } = process.getBuiltinModule("node:vm");

const folder = import.meta.dirname;
const bundleFile = `${folder}/bundle.cjs`;
const require = createRequire(bundleFile);

// The weights before all else: they take longest. Without any, the data directory is what was shipped.
const weightsFile = `${folder}/weights.cjs`;
const path = `${folder}/data`;
async function shippedFile(/** @type {string} */ file) {
  if (!file) return path;
  if (existsSync(`${path}/${file}`)) return `${path}/${file}`;
  throw late().notShipped(path, file);
}
const data = existsSync(weightsFile) ? require(weightsFile).open(folder) : { path, ready: shippedFile };

// esbuild writes ASCII, and a latin1 string needs no UTF-8 decoding.
const source = readFileSync(bundleFile, "latin1");
let cachedData;
try {
  cachedData = readFileSync(`${bundleFile}.cache`);
} catch {
  // Built without one: another architecture, or another Node version than the function's.
}

const PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"];
const script = new Script(`(function (${PARAMETERS.join(", ")}) {\n${source}\n})`, {
  filename: bundleFile,
  // The wrapper is a line of its own, so that positions in stacks are those of bundle.cjs and its source map.
  lineOffset: -1,
  cachedData,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const codeCache = cachedData === undefined ? "absent" : script.cachedDataRejected ? "rejected" : "accepted";

/** @type {{ exports: any }} */
const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, require, bundle, bundleFile, folder);

// What a cold start has no use for; its errors are the bundle's. A server has it in its bundle.
/** @type {any} */
let lateExports = bundle.exports["late"];
function late() {
  if (lateExports) return lateExports;
  const filename = `${folder}/late.cjs`;
  const part = { exports: {} };
  const ask = (/** @type {string} */ name) => (name === "coldframe:errors" ? bundle.exports : require(name));
  const run = compileFunction(readFileSync(filename, "latin1"), PARAMETERS, { filename });
  run(part.exports, ask, part, filename, folder);
  return (lateExports = part.exports);
}

export const { stream, buffered, ready } = bundle.exports.start({ folder, codeCache, data, late });

await ready;
