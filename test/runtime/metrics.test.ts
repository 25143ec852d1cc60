import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { hostArchitecture } from "../../adapter/cli/build.ts";
import { startLocalLambda } from "../../adapter/local/local-lambda.ts";
import { embeddedMetrics } from "../../adapter/runtime/metrics.ts";
import { makeProject } from "../build/_project.ts";

const WEIGHTS = {
  ...{ files: 1, bytes: 5_000_000, fetched_bytes: 5_000_000, ms: 50, mb_per_s: 100 },
  ...{ requests: 2, retries: 0, unverified: 0, warm: false },
};

test("a cold start with weights has four metrics, each with its unit and its value at the top of the line", () => {
  const fields = embeddedMetrics("Models", "scribe")({ total_ms: 300, weights: WEIGHTS }) as Fields;
  assert.deepEqual(
    { ...fields, _aws: fields._aws.CloudWatchMetrics },
    {
      model: "scribe",
      ...{ cold_start_ms: 300, weights_ms: 50, weights_bytes: 5_000_000, weights_mb_per_s: 100 },
      _aws: [
        {
          Namespace: "Models",
          Dimensions: [["model"]],
          Metrics: [
            { Name: "cold_start_ms", Unit: "Milliseconds" },
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

test("without weights there is one", () => {
  const fields = embeddedMetrics("Models", "scribe")({ total_ms: 300, weights: undefined }) as Fields;
  assert.deepEqual(
    fields._aws.CloudWatchMetrics[0]?.Metrics.map(({ Name }) => Name),
    ["cold_start_ms"],
  );
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
    const line = lines.find((text) => text.includes('"cold start"')) ?? "";
    assert.equal(JSON.parse(line)._aws?.CloudWatchMetrics[0].Namespace, wanted ? "My/Models" : undefined);
  }
});

interface Fields {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly { readonly Metrics: readonly { readonly Name: string }[] }[];
  };
}
