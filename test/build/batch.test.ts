// What the build makes of `runtime.batch`: which artifacts can batch, and models that do not fit it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { writeEntry } from "../../adapter/build/entry.ts";
import { resultOf, start } from "../local/_lambda.ts";
import { makeProject, PLAIN_MODEL, refusal } from "./_project.ts";

const MODEL = `
export default class Model {
  predict() { throw new Error("called by itself"); }
  predictBatch(inputs) {
    console.log("batch of " + inputs.length);
    return inputs.map(({ text }) => (text === "two" ? new Error("not two") : text));
  }
}
`;

const project = (config: string, model = MODEL) =>
  makeProject({ "config.yaml": `model_name: test\n${config}`, "model/model.ts": model });

const architecture = process.arch === "arm64" ? "arm64" : "x86_64";

const entryOf = (config: string, target: "lambda" | "server") =>
  readFileSync(writeEntry(readConfig(project(config), target)), "utf8");

test("the server batches where config.yaml says so, with defaults for what it does not say", () => {
  assert.match(
    entryOf("runtime:\n  batch: { max_size: 8 }\n", "server"),
    /batching\(\{"maxSize":8,"maxDelayMs":5\}\)/,
  );
  assert.doesNotMatch(entryOf("", "server"), /batch/);
});

test("a function that answers one call at a time carries no batching", () => {
  const batch = "runtime:\n  batch: { max_size: 8 }\n";
  assert.doesNotMatch(entryOf(batch, "lambda"), /batching/);
  assert.match(entryOf(`${batch}serverless:\n  events: [function-url, sqs]\n`, "lambda"), /batching/);
});

test("the messages of one SQS event are one batch, and each has its own outcome", async (t) => {
  const { directory, warnings } = await build({
    project: project("runtime:\n  batch: {}\nserverless:\n  events: [sqs]\n"),
    architecture,
    zip: false,
    codeCache: false,
  });
  assert.deepEqual(warnings, []);
  const lambda = await start(t, "index.buffered", { artifact: directory });
  const record = (messageId: string) => ({
    messageId,
    body: JSON.stringify({ text: messageId }),
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-central-1:123456789012:jobs",
    attributes: {},
  });
  const event = { Records: ["one", "two", "three"].map(record) };
  assert.deepEqual(resultOf(await lambda.invoke(event)), { batchItemFailures: [{ itemIdentifier: "two" }] });
  assert.equal(lambda.lines.filter((line) => line.includes("batch of 3")).length, 1);
});

test("runtime.batch without a predictBatch is refused; a predictBatch without runtime.batch is told", async () => {
  const options = { architecture, zip: false, codeCache: false } as const;
  const error = await refusal(() =>
    build({ ...options, project: project("runtime:\n  batch: {}\n", PLAIN_MODEL) }),
  );
  assert.equal(error.code, "MODEL_INVALID");
  assert.match(
    error.sentence,
    /runtime\.batch.* no predictBatch .*Add `predictBatch\(inputs, invocations\)`/,
  );
  const { warnings } = await build({ ...options, project: project("") });
  assert.deepEqual(warnings, [
    "model/model.ts: predictBatch is called only where config.yaml has runtime.batch.",
  ]);
});

test("an embeddingsBatch alone is batch enough; without runtime.batch it is told of, too", async () => {
  const options = { architecture, zip: false, codeCache: false } as const;
  const model = "export default class Model { embeddings() {} embeddingsBatch = (requests) => requests }\n";
  const batched = await build({ ...options, project: project("runtime:\n  batch: {}\n", model) });
  assert.deepEqual(batched.warnings, []);
  const { warnings } = await build({ ...options, project: project("", model) });
  assert.deepEqual(warnings, [
    "model/model.ts: embeddingsBatch is called only where config.yaml has runtime.batch.",
  ]);
});

test("a predictBatch that yields is refused", async () => {
  const model = "export default class Model { predict() {} *predictBatch() {} }\n";
  const error = await refusal(() =>
    build({
      project: project("runtime:\n  batch: {}\n", model),
      architecture,
      zip: false,
      codeCache: false,
      outDir: join(project(""), "dist"),
    }),
  );
  assert.match(error.message, /predictBatch is a generator/);
});

test("the ranges of runtime.batch", async () => {
  const error = await refusal(() =>
    readConfig(project("runtime:\n  batch: { max_size: 1, max_delay_ms: 2000, size: 3 }\n")),
  );
  assert.deepEqual(
    error.issues?.map(({ message }) => message.replace(/^config.yaml:\d+: /, "")),
    [
      "runtime.batch.max_size: found 1, allowed 2 to 1024",
      "runtime.batch.max_delay_ms: found 2000, allowed 0 to 1000 milliseconds",
      "runtime.batch.size: unknown key. Valid here: max_size, max_delay_ms.",
    ],
  );
});
