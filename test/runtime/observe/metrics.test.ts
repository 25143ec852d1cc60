// Metrics as CloudWatch reads them: every line against the schema that AWS publishes, and what they say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv } from "ajv";
import { build } from "../../../adapter/build/build.ts";
import { hostArchitecture } from "../../../adapter/cli/build.ts";
import { startLocalLambda } from "../../../adapter/local/local-lambda.ts";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { embeddedMetrics } from "../../../adapter/runtime/observe/metrics.ts";
import { Items } from "../../../adapter/runtime/stream.ts";
import { makeProject } from "../../build/_project.ts";
import { makeCall, makeOrigin } from "../_call.ts";
import { type LogLine, logged } from "../_log.ts";

const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/metrics/emf.schema.json"), "utf8"),
) as object;
// Its `$id`s are JSON pointers, which is not what an id may be.
const validate = new Ajv({ strict: false }).compile(
  JSON.parse(JSON.stringify(schema, (key, value: unknown) => (key === "$id" ? undefined : value))) as object,
);

/** A line that CloudWatch takes as it should be taken: also where the specification says more than its schema. */
function check(line: object): Fields {
  assert.ok(validate(line), JSON.stringify(validate.errors));
  const fields = line as Fields;
  const seen = new Set<string>();
  for (const { Dimensions, Metrics } of fields._aws.CloudWatchMetrics) {
    for (const name of Dimensions.flat()) assert.equal(typeof fields[name], "string", `dimension ${name}`);
    for (const { Name } of Metrics) {
      assert.equal(typeof fields[Name], "number", `metric ${Name}`);
      const once = JSON.stringify([Name, Dimensions]);
      assert.ok(!seen.has(once), `${once} twice`);
      seen.add(once);
    }
  }
  return fields;
}

interface Fields {
  readonly [field: string]: unknown;
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
}

const namesOf = (fields: Fields) =>
  fields._aws.CloudWatchMetrics.map(({ Metrics }) => Metrics.map(({ Name }) => Name));

const WEIGHTS = {
  ...{ files: 1, bytes: 5_000_000, fetched_bytes: 5_000_000, ms: 50, mb_per_s: 100 },
  ...{ requests: 2, retries: 0, unverified: 0, warm: false },
};

const PHASES = { boot: 20, import: 30.5, load: 200 };
const BEGAN = { boot: 0, import: 20, load: 60 };

test("a cold start has its phases and its weights, each with its unit and its value at the top of the line", () => {
  const facts = { phases: PHASES, began: BEGAN, total_ms: 300, weights: WEIGHTS as never };
  const fields = check(embeddedMetrics("Models", "scribe").coldStart?.(facts) as Fields);
  assert.deepEqual(
    { ...fields, _aws: fields._aws.CloudWatchMetrics },
    {
      model: "scribe",
      environment: undefined,
      code: undefined,
      ...{ cold_start_ms: 300, cold_start_boot_ms: 20, cold_start_import_ms: 30.5, cold_start_load_ms: 200 },
      ...{ weights_ms: 50, weights_bytes: 5_000_000, weights_mb_per_s: 100 },
      _aws: [
        {
          Namespace: "Models",
          Dimensions: [["model"]],
          Metrics: [
            { Name: "cold_start_ms", Unit: "Milliseconds" },
            { Name: "cold_start_boot_ms", Unit: "Milliseconds" },
            { Name: "cold_start_import_ms", Unit: "Milliseconds" },
            { Name: "cold_start_load_ms", Unit: "Milliseconds" },
            { Name: "weights_ms", Unit: "Milliseconds" },
            { Name: "weights_bytes", Unit: "Bytes" },
            { Name: "weights_mb_per_s", Unit: "None" },
          ],
        },
      ],
    },
  );
  assert.ok(Math.abs(fields._aws.Timestamp - Date.now()) < 60_000);
});

/** The lines of one watched invocation. */
async function linesOf(
  run: (observation: ReturnType<ReturnType<typeof embeddedMetrics>["begin"]>) => unknown,
  method = "POST",
): Promise<LogLine[]> {
  const { lines } = await logged(async () => {
    const observation = embeddedMetrics("Models", "scribe").begin(
      { ...makeOrigin(), tenantId: "blue" },
      makeCall({ method }),
    );
    await run(observation);
    observation.end();
  });
  return lines;
}

test("an invocation is one line: its steps, its status, and whose it was", async () => {
  const [line, ...more] = await linesOf(async (observation) => {
    observation.step("preprocess", () => 1);
    await observation.step("queue", async () => {});
    await observation.step("predict", async () => 1);
    observation.step("postprocess", () => 1);
    observation.answered(200);
  });
  assert.deepEqual(more, []);
  const fields = check(line as object);
  assert.deepEqual(namesOf(fields), [["duration_ms", "queue_ms", "predict_ms", "errors"]]);
  assert.deepEqual(
    ["message", "requestId", "tenantId", "model", "source", "member", "status", "errors"].map(
      (name) => fields[name],
    ),
    ["invocation", "request-1", "blue", "scribe", "function-url", "predict", 200, 0],
  );
  for (const name of ["preprocess_ms", "postprocess_ms"]) assert.equal(typeof fields[name], "number");
});

test("of a stream, predict lasts until its last item, and the first one is told", async () => {
  const values = [1, 2];
  const [line] = await linesOf(async (observation) => {
    await observation.step("chatCompletions", async () => "a stream");
    const items = new Items(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const value = values.shift();
        return value === undefined ? { done: true as const, value } : { done: false as const, value };
      },
      () => {},
    );
    for await (const _item of observation.items(items));
  });
  const {
    predict_ms: predict,
    first_token_ms: first,
    member,
  } = check(line as object) as Fields & Record<string, number>;
  assert.equal(member, "chatCompletions");
  assert.ok((first as number) > 0 && (predict as number) > (first as number), "there are waits between them");
});

test("an error is counted, and counted by its code", async () => {
  const [line] = await linesOf((observation) => {
    observation.failed(new ColdframeError("PREDICT_TIMEOUT", "too slow."));
    observation.answered(504);
  });
  const fields = check(line as object);
  assert.deepEqual(namesOf(fields), [["duration_ms", "errors"], ["errors"]]);
  assert.deepEqual(
    fields._aws.CloudWatchMetrics.map(({ Dimensions }) => Dimensions),
    [[["model"]], [["model", "code"]]],
  );
  assert.deepEqual([fields["errors"], fields["code"]], [1, "PREDICT_TIMEOUT"]);
});

test("a probe is no invocation, and one that is told to wait is no error", async () => {
  assert.deepEqual(await linesOf((observation) => observation.answered(200), "GET"), []);
  const notReady = new ColdframeError("MODEL_NOT_READY", "wait.");
  assert.deepEqual(await linesOf((observation) => observation.failed(notReady), "GET"), []);
  assert.equal((await linesOf((observation) => observation.failed(notReady))).length, 1);
});

test("an environment is a dimension", async (t) => {
  process.env["COLDFRAME_ENVIRONMENT"] = "production";
  t.after(() => delete process.env["COLDFRAME_ENVIRONMENT"]);
  const facts = { phases: PHASES, began: BEGAN, total_ms: 300, weights: undefined };
  const fields = check(embeddedMetrics("Models", "scribe").coldStart?.(facts) as Fields);
  assert.deepEqual(fields._aws.CloudWatchMetrics[0]?.Dimensions, [["model", "environment"]]);
  assert.equal(fields["environment"], "production");
});

test("config.yaml decides whether they are in the bundle, and in the log", async (t) => {
  const config = "model_name: test\nserverless:\n  metrics_namespace: My/Models\n";
  for (const [yaml, wanted] of [
    [config, true],
    ["model_name: test\n", false],
  ] as const) {
    const project = makeProject({ "config.yaml": yaml });
    const options = { project, zip: false, codeCache: false, architecture: hostArchitecture() };
    const { directory } = await build(options);
    const bundle = readFileSync(join(directory, "bundle.cjs"), "utf8");
    assert.equal(bundle.includes("CloudWatchMetrics"), wanted);
    const lines: string[] = [];
    const lambda = await startLocalLambda({ artifact: directory, onLog: (line) => lines.push(line) });
    t.after(() => lambda.close());
    await lambda.invoke({ name: "world" });
    await lambda.invoke({ name: "world" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const told = lines
      .filter((line) => line.includes('"_aws"'))
      .map((line) => check(JSON.parse(line) as object));
    assert.deepEqual(
      told.map(({ message, _aws }) => [message, _aws.CloudWatchMetrics[0]?.Namespace]),
      wanted ? ["cold start", "invocation", "invocation"].map((message) => [message, "My/Models"]) : [],
    );
  }
});
