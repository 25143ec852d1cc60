import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  place,
  prepareTree,
  removeOthers,
  shippedFiles,
  treeFolder,
} from "../../../adapter/runtime/weights/files/tree.ts";
import { DIGEST, grounds, newFolder, newRoot, plannedFile, putBlob } from "./_ground.ts";

const CONTENT = "the weights";
const planned = plannedFile("deep/er/model.bin", CONTENT);

function freshTree(parent?: string) {
  const root = newRoot(parent);
  prepareTree(root, DIGEST);
  putBlob(root, planned, CONTENT);
  return { root, tree: treeFolder(root, DIGEST) };
}

function everything(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).toSorted();
}

for (const ground of grounds()) {
  test(`a blob is placed as a hard link, on ${ground}`, () => {
    const { root, tree } = freshTree(ground);
    assert.equal(place(root, DIGEST, planned), true);
    const file = join(tree, planned.path);
    assert.equal(readFileSync(file, "utf8"), CONTENT);
    assert.equal(lstatSync(file).ino, lstatSync(join(root, "blobs", planned.id)).ino);
    assert.equal(lstatSync(file).mode & 0o777, 0o444);
    assert.deepEqual(everything(tree), ["deep", "deep/er", "deep/er/model.bin"], "no temporary name is left");
  });
}

test("placing again changes nothing, and two paths may have one content", () => {
  const { root, tree } = freshTree();
  place(root, DIGEST, planned);
  const before = lstatSync(join(tree, planned.path), { bigint: true }).ctimeNs;
  assert.equal(place(root, DIGEST, planned), true);
  assert.equal(lstatSync(join(tree, planned.path), { bigint: true }).ctimeNs, before);
  place(root, DIGEST, { ...planned, path: "copy.bin" });
  assert.equal(lstatSync(join(tree, "copy.bin")).nlink, 3);
});

test("without a blob nothing is placed", () => {
  const { root } = freshTree();
  assert.equal(place(root, DIGEST, { path: "x", id: "f".repeat(32) }), false);
});

test("what is wrong at the path is replaced: a file, a link, a folder", () => {
  for (const wrong of [
    (file: string) => writeFileSync(file, "half of it"),
    (file: string) => symlinkSync("/etc/hostname", file),
    (file: string) => symlinkSync("nowhere", file),
    (file: string) => mkdirSync(join(file, "inside"), { recursive: true }),
  ]) {
    const { root, tree } = freshTree();
    const file = join(tree, planned.path);
    mkdirSync(join(tree, "deep/er"), { recursive: true });
    wrong(file);
    assert.equal(place(root, DIGEST, planned), true);
    assert.equal(lstatSync(file).isFile(), true);
    assert.equal(readFileSync(file, "utf8"), CONTENT);
    assert.deepEqual(everything(join(tree, "deep/er")), ["model.bin"]);
  }
});

test("a link to a victim outside is replaced, and the victim untouched", () => {
  const { root, tree } = freshTree();
  const victim = join(newFolder(), "victim");
  writeFileSync(victim, "precious");
  mkdirSync(join(tree, "deep/er"), { recursive: true });
  symlinkSync(victim, join(tree, planned.path));
  place(root, DIGEST, planned);
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("a folder that is a link or a file is refused; nothing is written through it", () => {
  const outside = newFolder();
  for (const [plant, what] of [
    [
      (path: string) => symlinkSync(outside, path),
      /is a symbolic link where deep\/er\/model\.bin needs a folder/,
    ],
    [(path: string) => writeFileSync(path, ""), /is a file where/],
  ] as const) {
    const { root, tree } = freshTree();
    plant(join(tree, "deep"));
    assert.throws(() => place(root, DIGEST, planned), { code: "WEIGHTS_INVALID", message: what });
    assert.deepEqual(readdirSync(outside), []);
  }
});

test("where link(2) refuses, a relative symbolic link stands in", () => {
  const { root, tree } = freshTree();
  const blob = join(root, "blobs", planned.id);
  // On ext4 and tmpfs there is a limit of hard links per file; a directory as a blob is refused with EPERM everywhere.
  rmSync(blob);
  mkdirSync(blob);
  assert.throws(() => linkSync(blob, join(tree, "probe")), { code: "EPERM" });
  assert.equal(place(root, DIGEST, planned), true);
  const file = join(tree, planned.path);
  assert.equal(readlinkSync(file), `../../../../blobs/${planned.id}`);
  assert.equal(statSync(file).ino, statSync(blob).ino);
  const before = lstatSync(file).ino;
  assert.equal(place(root, DIGEST, planned), true);
  assert.equal(lstatSync(file).ino, before, "a right one stays");
});

test("files of the artifact are linked into the tree; folders are real", () => {
  const shipped = newFolder();
  mkdirSync(join(shipped, "labels"));
  writeFileSync(join(shipped, "labels/en.json"), "{}");
  writeFileSync(join(shipped, "vocab.txt"), "a b c");
  assert.deepEqual(shippedFiles(shipped), ["labels/en.json", "vocab.txt"]);
  const root = newRoot();
  prepareTree(root, DIGEST, shipped);
  prepareTree(root, DIGEST, shipped);
  const tree = treeFolder(root, DIGEST);
  assert.equal(readFileSync(join(tree, "vocab.txt"), "utf8"), "a b c");
  assert.equal(lstatSync(join(tree, "vocab.txt")).isSymbolicLink(), true);
  assert.equal(lstatSync(join(tree, "labels")).isDirectory(), true);
  putBlob(root, planned, CONTENT);
  place(root, DIGEST, { ...planned, path: "labels/weights.bin" });
  assert.deepEqual(readdirSync(shipped).toSorted(), ["labels", "vocab.txt"], "the artifact stays as it is");
  assert.deepEqual(readdirSync(join(shipped, "labels")), ["en.json"]);
});

test("a link of an older artifact is pointed at this one's", () => {
  const [old, current] = [newFolder(), newFolder()];
  for (const folder of [old, current]) writeFileSync(join(folder, "vocab.txt"), folder);
  const root = newRoot();
  prepareTree(root, DIGEST, old);
  prepareTree(root, DIGEST, current);
  assert.equal(readFileSync(join(treeFolder(root, DIGEST), "vocab.txt"), "utf8"), current);
});

test("an artifact without data files ships none", () => {
  const root = newRoot();
  prepareTree(root, DIGEST, join(root, "no-such-folder"));
  assert.deepEqual(readdirSync(treeFolder(root, DIGEST)), []);
  assert.deepEqual(shippedFiles(undefined), []);
});

test("files of an earlier list are removed, and what is wanted stays", () => {
  const shipped = newFolder();
  mkdirSync(join(shipped, "labels"));
  writeFileSync(join(shipped, "labels/en.json"), "{}");
  const { root, tree } = freshTree();
  prepareTree(root, DIGEST, shipped);
  for (const path of [planned.path, "deep/old.bin", "gone/old.bin", "old.bin"])
    place(root, DIGEST, { ...planned, path });
  writeFileSync(join(tree, "deep/.coldframe-0123"), "cut off");
  removeOthers(root, DIGEST, [planned.path], shipped);
  assert.deepEqual(everything(tree), ["deep", "deep/er", planned.path, "labels", "labels/en.json"]);
  assert.equal(existsSync(join(shipped, "labels/en.json")), true);
});
