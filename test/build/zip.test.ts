// The zip is the same bytes for the same files, and other programs can read it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { writeZip } from "../../adapter/build/zip.ts";
import { type Files, makeFolder, writeFiles } from "./_project.ts";

const FILES: Files = {
  "index.mjs": "export {};\n",
  "b/z.txt": "z".repeat(100_000),
  "b/a.txt": "a",
  "B.txt": "B",
  "a-b.txt": "",
};

function tree(): string {
  const folder = join(makeFolder(), "lambda");
  writeFiles(folder, FILES);
  mkdirSync(join(folder, "data"));
  return folder;
}

async function zip(folder: string): Promise<Buffer> {
  const file = join(folder, "..", "lambda.zip");
  assert.equal(await writeZip(folder, file), statSync(file).size);
  return readFileSync(file);
}

test("two folders, made at other times with other modes, give the same bytes", async () => {
  const [one, two] = [tree(), tree()];
  utimesSync(join(two, "index.mjs"), 1, 1);
  chmodSync(join(two, "B.txt"), 0o600);
  assert.deepEqual(await zip(one), await zip(two));
});

test("the time zone does not matter", async () => {
  const module = JSON.stringify(resolve(import.meta.dirname, "../../adapter/build/zip.ts"));
  const zips = ["UTC", "Asia/Tokyo", "America/Sao_Paulo"].map((zone) => {
    const folder = tree();
    const file = join(folder, "..", "lambda.zip");
    const script = `import { writeZip } from ${module}; await writeZip(${JSON.stringify(folder)}, ${JSON.stringify(file)});`;
    execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, TZ: zone },
    });
    return readFileSync(file);
  });
  assert.deepEqual(zips[1], zips[0]);
  assert.deepEqual(zips[2], zips[0]);
});

test("unzip finds it sound, sorted, with readable files", async () => {
  const folder = tree();
  await zip(folder);
  const file = join(folder, "..", "lambda.zip");
  execFileSync("unzip", ["-tq", file]);
  const lines = execFileSync("unzip", ["-Z", "-T", file], {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  })
    .split("\n")
    .filter((line) => /^[-d]/.test(line));
  assert.deepEqual(
    lines.map((line) => [line.slice(0, 10), ...line.split(/\s+/).slice(-2)]),
    [
      ["-rw-r--r--", "19800101.120000", "B.txt"],
      ["-rw-r--r--", "19800101.120000", "a-b.txt"],
      ["-rw-r--r--", "19800101.120000", "b/a.txt"],
      ["-rw-r--r--", "19800101.120000", "b/z.txt"],
      ["drwxr-xr-x", "19800101.120000", "data/"],
      ["-rw-r--r--", "19800101.120000", "index.mjs"],
    ],
  );
});

test("a file that goes away while it is zipped is an error, not a half zip", async () => {
  const folder = tree();
  symlinkSync("/nowhere", join(folder, "gone.txt"));
  await assert.rejects(zip(folder), { code: "ENOENT" });
});
