// The watcher of a data root sees what is wrong under a final name, and nothing else: chaos runs are worth no more than it.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { FinalNames } from "./_final-names.ts";

const ID = "0123456789abcdef0123456789abcdef";
const RIGHT = Buffer.from("right");

let root: string;
let names: FinalNames;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "coldframe-names-"));
  mkdirSync(join(root, "blobs"));
  mkdirSync(join(root, "trees", "tree", "folder"), { recursive: true });
  names = new FinalNames(root, new Map([["folder/a.bin", RIGHT]]));
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (path: string, bytes: string | Buffer) => writeFileSync(join(root, path), bytes);

test("the right bytes, and whatever is on its way, are right", () => {
  write(`blobs/${ID}`, RIGHT);
  write(`blobs/${ID}.part`, "half");
  write(`blobs/${ID}.journal`, "half");
  write("trees/tree.ready", "{}");
  write("trees/tree/folder/.coldframe-0", "half");
  symlinkSync(`../../../blobs/${ID}`, join(root, "trees/tree/folder/a.bin"));
  names.look();
  assert.deepEqual(names.wrong, []);
  assert.deepEqual(names.missing(join(root, "trees/tree")), ["folder/.coldframe-0 is not wanted"]);
  assert.deepEqual(names.leftovers().toSorted(), [`${ID}.journal`, `${ID}.part`]);
});

test("of contents that a list gone wrong has named, what was begun may stay; of others, and claims, nothing may", () => {
  const other = ID.replaceAll("0", "f");
  write(`blobs/${ID}`, RIGHT);
  for (const id of [ID, other]) write(`blobs/${id}.part`, "half");
  write(`blobs/${other}.journal`, "half");
  write(`blobs/${other}.1-2-3-4.claim`, "");
  assert.deepEqual(names.leftovers(true).toSorted(), [`${ID}.part`, `${other}.1-2-3-4.claim`].toSorted());
  assert.equal(names.leftovers().length, 4);
});

test("a blob with other bytes is wrong", () => {
  write(`blobs/${ID}`, "wrong");
  names.look();
  assert.equal(names.wrong.length, 1);
});

test("a file of the tree with other bytes, or the bytes of another one, is wrong", () => {
  write("trees/tree/folder/a.bin", "wrong");
  write("trees/tree/folder/b.bin", RIGHT);
  names.look();
  assert.equal(names.wrong.length, 2);
});

test("what was right and is replaced is looked at again", () => {
  write("trees/tree/folder/a.bin", RIGHT);
  names.look();
  write("trees/tree/other", "wrong");
  renameSync(join(root, "trees/tree/other"), join(root, "trees/tree/folder/a.bin"));
  names.look();
  assert.equal(names.wrong.length, 1);
});

test("what is missing is told, before anything is there too", () => {
  assert.deepEqual(names.missing(join(root, "trees/nothing")), ["folder/a.bin is missing"]);
  rmSync(join(root, "blobs"), { recursive: true });
  names.look();
  assert.deepEqual(names.wrong, []);
});
