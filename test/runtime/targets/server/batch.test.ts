// `runtime.batch` as callers of a server see it: one answer each, whatever they were computed together with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buildServer, rawPost, startServer } from "../_server.ts";

const artifact = await buildServer({
  "config.yaml": "runtime:\n  batch: { max_size: 8, max_delay_ms: 1 }\n",
  "model/model.ts": `
let open;
const gate = new Promise((resolve) => { open = resolve; });

export default class Model {
  predict() { throw new Error("a server has predictBatch"); }
  isHealthy() { return open() ?? true; }
  preprocess(input, { log }) { log.info("came " + input.name); return input; }
  async predictBatch(inputs, invocations) {
    invocations[0].log.info("batch", { names: inputs.map(({ name }) => name) });
    if (inputs[0].name === "first") await gate;
    return inputs.map(({ name, fail }) => (fail ? new Error("no " + name) : { name, of: inputs.length }));
  }
}
`,
});

test("callers of one batch have each their own answer, and who left is not in it", async (t) => {
  const server = await startServer(t, artifact, { until: "listening" });
  const first = server.post({ name: "first" });
  await server.logged("batch");
  const leaver = await server.connect();
  leaver.write(rawPost({ name: "leaver" }));
  await server.logged("came leaver");
  const others = ["a", "b", "c"].map((name) => server.post({ name, fail: name === "b" }));
  for (const name of ["a", "b", "c"]) await server.logged(`came ${name}`);
  leaver.socket.destroy();
  // The server sees that it left before this is answered.
  await server.get("/health/live");
  await server.get("/health/ready");
  assert.deepEqual((await first).json, { name: "first", of: 1 });
  const [a, b, c] = await Promise.all(others);
  assert.deepEqual(a?.json, { name: "a", of: 3 });
  assert.deepEqual(c?.json, { name: "c", of: 3 });
  assert.equal(b?.status, 500);
  assert.equal(b?.json.error.code, "PREDICT_FAILED");
  const batches = server.log().filter(({ message }) => message === "batch");
  assert.deepEqual(
    batches.map(({ names }) => names),
    [["first"], ["a", "b", "c"]],
  );
});
