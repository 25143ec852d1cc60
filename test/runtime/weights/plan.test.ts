import assert from "node:assert/strict";
import { test } from "node:test";
import type { ColdframeError } from "../../../adapter/runtime/errors.ts";
import type { RemoteFile, WeightsEntry } from "../../../adapter/runtime/weights/_contracts.ts";
import { createPlan, fileId } from "../../../adapter/runtime/weights/files/plan.ts";
import { pathProblem } from "../../../adapter/runtime/weights/files/paths.ts";
import { entryOf, nowhere, remote } from "./_ground.ts";

function planOf(files: readonly RemoteFile[], entry: WeightsEntry = entryOf(), shipped: string[] = []) {
  const plan = createPlan([entry], shipped);
  plan.add(entry, nowhere, files);
  return plan.end();
}

/** The error of a plan, with its way out. */
function refusal(run: () => unknown): ColdframeError {
  try {
    run();
  } catch (error) {
    return error as ColdframeError;
  }
  throw new Error("nothing was refused");
}

const refuse = (files: readonly RemoteFile[], entry?: WeightsEntry, shipped?: string[]): ColdframeError =>
  refusal(() => planOf(files, entry, shipped));

test("paths are joined to the mount, and patterns are matched below it", () => {
  const entry = entryOf({ mount: "models/small", allowPatterns: ["*.bin"], ignorePatterns: ["old/"] });
  const plan = createPlan([entry]);
  const first = plan.add(entry, nowhere, [remote("a.bin"), remote("readme.md"), remote("old/b.bin")]);
  assert.deepEqual(
    first.map(({ path }) => path),
    ["models/small/a.bin"],
  );
  const second = plan.add(entry, nowhere, [remote("deep/c.bin")]);
  assert.deepEqual(
    second.map(({ path }) => path),
    ["models/small/deep/c.bin"],
  );
  assert.deepEqual(plan.end(), [...first, ...second]);
});

test("a source that is one file is named by its mount, whatever its patterns", () => {
  const entry = entryOf({
    source: "https://example.com/v.txt",
    mount: "vocab.txt",
    allowPatterns: ["*.bin"],
  });
  const [file] = planOf([remote("", { key: "https://example.com/v.txt" })], entry);
  assert.equal(file?.path, "vocab.txt");
});

const UNSAFE: readonly (readonly [string, RegExp])[] = [
  ["/etc/passwd", /absolute/],
  ["../evil", /the part "\.\."/],
  ["a/../../evil", /the part "\.\."/],
  ["a/./b", /the part "\."/],
  ["a//b", /empty part/],
  ["a\\b", /backslash/],
  ["nul\0byte", /control/],
  ["line\nbreak", /control/],
  ["\u001b[2J", /control/],
  ["\u009b2J", /control/],
  ["\ud800", /Unicode/],
  [`${"a".repeat(256)}/b`, /255 bytes/],
  ["é".repeat(128), /255 bytes/],
  ["long/".repeat(700) + "x", /3000 is the most/],
  [".coldframe-0011", /reserved/],
  ["a/.coldframe-0011/b", /reserved/],
];

for (const [path, reason] of UNSAFE) {
  test(`refused, and never normalised: ${JSON.stringify(path).slice(0, 40)}`, () => {
    const error = refuse([remote("fine.bin"), remote(path)]);
    assert.equal(error.code, "WEIGHTS_INVALID");
    assert.match(error.message, reason);
    assert.match(error.message, /^s3:\/\/bucket\/model\/: the object "model\//);
    assert.match(error.fix ?? "", /ignore_patterns: \["/);
    assert.doesNotMatch(error.sentence, /[\u0000-\u001f\u007f-\u009f]/);
  });
}

test("what the patterns leave out is not judged", () => {
  const files = planOf(
    [remote("fine.bin"), remote("../evil"), remote("con\0")],
    entryOf({ allowPatterns: ["fine*"] }),
  );
  assert.equal(files.length, 1);
  const entry = entryOf({ ignorePatterns: ["../evil"] });
  assert.equal(planOf([remote("fine.bin"), remote("../evil")], entry).length, 1);
});

test("longest names that are allowed", () => {
  assert.equal(pathProblem("a".repeat(255)), undefined);
  assert.equal(pathProblem("ü".repeat(127)), undefined);
  assert.equal(pathProblem(`${"x/".repeat(1499)}yy`), undefined);
});

test("names that Windows gives another meaning are refused there only", () => {
  for (const path of ["con", "a/NUL.txt", "com1.bin", "con.txt:ads", "trailing.", "trailing ", "what?"]) {
    assert.match(pathProblem(path, "win32") ?? "", /Windows/, path);
    assert.equal(pathProblem(path, "linux"), undefined, path);
  }
  assert.equal(pathProblem("console/company.bin", "win32"), undefined);
});

test("a mount that leads out is refused too, whoever wrote the manifest", () => {
  const error = refuse([remote("a.bin")], entryOf({ mount: "../outside" }));
  assert.match(error.message, /the part "\.\."/);
});

test("an empty object that is named like a folder is nothing; one with content is refused", () => {
  const files = [remote("", { key: "model/", size: 0 }), remote("sub/", { size: 0 }), remote("sub/a.bin")];
  assert.deepEqual(
    planOf(files).map(({ path }) => path),
    ["sub/a.bin"],
  );
  const error = refuse([remote("sub/", { size: 7 })]);
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(error.message, /"model\/sub\/".*7 bytes and the name of a folder/);
});

test("two sources that want one path are both named", () => {
  const one = entryOf({ mount: "m" });
  const other = entryOf({ source: "hf://owner/repo@v1", mount: "m" });
  const plan = createPlan([one, other]);
  plan.add(one, nowhere, [remote("config.json")]);
  const error = refusal(() => plan.add(other, nowhere, [remote("config.json", { key: "config.json" })]));
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(
    error.message,
    /"model\/config.json" of s3:\/\/bucket\/model\/ and "config.json" of hf:\/\/owner\/repo@v1 would both be the file "m\/config.json"/,
  );
  assert.match(error.fix ?? "", /ignore_patterns: \["config.json"\].*mount_location/);
});

for (const [one, other, what] of [
  ["a", "a/b", /need "a" as a file and as a folder/],
  ["a/b/c", "a/b", /need "a\/b" as a file and as a folder/],
  ["A", "a/b", /as a file and as a folder/],
  ["Model.bin", "model.bin", /ignore case/],
  ["caf\u00e9", "cafe\u0301", /ignore case or accents/],
  ["a.bin", "a.bin", /both be the file/],
] as const) {
  test(`one place cannot hold both ${one} and ${other}`, () => {
    for (const files of [
      [remote(one), remote(other)],
      [remote(other), remote(one)],
    ])
      assert.match(refuse(files).message, what);
  });
}

test("folders that differ in case only are no collision", () => {
  assert.equal(
    planOf([remote("Data/a"), remote("data/b"), remote("data/deep/c"), remote("Data/deep/d")]).length,
    4,
  );
});

test("files of data_dir keep their names", () => {
  const error = refuse([remote("labels.json")], entryOf(), ["labels.json"]);
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(error.message, /"labels.json" of data_dir and "model\/labels.json" of s3:\/\/bucket\/model\//);
  assert.match(refuse([remote("a/b")], entryOf(), ["a"]).message, /as a file and as a folder/);
  assert.equal(planOf([remote("a/b")], entryOf(), ["a/c"]).length, 1);
});

test("a source without a single file, and patterns that match nothing", () => {
  const missing = refusal(() => createPlan([entryOf()]).end());
  assert.equal(missing.code, "WEIGHTS_NOT_FOUND");
  assert.match(missing.message, /s3:\/\/bucket\/model\/ has no files/);
  const entry = entryOf({ allowPatterns: ["*.gguf", "*.onnx"], ignorePatterns: ["old/"] });
  const unmatched = refuse([remote("a.bin"), remote("b.bin"), remote("old/a.onnx")], entry);
  assert.equal(unmatched.code, "WEIGHTS_NOT_FOUND");
  assert.match(
    unmatched.message,
    /s3:\/\/bucket\/model\/: allow_patterns "\*\.gguf", "\*\.onnx".*"old\/".*3 objects/,
  );
  assert.match(refuse([remote("sub/", { size: 0 })]).message, /only 1 empty folder/);
});

test("an entry that matched does not excuse the other", () => {
  const entries = [entryOf(), entryOf({ source: "s3://bucket/none/" })] as const;
  const plan = createPlan(entries);
  plan.add(entries[0], nowhere, [remote("a")]);
  plan.add(entries[1], nowhere, []);
  assert.match(refusal(() => plan.end()).message, /s3:\/\/bucket\/none\/ has no files/);
});

test("sizes that are no sizes are refused", () => {
  for (const size of [-1, 1.5, Number.NaN, 2 ** 60])
    assert.match(refuse([remote("a", { size })]).message, /not a number of bytes/);
});

test("one sha256 does not name many files", () => {
  assert.match(
    refuse([remote("a")], entryOf({ sha256: "0".repeat(64) })).message,
    /many files and has one sha256/,
  );
});

test("what signs an address is never shown", () => {
  const source = "https://user:pass@host.example/a.bin?X-Amz-Signature=s3cr3t#frag";
  const entry = entryOf({ source, mount: "../x" });
  const errors = [
    refuse([remote("", { key: source })], entry),
    refusal(() => createPlan([entry]).end()),
    refuse([remote("", { key: source }), remote("", { key: source })], { ...entry, mount: "x" }),
  ];
  for (const error of errors) {
    assert.match(error.message, /https:\/\/host\.example\/a\.bin/);
    assert.doesNotMatch(error.sentence, /s3cr3t|pass|frag|X-Amz/);
  }
});

test("the same bytes have one id wherever they come from, and anything less certain is told apart", () => {
  const here = entryOf();
  const there = entryOf({ source: "https://mirror.example/model.bin" });
  const file = remote("a");
  const strong = remote("a", { checksum: { algorithm: "sha256", value: "ab".repeat(32) } });
  const elsewhere = { ...strong, key: "https://mirror.example/model.bin", etag: '"other"' };
  assert.equal(fileId(here, strong), fileId(there, elsewhere));
  assert.equal(fileId({ ...there, sha256: "AB".repeat(32) }, { ...file, path: "" }), fileId(here, strong));
  const git = remote("a", { checksum: { algorithm: "git-sha1", value: "cd".repeat(20) } });
  assert.equal(fileId(here, git), fileId(there, { ...git, key: "x" }));

  const ids = [
    fileId(here, file),
    fileId(there, file),
    fileId({ ...here, endpoint: "https://minio.example" }, file),
    fileId(here, { ...file, key: "b" }),
    fileId(here, { ...file, etag: '"f"' }),
    fileId(here, { ...file, versionId: "v" }),
    fileId(here, { ...file, size: 5 }),
    fileId(here, { ...file, checksum: { algorithm: "crc32", value: "00000000" } }),
    fileId(here, { ...file, blocks: { algorithm: "crc32", size: 1, values: "AAAA" } }),
    fileId(here, strong),
    fileId(here, { ...strong, size: 5 }),
    fileId(here, git),
  ];
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  // A CRC does not make two places one.
  const crc = { checksum: { algorithm: "crc64nvme", value: "0".repeat(16) } } as const;
  assert.notEqual(fileId(here, { ...file, ...crc }), fileId(there, { ...file, ...crc }));
});

test("a hundred thousand files are planned, one more is refused", () => {
  const entry = entryOf();
  const plan = createPlan([entry]);
  for (let page = 0; page < 100; page++)
    plan.add(
      entry,
      nowhere,
      Array.from({ length: 1000 }, (_, index) => remote(`${page}/${index}.bin`)),
    );
  assert.equal(plan.end().length, 100_000);
  const error = refusal(() => plan.add(entry, nowhere, [remote("last")]));
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(error.message, /over 100000 files/);
});
