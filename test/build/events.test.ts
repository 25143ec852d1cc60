// What config.yaml says of an event source: refused where it makes no sense, in the bundle of the deployment that
// wants it and in no other, and in deployment.json for the templates.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { eventFacts } from "../../adapter/build/events-facts.ts";
import { makeProject, refusal } from "./_project.ts";

const QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/results";

const config = (serverless: string) => makeProject({ "config.yaml": `serverless:\n${serverless}` });
const read = (serverless: string) => readConfig(config(serverless));
const problem = async (serverless: string) => (await refusal(() => read(serverless))).message;

test("places of results: queues by their URL, FIFO, private or local, and prefixes of buckets", () => {
  for (const place of [
    QUEUE,
    `${QUEUE}.fifo`,
    "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/results",
    "https://vpce-1a-b.sqs.eu-west-1.vpce.amazonaws.com/111122223333/results",
    "http://localhost:4566/000000000000/results",
    "s3://my-bucket/",
    "s3://my-bucket/a/b-c/",
  ]) {
    const { serverless } = read(`  events: [sqs]\n  sqs: { results: "${place}" }\n`).config;
    assert.equal(serverless.sqs.results, place);
  }
});

test("anything else is refused with what is allowed", async () => {
  for (const place of [
    "results",
    "arn:aws:sqs:eu-west-1:111122223333:results",
    "https://example.com/",
    "s3://bucket/prefix",
    "s3://B/",
  ]) {
    assert.match(
      await problem(`  events: [sqs]\n  sqs: { results: "${place}" }\n`),
      /serverless\.sqs\.results: found .*allowed the URL of an SQS queue, or s3:\/\/bucket\/prefix\//,
    );
  }
  assert.match(await problem("  events: [s3]\n  s3: { input: both }\n"), /allowed bytes or location/);
});

test("keys of a source that is not there would do nothing, and are refused", async () => {
  for (const events of ["", "  events: [direct, s3]\n"]) {
    assert.match(
      await problem(`${events}  sqs: { results: "${QUEUE}" }\n`),
      /serverless\.sqs: is for the event source sqs, which serverless\.events does not name; add it there/,
    );
  }
  assert.doesNotThrow(() => read("  events: [sqs, s3]\n  sqs: {}\n  s3: { input: location }\n"));
});

async function artifactOf(serverless: string) {
  const { directory } = await build({ project: config(serverless), zip: false });
  const text = (file: string) => readFileSync(join(directory, file), "utf8");
  return { bundle: text("bundle.cjs"), deployment: JSON.parse(text("deployment.json")) };
}

test("a bundle has the code of the place that results go to, and of no other", async () => {
  const [queue, bucket, neither] = await Promise.all([
    artifactOf(`  events: [sqs]\n  sqs: { results: "${QUEUE}" }\n`),
    artifactOf('  events: [sqs, s3]\n  sqs: { results: "s3://bucket/out/" }\n'),
    artifactOf("  events: [sqs, s3]\n  s3: { input: location }\n"),
  ]);
  const has = (bundle: string) =>
    ["AmazonSQS.SendMessage", "x-amz-meta-message-id", "max_megabytes`"].map((word) => bundle.includes(word));
  assert.deepEqual(has(queue.bundle), [true, false, false]);
  assert.deepEqual(has(bucket.bundle), [false, true, true]);
  assert.deepEqual(has(neither.bundle), [false, false, false]);
  assert.ok(!neither.bundle.includes("AWS4-HMAC-SHA256"), "nothing to sign");
});

test("deployment.json has what a template has to grant and to set", async () => {
  const { deployment } = await artifactOf(`  events: [sqs]\n  sqs: { results: "${QUEUE}" }\n`);
  assert.deepEqual(deployment.event_sources, {
    sqs: {
      function_response_types: ["ReportBatchItemFailures"],
      permissions: [
        { actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resources: [] },
        { actions: ["sqs:SendMessage"], resources: ["arn:aws:sqs:eu-west-1:111122223333:results"] },
      ],
      results: {
        queue_url: QUEUE,
        queue_arn: "arn:aws:sqs:eu-west-1:111122223333:results",
        variable: "COLDFRAME_SQS_RESULTS",
      },
    },
  });
  const factsOf = (serverless: string) => eventFacts(read(serverless).config.serverless);
  for (const [host, arn] of [
    ["sqs.cn-north-1.amazonaws.com.cn", "arn:aws-cn:sqs:cn-north-1:111122223333:results"],
    ["us-gov-west-1.queue.amazonaws.com", "arn:aws-us-gov:sqs:us-gov-west-1:111122223333:results"],
    ["sqs.internal:4566", "arn:aws:sqs:*:111122223333:results"],
  ]) {
    const place = `https://${host}/111122223333/results`;
    const { sqs } = factsOf(`  events: [sqs]\n  sqs: { results: "${place}" }\n`);
    assert.deepEqual(sqs?.permissions[1]?.resources, [arn]);
  }
  const facts = factsOf('  events: [sqs, s3]\n  sqs: { results: "s3://bucket/out/" }\n');
  assert.deepEqual(facts.sqs?.permissions[1], {
    actions: ["s3:PutObject"],
    resources: ["arn:${AWS::Partition}:s3:::bucket/out/*"],
  });
  assert.deepEqual(facts.s3, {
    input: "bytes",
    max_bytes: 104_857_600,
    permissions: [{ actions: ["s3:GetObject", "s3:GetObjectVersion"], resources: [] }],
  });
  assert.deepEqual(factsOf("  events: [s3]\n  s3: { input: location }\n").s3?.permissions, []);
});
