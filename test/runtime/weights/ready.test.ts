import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import type { PlannedFile } from "../../../adapter/runtime/weights/_contracts.ts";
import { readReady, readyFile, readyIds, writeReady } from "../../../adapter/runtime/weights/files/ready.ts";
import { place, prepareTree, treeFolder } from "../../../adapter/runtime/weights/files/tree.ts";
import { DIGEST, entryOf, grounds, newFolder, newRoot, plannedFile, putBlob } from "./_ground.ts";

const MODEL = "m".repeat(100_000);
const CONFIG = "{}";
const THEN = new Date("2026-01-02T03:04:05Z");

/** A tree of two files, one of them without a checksum. */
function readyTree(parent?: string) {
  const root = newRoot(parent);
  const model = plannedFile("deep/model.bin", MODEL);
  const config = plannedFile("config.json", CONFIG, false);
  prepareTree(root, DIGEST);
  for (const [planned, content] of [
    [model, MODEL],
    [config, CONFIG],
  ] as const) {
    // A time that a copy can have as well.
    utimesSync(putBlob(root, planned, content), THEN, THEN);
    place(root, DIGEST, planned);
  }
  writeReady(root, DIGEST, [model, config]);
  const tree = treeFolder(root, DIGEST);
  return { root, model, config, tree, blob: (planned: PlannedFile) => join(root, "blobs", planned.id) };
}

/** Changes the content in place, as a process with rights would, and keeps the time when asked to. */
function tamper(file: string, content: string, keepTime: boolean): void {
  const { atime, mtime, mode } = lstatSync(file);
  chmodSync(file, 0o644);
  writeFileSync(file, content);
  if (keepTime) utimesSync(file, atime, mtime);
  chmodSync(file, mode);
}

for (const ground of grounds()) {
  test(`a complete tree is ready, with its files, on ${ground}`, () => {
    const { root, model, config } = readyTree(ground);
    const ready = readReady(root, DIGEST);
    assert.deepEqual(
      ready?.files.map(({ path, size, id }) => ({ path, size, id })),
      [
        { path: "deep/model.bin", size: MODEL.length, id: model.id },
        { path: "config.json", size: CONFIG.length, id: config.id },
      ],
    );
    assert.equal(ready?.sameBoot, true);
    assert.notEqual(readReady(root, DIGEST, { full: true }), undefined);
    assert.deepEqual(readyIds(root, DIGEST), [model.id, config.id]);
  });
}

test("no record, a broken one, and one of another tree are no ready tree", () => {
  const { root, tree } = readyTree();
  const other = "e".repeat(64);
  assert.equal(readReady(root, other), undefined);
  symlinkSync(tree, treeFolder(root, other));
  const record = readFileSync(readyFile(root, DIGEST), "utf8");
  writeFileSync(readyFile(root, other), record);
  assert.equal(readReady(root, other), undefined);
  for (const broken of ["", "\n", record.slice(0, 50), rewrite(record, { version: 99 })]) {
    writeFileSync(readyFile(root, DIGEST), broken);
    assert.equal(readReady(root, DIGEST), undefined);
  }
});

test("a record in which one bit is wrong is none, wherever it is: it may name other files", () => {
  const { root } = readyTree();
  const record = readFileSync(readyFile(root, DIGEST));
  for (let at = 0; at < record.length; at++) {
    const damaged = Buffer.from(record);
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    writeFileSync(readyFile(root, DIGEST), damaged);
    assert.equal(readReady(root, DIGEST), undefined, `byte ${at}`);
  }
});

test("another boot of the machine is told, not refused", () => {
  const { root } = readyTree();
  const record = readFileSync(readyFile(root, DIGEST), "utf8");
  writeFileSync(readyFile(root, DIGEST), rewrite(record, { bootId: "another" }));
  assert.equal(readReady(root, DIGEST)?.sameBoot, false);
});

/** A record that says something else, and has the checksum for it. */
function rewrite(record: string, facts: object): string {
  const text = JSON.stringify({ ...JSON.parse(record.slice(record.indexOf("\n"))), ...facts });
  return `${crc32(text).toString(16).padStart(8, "0")}\n${text}`;
}

type Ground = ReturnType<typeof readyTree>;

const CHANGES: Readonly<Record<string, (ground: Ground) => void>> = {
  "a file that is gone": ({ tree }) => rmSync(join(tree, "config.json")),
  "a file with another size": ({ blob, config }) => truncateSync(blob(config), 1),
  "a file with another time": ({ blob, config }) => utimesSync(blob(config), new Date(), new Date(0)),
  "a copy in the place of a file": ({ tree }) => {
    const file = join(tree, "config.json");
    rmSync(file);
    writeFileSync(file, CONFIG);
    utimesSync(file, THEN, THEN);
  },
  "a link to a file with the same content": ({ tree }) => {
    const copy = join(newFolder(), "copy");
    writeFileSync(copy, CONFIG);
    utimesSync(copy, THEN, THEN);
    rmSync(join(tree, "config.json"));
    symlinkSync(copy, join(tree, "config.json"));
  },
  "a dangling link": ({ tree }) => {
    rmSync(join(tree, "config.json"));
    symlinkSync("nowhere", join(tree, "config.json"));
  },
  "a folder in the place of a file": ({ tree }) => {
    rmSync(join(tree, "config.json"));
    mkdirSync(join(tree, "config.json"));
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what} makes the tree not ready, and reading removes nothing`, () => {
    const ground = readyTree();
    change(ground);
    assert.equal(readReady(ground.root, DIGEST), undefined);
    assert.equal(existsSync(ground.blob(ground.model)), true);
    assert.equal(existsSync(ground.blob(ground.config)), true);
    assert.equal(existsSync(readyFile(ground.root, DIGEST)), true);
  });
}

test("repair keeps a blob that is what it was when only its place in the tree was lost", () => {
  const { root, tree, blob, model, config } = readyTree();
  rmSync(join(tree, "deep"), { recursive: true });
  assert.equal(readReady(root, DIGEST, { repair: true }), undefined);
  assert.equal(existsSync(blob(model)), true);
  assert.equal(existsSync(blob(config)), true);
  assert.equal(existsSync(readyFile(root, DIGEST)), false, "no record of what is not true");
});

test("repair removes a blob that was changed, unless its checksum is right", () => {
  for (const [content, keptModel] of [
    [MODEL, true],
    [MODEL.replace("m", "x"), false],
    ["short", false],
  ] as const) {
    const { root, blob, model, config } = readyTree();
    tamper(blob(model), content, false);
    tamper(blob(config), CONFIG, false);
    assert.equal(readReady(root, DIGEST, { repair: true }), undefined);
    assert.equal(existsSync(blob(model)), keptModel);
    assert.equal(existsSync(blob(config)), false, "nothing proves the one without a checksum");
  }
});

test("a change that hides behind its size and time is found by a full check, and removed by its repair", () => {
  const { root, blob, model, config } = readyTree();
  const { mtime } = lstatSync(blob(model));
  tamper(blob(model), MODEL.replace("m", "x"), true);
  // Times are set to the microsecond; recorded again, as if the bits had rotted.
  writeReady(root, DIGEST, [model, config]);
  assert.deepEqual(lstatSync(blob(model)).mtime, mtime);
  assert.notEqual(readReady(root, DIGEST), undefined);
  assert.equal(readReady(root, DIGEST, { full: true }), undefined);
  assert.equal(existsSync(blob(model)), true, "only with the turn in hand");
  assert.equal(readReady(root, DIGEST, { full: true, repair: true }), undefined);
  assert.equal(existsSync(blob(model)), false);
  assert.equal(existsSync(blob(config)), true);
});

test("a repair of what is right changes nothing", () => {
  const { root } = readyTree();
  assert.notEqual(readReady(root, DIGEST, { repair: true, full: true }), undefined);
  assert.notEqual(readReady(root, DIGEST), undefined);
});

test("a full check of a file with checksums of its blocks finds the wrong block", () => {
  const root = newRoot();
  const content = "abcdefghij";
  const values = ["abcd", "efgh", "ij"].map((block) => {
    const value = Buffer.alloc(4);
    value.writeUInt32BE(crc32(block));
    return value;
  });
  const plain = plannedFile("a.bin", content, false);
  const blocks = { algorithm: "crc32", size: 4, values: Buffer.concat(values).toString("base64") } as const;
  const planned = { ...plain, file: { ...plain.file, blocks } };
  prepareTree(root, DIGEST);
  const blob = putBlob(root, planned, content);
  place(root, DIGEST, planned);
  writeReady(root, DIGEST, [planned]);
  assert.notEqual(readReady(root, DIGEST, { full: true }), undefined);
  tamper(blob, "abcdefghiX", true);
  writeReady(root, DIGEST, [planned]);
  assert.equal(readReady(root, DIGEST, { full: true }), undefined);
});

test("the sha256 of config.yaml is what a full check holds a file against", () => {
  const root = newRoot();
  const plain = plannedFile("a.bin", "right", false);
  const planned = { ...plain, entry: entryOf({ sha256: "0".repeat(64) }) };
  prepareTree(root, DIGEST);
  putBlob(root, planned, "right");
  place(root, DIGEST, planned);
  writeReady(root, DIGEST, [planned]);
  assert.notEqual(readReady(root, DIGEST), undefined);
  assert.equal(readReady(root, DIGEST, { full: true }), undefined);
});

test("an empty file is as good as any", () => {
  const root = newRoot();
  const planned = plannedFile("empty", "");
  prepareTree(root, DIGEST);
  putBlob(root, planned, "");
  place(root, DIGEST, planned);
  writeReady(root, DIGEST, [planned]);
  assert.notEqual(readReady(root, DIGEST, { full: true }), undefined);
});

test("a symbolic link to the blob counts as the file it points at", () => {
  const { root, tree, blob, model, config } = readyTree();
  rmSync(join(tree, "config.json"));
  symlinkSync(`../../blobs/${config.id}`, join(tree, "config.json"));
  writeReady(root, DIGEST, [model, config]);
  assert.notEqual(readReady(root, DIGEST), undefined);
  tamper(blob(config), "[]", false);
  assert.equal(readReady(root, DIGEST), undefined);
});

test("links to shipped files are part of a ready tree: gone, elsewhere, new and removed ones make it not ready", () => {
  const changes: ((shipped: string, link: string) => void)[] = [
    (_shipped, link) => rmSync(link),
    (_shipped, link) => {
      rmSync(link);
      symlinkSync("/etc/hostname", link);
    },
    (shipped) => writeFileSync(join(shipped, "new.txt"), ""),
    (shipped) => rmSync(join(shipped, "vocab.txt")),
  ];
  for (const change of changes) {
    const shipped = newFolder();
    writeFileSync(join(shipped, "vocab.txt"), "a b c");
    const { root, tree, model, config } = readyTree();
    prepareTree(root, DIGEST, shipped);
    writeReady(root, DIGEST, [model, config], shipped);
    assert.notEqual(readReady(root, DIGEST, { shipped }), undefined);
    change(shipped, join(tree, "vocab.txt"));
    assert.equal(readReady(root, DIGEST, { shipped }), undefined);
  }
});

test("an incomplete tree is not recorded", () => {
  const { root, tree, model, config } = readyTree();
  rmSync(readyFile(root, DIGEST));
  const missing = plannedFile("missing.bin", "x");
  assert.throws(() => writeReady(root, DIGEST, [model, missing]), {
    code: "WEIGHTS_CORRUPT",
    message: /is gone/,
  });
  rmSync(join(tree, "config.json"));
  writeFileSync(join(tree, "config.json"), "longer");
  assert.throws(() => writeReady(root, DIGEST, [config]), {
    code: "WEIGHTS_CORRUPT",
    message: /6 bytes, not 2/,
  });
  assert.equal(existsSync(readyFile(root, DIGEST)), false);
});

test("other links to a blob do not disturb a tree", () => {
  const { root, blob, model } = readyTree();
  linkSync(blob(model), join(root, "another-tree-has-it"));
  assert.notEqual(readReady(root, DIGEST), undefined);
  rmSync(join(root, "another-tree-has-it"));
  assert.notEqual(readReady(root, DIGEST), undefined);
});
