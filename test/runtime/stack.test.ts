import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import { stackReader } from "../../adapter/runtime/stack.ts";

const folder = mkdtempSync(join(tmpdir(), "bundle-"));
after(() => rmSync(folder, { recursive: true }));
const bundle = join(folder, "bundle.cjs");

// Line 1, columns 0, 20, 40 and 60 of the bundle: the author's file, the adapter, a package, and nothing.
writeFileSync(
  `${bundle}.map`,
  JSON.stringify({
    version: 3,
    sources: [
      "../model/model.ts",
      "../node_modules/coldframe/dist/adapter/runtime/predict.js",
      "../node_modules/left-pad/index.js",
    ],
    names: [],
    mappings: "AAQI,oBCRJ,oBCAA",
  }),
);

const read = stackReader(bundle);

const errorWith = (stack: string, cause?: unknown) =>
  Object.assign(new Error("x", cause === undefined ? undefined : { cause }), { stack });

const STACK = `TypeError: no
    at Model.predict (${bundle}:1:5)
    at async createPredict (${bundle}:1:25)
    at pad (${bundle}:1:45)
    at async ${bundle}:1:5
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
    at async Promise.all (index 0)`;

test("positions in the bundle are the author's; frames of Node and of the adapter are left out", () => {
  const frames = read(errorWith(STACK)).split("\n");
  assert.equal(frames[0], "TypeError: no");
  assert.match(frames[1] ?? "", /^ {4}at Model\.predict \(model\/model\.ts:9:5\)$/);
  assert.match(frames[2] ?? "", /^ {4}at pad \(node_modules\/left-pad\/index\.js:\d+:\d+\)$/);
  assert.match(frames[3] ?? "", /^ {4}at model\/model\.ts:9:5$/);
  assert.equal(frames.length, 4);
});

test("nor is the local Lambda, which imitates the platform, the author's", () => {
  const file = "/home/me/project/node_modules/coldframe/adapter/local/client/runtime-client.ts";
  const frames = read(errorWith(`${STACK}\n    at invoke (${file}:9:9)`)).split("\n");
  assert.equal(frames.length, 4);
});

test("a message of many lines stays, also when one looks like a frame's", () => {
  const text = read(errorWith(`Error: first\n  second: 3:4\n    at Model.predict (${bundle}:1:5)`));
  assert.match(text, /^Error: first\n {2}second: 3:4\n {4}at Model\.predict \(model\/model\.ts:9:5\)$/);
});

test("the cause is told, too", () => {
  const text = read(errorWith(STACK, errorWith(`RangeError: why\n    at deep (${bundle}:1:5)`)));
  assert.match(
    text,
    /TypeError: no\n[^]*\n {2}caused by RangeError: why\n {4}at deep \(model\/model\.ts:9:5\)$/,
  );
});

test("an error that no author's line is in keeps its stack: it says more than none", () => {
  const stack = `Error: Node's\n    at createPredict (${bundle}:1:25)\n    at node:internal/x:1:1`;
  assert.equal(read(errorWith(stack)), stack);
});

test("one of the adapter's own says it all in its sentence", () => {
  const error = new ColdframeError("PREDICT_TIMEOUT", "predict took over 3 s.");
  error.stack = `Error: predict took over 3 s.\n    at tooLate (${bundle}:1:25)\n    at node:internal/timers:1:1`;
  assert.equal(read(error), "PREDICT_TIMEOUT: predict took over 3 s.");
});

test("without a map the bundle's positions are what there is", () => {
  const text = stackReader(join(folder, "other.cjs"))(
    errorWith(`Error: x\n    at f (${join(folder, "other.cjs")}:1:5)`),
  );
  assert.match(text, /other\.cjs:1:5/);
});

test("what is no error is text", () => {
  for (const thrown of ["a string", undefined, null, 7, { a: 1 }]) assert.equal(read(thrown), String(thrown));
  assert.equal(read(errorWith("")), "Error: x");
});
