// Which of the two handlers a deployment names: decided by its event sources and its function URL.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../adapter/build/config.ts";
import { deploymentText } from "../../adapter/build/deployment.ts";
import { eventNames } from "../../adapter/build/runtime-files.ts";
import { takesStreams } from "../../adapter/build/event-sources.ts";
import { makeProject } from "./_project.ts";

function handlerOf(events: string, mode?: string): string {
  const url = mode === undefined ? "" : `  url:\n    invoke_mode: ${mode}\n`;
  const config = readConfig(
    makeProject({ "config.yaml": `serverless:\n  events: [${events}]\n${url}` }),
  ).config;
  const measured = { dataBytes: 0, otherBytes: 0, cachedBy: undefined, weights: [] };
  return (JSON.parse(deploymentText("lambda", config, measured)) as { handler: string }).handler;
}

test("logs are JSON, as detailed as the adapter's own lines", () => {
  for (const [debug, level] of [
    [false, "INFO"],
    [true, "DEBUG"],
  ] as const) {
    const yaml = `runtime: { enable_debug_logs: ${debug} }\n`;
    const { config } = readConfig(makeProject({ "config.yaml": yaml }));
    const measured = { dataBytes: 0, otherBytes: 0, cachedBy: undefined, weights: [] };
    const { logging } = JSON.parse(deploymentText("lambda", config, measured)) as { logging: unknown };
    assert.deepEqual(logging, { log_format: "JSON", application_log_level: level });
  }
});

test("streams are taken by function URLs, REST APIs and plain Invokes, and by nothing else", () => {
  assert.deepEqual(eventNames().filter(takesStreams), ["api-gateway", "direct", "function-url"]);
});

test("a deployment whose sources take no streams has the buffered handler", () => {
  for (const events of ["alb", "vpc-lattice", "sqs", "alb, sqs, s3"]) {
    assert.equal(handlerOf(events), "index.buffered", events);
    assert.equal(handlerOf(events, "response_stream"), "index.buffered", events);
  }
});

test("one source that does is enough for the streaming one: the others get their results from it as well", () => {
  for (const events of ["function-url", "api-gateway", "direct", "alb, function-url", "sqs, direct"]) {
    assert.equal(handlerOf(events), "index.stream", events);
    assert.equal(handlerOf(events, "buffered"), "index.buffered", events);
  }
});
