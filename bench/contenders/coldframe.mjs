// The weights of an artifact, fetched as its stub does it, and nothing else: weights.cjs beside this file in a thread of
// its own, its data directory below COLDFRAME_DATA_DIR. Prints what the cold start's log line would say.

// As the stub does first.
process.getBuiltinModule("node:v8").setFlagsFromString("--no-expose-gc");
const { createRequire } = process.getBuiltinModule("node:module");
const require = createRequire(import.meta.filename);
const begun = performance.now();
const weights = require("./weights.cjs").open(import.meta.dirname);

class Failure extends Error {
  /**
   * @param {string} code
   * @param {string} sentence
   * @param {{ fix?: string }} [options]
   */
  constructor(code, sentence, { fix = "" } = {}) {
    super(`${code}: ${sentence} ${fix}`);
  }
}

try {
  const facts = await weights.begin(async () => undefined, Failure);
  console.log(JSON.stringify({ ...facts, waited_ms: performance.now() - begun, path: weights.path }));
} catch (error) {
  console.log(error);
  process.exitCode = 1;
}
