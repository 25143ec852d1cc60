// Runs in a process of its own, in a folder with weights-thread.cjs, on the function's Node version with the function's
// flags: plays the main thread and the servers for a cold and a warm start, and writes V8's code cache of all that was
// compiled on the way to ./cache. Arguments: the schemes of the sources. Bytes must not depend on how fast that was.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

/** @typedef {import("../../runtime/weights/_contracts.ts").ManifestSource} ManifestSource */
/** @typedef {import("../../runtime/weights/_contracts.ts").RemoteFile} RemoteFile */

const schemes = process.argv.slice(2);
const folder = process.cwd();
const file = join(folder, "weights-thread.cjs");

/** One of one part, and one of two, which is journaled. */
const BODIES = { "small.bin": Buffer.alloc(1024, "small"), "large.bin": Buffer.alloc(9 * 2 ** 20, "large") };
const ETAG = `"${"0".repeat(32)}"`;
const DIGEST = "0".repeat(64);

const server = createServer((request, response) => {
  const name = /** @type {keyof typeof BODIES} */ (
    request.url?.split(/[/?]/).findLast((part) => part in BODIES)
  );
  const body = BODIES[name];
  const [, start = "", end = ""] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
  const part = start === "" ? body : body.subarray(Number(start), Number(end) + 1);
  const range = start === "" ? {} : { "content-range": `bytes ${start}-${end}/${body.length}` };
  response.writeHead(start === "" ? 200 : 206, {
    etag: ETAG,
    "x-repo-commit": "0".repeat(40),
    "accept-ranges": "bytes",
    "content-length": part.length,
    ...range,
  });
  response.end(request.method === "HEAD" ? undefined : part);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const endpoint = `http://127.0.0.1:${port}`;

/** @type {(key: (name: string) => string) => RemoteFile[]} */
const files = (key) =>
  Object.entries(BODIES).map(([path, body]) => {
    const value = crc32(body).toString(16).padStart(8, "0");
    return { path, key: key(path), size: body.length, etag: ETAG, checksum: { algorithm: "crc32", value } };
  });

/** @type {Record<string, ManifestSource>} */
const SOURCES = {
  s3: {
    ...{ source: "s3://models/", mount: "s3", endpoint, pathStyle: true, region: "us-east-1" },
    files: files((name) => name),
  },
  https: {
    ...{ source: `${endpoint}/small.bin`, mount: "https.bin" },
    files: files((name) => name)
      .slice(0, 1)
      .map((file) => ({ ...file, path: "" })),
  },
  hf: { source: "hf://owner/repo@main", mount: "hf", endpoint, files: files((name) => name) },
  file: { source: `file://${folder}/`, mount: "file", files: files((name) => join(folder, name)) },
};

const sources = schemes.map((scheme) => SOURCES[scheme]);
writeFileSync("weights.json", JSON.stringify({ version: 1, digest: DIGEST, sources }));
for (const [name, body] of Object.entries(BODIES)) writeFileSync(name, body);
mkdirSync("data");
writeFileSync("data/words.txt", "");
Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "SECRET" });

// What runs every so often would be compiled on a slow machine, and not on a fast one.
globalThis.setInterval = /** @type {any} */ (() => ({ ref() {}, unref() {} }));

const script = new Script(
  `(function (require, __filename, __dirname, exports, module) {\n${readFileSync(file, "latin1")}\n})`,
  // V8 writes the name into the cache; see weights-open.ts for the rest.
  { filename: "weights-thread.cjs", lineOffset: -1 },
);

const cold = await start();
const warm = await start();
if (cold !== "done" || warm !== "done") throw new Error(`the thread ended with ${cold}, ${warm}`);
writeFileSync("cache", script.createCachedData());
process.exit(0);

/** One start of the thread. @returns {Promise<string>} what it said last */
async function start() {
  const require = createRequire(file);
  const over = Promise.withResolvers();
  /** @type {(message: object) => void} */
  let tell = () => {};
  const parentPort = {
    /** @type {(event: string, listener: (message: object) => void) => void} */
    on: (_event, listener) => void (tell = listener),
    close() {},
    /** @param {{ kind: string, name?: string }} message */
    postMessage({ kind, name }) {
      if (kind === "secret") tell({ kind, name, value: undefined });
      else if (kind !== "eager") over.resolve(kind);
    },
  };
  const threads = { ...require("node:worker_threads"), parentPort };
  threads.workerData = { coldframe: "weights", folder, file };
  const ask = (/** @type {string} */ name) =>
    /^(node:)?worker_threads$/.test(name) ? threads : require(name);
  script.runInThisContext()(ask, file, folder, {}, { exports: {} });
  return /** @type {Promise<string>} */ (over.promise);
}
