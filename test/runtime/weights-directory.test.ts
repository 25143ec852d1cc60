// What the cold start and a model see of the weights: which messages go to the thread that fetches, what follows a
// failure, and a real thread behind it where that matters.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Worker } from "node:worker_threads";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import { openDataDir } from "../../adapter/runtime/weights-directory.ts";

const SCRIPT = join(import.meta.dirname, "_weights-script.mjs");
const THREAD = join(import.meta.dirname, "_weights-thread.ts");
const FACTS = {
  files: 1,
  bytes: 1,
  fetched_bytes: 1,
  ms: 1,
  mb_per_s: 1,
  requests: 1,
  retries: 0,
  unverified: 0,
  warm: false,
};
const EAGER = { kind: "eager", facts: FACTS };
const DONE = { kind: "done" };
const END = { kind: "end" };
const FORBIDDEN = { kind: "failed", code: "WEIGHTS_FORBIDDEN", message: "No.", fix: "Allow it." };

test("a file is asked for once, and is ready when the thread says so or when it lies there", async (t) => {
  const { open, log } = artifact(t, [{ "deep/a.bin": [{ kind: "file", path: "deep/a.bin" }, END] }]);
  const weights = open();
  const begun = weights.begin(async () => undefined, ColdframeError);
  mkdirSync(join(weights.path, "deep"), { recursive: true });
  writeFileSync(join(weights.path, "there.bin"), "");
  assert.equal(await weights.ready("there.bin"), join(weights.path, "there.bin"));
  const [one, two] = await Promise.all([weights.ready("deep/a.bin"), weights.ready("deep/a.bin")]);
  assert.deepEqual([one, two], [join(weights.path, "deep/a.bin"), one]);
  assert.deepEqual(log(), ["start", "hurry deep/a.bin"]);
  await assert.rejects(begun, /ended with exit code 0/);
});

test("a file that nobody has is an error once all is there; one that came unseen is none", async (t) => {
  const { open } = artifact(t, [{ "none.bin": [EAGER, DONE, END], begin: [] }]);
  const weights = open();
  const begun = weights.begin(async () => undefined, ColdframeError);
  const waiting = [weights.ready("none.bin"), weights.ready("late.bin"), weights.ready()];
  // As if the thread had ended before it heard the question.
  mkdirSync(weights.path, { recursive: true });
  writeFileSync(join(weights.path, "late.bin"), "");
  const [none, late, all] = await Promise.allSettled(waiting);
  assert.equal(none?.status === "rejected" && none.reason.code, "WEIGHTS_NOT_FOUND");
  assert.match(String(none?.status === "rejected" && none.reason.message), /weights\.ready\("none\.bin"\)/);
  assert.deepEqual([late?.status, all?.status], ["fulfilled", "fulfilled"]);
  assert.deepEqual(await begun, FACTS);
});

test("a secret is asked of the cold start; one that cannot be read has no value", async (t) => {
  const secrets = ["good", "bad"].map((name) => ({ kind: "secret", name }));
  const { open, log } = artifact(t, [{ begin: [...secrets, EAGER, DONE] }]);
  const weights = open();
  const secret = async (name: string) => (name === "good" ? "value" : Promise.reject(new Error("No.")));
  await weights.begin(secret, ColdframeError);
  await weights.ready();
  await until(() => log().length === 3);
  assert.deepEqual(log().toSorted(), ["secret", "secret value", "start"]);
});

test("a failure is of the class of the caller, and the next begin begins another fetch, with new secrets", async (t) => {
  const again = [{ kind: "secret", name: "key" }, EAGER, DONE];
  const { open, log } = artifact(t, [{ begin: [FORBIDDEN, END] }, { begin: again }]);
  const weights = open();
  const error = await failure(weights.begin(async () => "old", ColdframeError));
  assert.ok(error instanceof ColdframeError);
  assert.deepEqual([error.code, error.fix], ["WEIGHTS_FORBIDDEN", "Allow it."]);
  assert.deepEqual(await weights.begin(async () => "new", ColdframeError), FACTS);
  await until(() => log().length === 3);
  assert.deepEqual(log(), ["start", "start", "secret new"]);
});

test("after a lazy fetch that failed, ready begins one more a while later, for all who ask", async (t) => {
  const { open, log } = artifact(t, [
    { begin: [EAGER, FORBIDDEN, END] },
    { begin: [FORBIDDEN, END] },
    { begin: [], "lazy.bin": [{ kind: "file", path: "lazy.bin" }, EAGER, DONE, END] },
  ]);
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  const starts = () => log().filter((line) => line === "start").length;
  const weights = open();
  await weights.begin(async () => undefined, ColdframeError);
  assert.equal((await failure(weights.ready("lazy.bin"))).code, "WEIGHTS_FORBIDDEN");
  const askedAgain = [weights.ready("lazy.bin"), weights.ready(), weights.ready("lazy.bin")].map(failure);
  t.mock.timers.tick(1999);
  assert.deepEqual(starts(), 1, "not at once");
  t.mock.timers.tick(1);
  for (const error of await Promise.all(askedAgain)) assert.equal(error.code, "WEIGHTS_FORBIDDEN");
  assert.deepEqual(starts(), 2);
  const third = weights.ready("lazy.bin");
  t.mock.timers.tick(2000);
  assert.equal(await third, join(weights.path, "lazy.bin"));
  assert.equal(await weights.ready(), weights.path);
});

test("a real thread: a failure is told, and what was missing is fetched by the ready after it", async (t) => {
  const source = mkdtempSync(join(tmpdir(), "coldframe-source-"));
  t.after(() => rmSync(source, { recursive: true, force: true }));
  const missing = join(source, "lazy.bin");
  const { open } = artifact(t, [], {
    sources: [{ source: `file://${missing}`, mount: "lazy.bin", lazy: true }],
    file: THREAD,
  });
  const weights = open();
  assert.partialDeepStrictEqual(await weights.begin(async () => undefined, ColdframeError), { files: 0 });
  assert.equal((await failure(weights.ready("lazy.bin"))).code, "WEIGHTS_NOT_FOUND");
  writeFileSync(missing, "here");
  assert.equal(readFileSync(await weights.ready("lazy.bin"), "utf8"), "here");
});

test("a real thread: of a hundred files it tells of the one that is waited for", async (t) => {
  const source = mkdtempSync(join(tmpdir(), "coldframe-source-"));
  t.after(() => rmSync(source, { recursive: true, force: true }));
  for (let i = 0; i < 100; i++) writeFileSync(join(source, `${i}.bin`), `${i}`);
  const sources = [{ source: `file://${source}/`, mount: "", lazy: true }];
  const { open } = artifact(t, [], { sources, file: THREAD });
  const heard: unknown[] = [];
  process.once("worker", (worker) => worker.on("message", (message) => heard.push(message)));
  const weights = open();
  // Before the thread runs its first line.
  const arrival = weights.ready("42.bin");
  await weights.begin(async () => undefined, ColdframeError);
  assert.equal(readFileSync(await arrival, "utf8"), "42");
  await weights.ready();
  const files = heard.filter((message) => (message as { kind: string }).kind === "file");
  assert.deepEqual(files, [{ kind: "file", path: "42.bin" }]);
});

test("for many bytes a second lane is started with the thread, is used or ends, and nothing stays alive", async (t) => {
  if (availableParallelism() < 2) return t.skip("one processor");
  const source = mkdtempSync(join(tmpdir(), "coldframe-source-"));
  t.after(() => rmSync(source, { recursive: true, force: true }));
  const body = randomBytes(20 * 2 ** 20);
  writeFileSync(join(source, "a.bin"), body);
  const file = { path: "a.bin", key: join(source, "a.bin"), size: body.length };
  const checksum = { algorithm: "sha256", value: "0".repeat(64) };
  for (const pinned of [file, { ...file, checksum }]) {
    const { open } = artifact(t, [], {
      sources: [{ source: `file://${source}/`, mount: "", files: [pinned] }],
      file: THREAD,
      // A start expects as many bytes as its manifest has sizes.
      more: { size: 400_000_000 },
    });
    const exits: Promise<unknown>[] = [];
    const onWorker = (worker: Worker) => exits.push(once(worker, "exit"));
    process.on("worker", onWorker);
    const weights = open();
    const ending = await weights
      .begin(async () => undefined, ColdframeError)
      .then(
        () => readFileSync(join(weights.path, "a.bin")).equals(body),
        ({ code }: ColdframeError) => code,
      );
    assert.equal(ending, pinned === file ? true : "WEIGHTS_CORRUPT");
    await Promise.all(exits);
    process.off("worker", onWorker);
    assert.equal(exits.length, 2, "the thread, and the early lane");
  }
});

interface Artifact {
  readonly sources?: readonly object[];
  readonly file?: string;
  /** Further keys of weights.json. */
  readonly more?: object;
}

function artifact(
  t: TestContext,
  script: readonly object[],
  { sources = [], file = SCRIPT, more }: Artifact = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-directory-"));
  const before = process.env["COLDFRAME_DATA_DIR"];
  process.env["COLDFRAME_DATA_DIR"] = join(folder, "root");
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => workers.push(worker);
  process.on("worker", onWorker);
  t.after(async () => {
    process.off("worker", onWorker);
    await Promise.all(workers.map((worker) => worker.terminate()));
    if (before === undefined) delete process.env["COLDFRAME_DATA_DIR"];
    else process.env["COLDFRAME_DATA_DIR"] = before;
    rmSync(folder, { recursive: true, force: true });
  });
  const manifest = { version: 1, digest: "d".repeat(64), sources, ...more };
  writeFileSync(join(folder, "weights.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "script.json"), JSON.stringify(script));
  const log = () =>
    readFileSync(join(folder, "log"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.trim());
  return { open: () => openDataDir(folder, file), log };
}

/** What it rejects with. */
async function failure(promise: Promise<unknown>): Promise<ColdframeError> {
  return promise.then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );
}

/** What the thread has written is there. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
