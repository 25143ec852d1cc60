// What watches a deployment is named by its entry, and is in no other bundle.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readConfig } from "../../adapter/build/config.ts";
import { writeEntry } from "../../adapter/build/entry.ts";
import { makeProject, refusal, withPackages } from "./_project.ts";

const TRACES = "runtime: { enable_tracing_data: true }\n";
const METRICS = "serverless: { metrics_namespace: My/Models }\n";

const entryOf = (config: string, target: "lambda" | "server" = "lambda") =>
  readFileSync(
    writeEntry(
      readConfig(withPackages(makeProject({ "config.yaml": `model_name: test\n${config}` })), target),
    ),
    "utf8",
  );

test("nobody watches unless config.yaml says so", () => {
  assert.doesNotMatch(entryOf(""), /observer|opentelemetry|metrics/);
});

test("metrics and traces are watched for together, on either target", () => {
  for (const target of ["lambda", "server"] as const) {
    assert.match(entryOf(METRICS, target), /observer: embeddedMetrics\("My\/Models", "test"\),/);
    assert.match(entryOf(TRACES, target), /observer: traces\(\{ context, .*trace \}, "test"\),/);
    const both = entryOf(TRACES + METRICS, target);
    assert.match(both, /observer: together\(traces\(.*\), embeddedMetrics\(.*\)\),/);
    assert.match(both, /from "@opentelemetry\/api";/);
  }
});

test("traces without OpenTelemetry's API are refused, with the way out", async () => {
  const project = makeProject({ "config.yaml": `model_name: test\n${TRACES}` });
  const error = await refusal(() => writeEntry(readConfig(project)));
  assert.equal(error.code, "BUNDLE_FAILED");
  assert.match(
    error.message,
    /runtime\.enable_tracing_data is true, and the project has no @opentelemetry\/api/,
  );
  assert.match(error.fix ?? "", /^Run `npm install @opentelemetry\/api`/);
});
