import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { WeightsEntry } from "../../../adapter/runtime/weights/_contracts.ts";
import createFileSource from "../../../adapter/runtime/weights/file.ts";
import { listAll, makeAccess, makeEntry } from "./_source-server.ts";

let folder = "";
let outside = "";

beforeEach(() => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "file-source-")));
  folder = join(root, "in side");
  outside = join(root, "outside");
  for (const path of [folder, outside, join(folder, "sub")]) mkdirSync(path);
  writeFileSync(join(folder, "b.bin"), "bb");
  writeFileSync(join(folder, "sub", "a.bin"), "a");
  writeFileSync(join(outside, "secret"), "s");
});

afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

const list = (source: string, more: Partial<WeightsEntry> = {}) =>
  listAll(createFileSource(makeEntry({ source, ...more }), makeAccess()));

const paths = async (source: string, more: Partial<WeightsEntry> = {}) =>
  (await list(source, more)).map(({ path }) => path);

test("all files of a folder, sorted, with their size, their place and a pin", async () => {
  const files = await list(`file://${folder}/`);
  assert.deepEqual(
    files.map(({ path, key, size }) => [path, key, size]),
    [
      ["b.bin", join(folder, "b.bin"), 2],
      ["sub/a.bin", join(folder, "sub/a.bin"), 1],
    ],
  );
  assert.deepEqual(await list(`file://${folder}`), files);
  for (const { etag, checksum } of files) {
    assert.match(etag ?? "", /^"[a-z0-9]+-[a-z0-9]+"$/);
    assert.equal(checksum, undefined);
  }
});

test("one file", async () => {
  const [file] = await list(`file://${folder}/b.bin`);
  assert.deepEqual([file?.path, file?.key, file?.size], ["", join(folder, "b.bin"), 2]);
  await assert.rejects(list(`file://${folder}/b.bin/`), { code: "WEIGHTS_NOT_FOUND" });
});

test("the pin changes when a file is written to, and when another takes its place", async () => {
  const pin = async () => (await list(`file://${folder}/b.bin`))[0]?.etag;
  const first = await pin();
  assert.equal(await pin(), first);
  utimesSync(join(folder, "b.bin"), 1, 1);
  const second = await pin();
  assert.notEqual(second, first);
  writeFileSync(join(folder, "c.bin"), "bb");
  utimesSync(join(folder, "c.bin"), 1, 1);
  renameSync(join(folder, "c.bin"), join(folder, "b.bin"));
  assert.notEqual(await pin(), second);
});

test("links inside the folder are followed, as mounted volumes have them", async () => {
  symlinkSync("sub", join(folder, "link"));
  symlinkSync("link/a.bin", join(folder, "c.bin"));
  assert.deepEqual(await paths(`file://${folder}/`), ["b.bin", "c.bin", "link/a.bin", "sub/a.bin"]);
  // The folder that is named may be a link itself.
  symlinkSync(folder, join(outside, "here"));
  assert.equal((await paths(`file://${outside}/here/`)).length, 4);
});

test("links that leave the folder are refused, whatever they lead to", async () => {
  symlinkSync(join(outside, "secret"), join(folder, "secret"));
  await assert.rejects(list(`file://${folder}/`), {
    code: "WEIGHTS_INVALID",
    message: /in side\/secret is a link to .*outside\/secret, outside/,
  });
  assert.deepEqual(await paths(`file://${folder}/`, { ignorePatterns: ["secret"] }), ["b.bin", "sub/a.bin"]);
  rmSync(join(folder, "secret"));
  symlinkSync(outside, join(folder, "sub", "out"));
  await assert.rejects(list(`file://${folder}/`), { code: "WEIGHTS_INVALID" });
  // A name that begins like the folder's is not in it.
  rmSync(join(folder, "sub", "out"));
  mkdirSync(`${folder}2`);
  symlinkSync(`${folder}2`, join(folder, "neighbour"));
  await assert.rejects(list(`file://${folder}/`), { code: "WEIGHTS_INVALID" });
});

test("what is ignored is not looked into", async () => {
  symlinkSync("nowhere", join(folder, "sub", "dangling"));
  assert.deepEqual(await paths(`file://${folder}/`, { ignorePatterns: ["sub/"] }), ["b.bin"]);
  assert.deepEqual(await paths(`file://${folder}/`, { ignorePatterns: ["*/dangling"] }), [
    "b.bin",
    "sub/a.bin",
  ]);
});

test("a link into a circle ends", async () => {
  symlinkSync("..", join(folder, "sub", "up"));
  await assert.rejects(list(`file://${folder}/`), { code: "WEIGHTS_INVALID" });
  rmSync(join(folder, "sub", "up"));
  mkdirSync(join(folder, "sub", "deep"));
  symlinkSync("../../sub", join(folder, "sub", "deep", "up"));
  await assert.rejects(list(`file://${folder}/`), { code: "WEIGHTS_INVALID", message: /lies in/ });
});

test("what is no file is refused: a pipe, a device, a link to nothing", async () => {
  execFileSync("mkfifo", [join(folder, "pipe")]);
  await assert.rejects(list(`file://${folder}/`), { code: "WEIGHTS_INVALID", message: /pipe is no file/ });
  await assert.rejects(list("file:///dev/zero"), { code: "WEIGHTS_INVALID" });
  rmSync(join(folder, "pipe"));
  symlinkSync("nowhere", join(folder, "dangling"));
  await assert.rejects(list(`file://${folder}/`), { code: "WEIGHTS_NOT_FOUND", message: /dangling/ });
});

test("what is not there, or no absolute path", async () => {
  await assert.rejects(list(`file://${folder}/absent/`), { code: "WEIGHTS_NOT_FOUND", message: /absent/ });
  await assert.rejects(list("file://relative/a"), { code: "WEIGHTS_INVALID" });
});
