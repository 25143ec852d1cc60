// A worker of RunPod's queue, started as infra/runpod/queue.yaml says, with what RunPod adds to it: its protocol against a
// queue as strict as RunPod's.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { renderTemplate } from "../../../adapter/build/deployment-tag.ts";
import { type FakeRunpod, startRunpod } from "../../runtime/targets/_runpod.ts";
import type { TestServer } from "../../runtime/targets/_server.ts";
import { buildProject } from "./_artifacts.ts";
import { SECRET, withSecrets } from "./_launch.ts";
import { type Gates, makeGates, PROJECT } from "./_model.ts";
import { startImage } from "./_platform.ts";
import { GPU, parse, read, render } from "./_templates.ts";

const QUEUE = "runpod/queue.yaml";

const built = await buildProject(PROJECT, "server");
const deployment = JSON.parse(
  readFileSync(join(built.directory, "deployment.json"), "utf8"),
) as ServerDeployment;
const { env } = render(QUEUE, deployment);

/** What the fixture's predict gives, when it sees what the template sets. */
const ANSWER = { greeting: "hello", token: SECRET, note: "fallback" };

interface Started {
  readonly runpod: FakeRunpod;
  readonly server: TestServer;
  readonly gates: Gates;
}

/** Ready, and asking for jobs. */
async function start(t: TestContext, refusals: readonly number[] = []): Promise<Started> {
  const runpod = await startRunpod(t);
  runpod.refuse("/job-take", ...refusals);
  const gates = makeGates();
  const variables = { ...runpod.env, ...gates.env, ...withSecrets(env) };
  const { server } = await startImage(t, built, ["gpu"], variables);
  assert.deepEqual(runpod.takes, [], "jobs are taken before the model is loaded");
  gates.open("load");
  await server.logged("taking jobs of RunPod's queue");
  t.after(() => assert.deepEqual(runpod.complaints, []));
  return { runpod, server, gates };
}

describe("a worker", { concurrency: 4 }, () => {
  test("does jobs with the template's variables and secrets, as many at a time as the model does", async (t) => {
    const { runpod } = await start(t);
    await runpod.until(() => runpod.takes.length > 0);
    assert.equal(runpod.takes[0]?.query.get("batch_size"), String(deployment.concurrency));
    runpod.give({ id: "1", input: {} }, { id: "2", input: {} });
    assert.deepEqual((await runpod.done("1")).body, { output: ANSWER });
    assert.deepEqual((await runpod.done("2")).body, { output: ANSWER });
  });

  test("comes again when RunPod has too many", async (t) => {
    const { runpod } = await start(t, [429]);
    runpod.give({ id: "1", input: {} });
    assert.deepEqual((await runpod.done("1")).body, { output: ANSWER });
  });

  test("stops a job that nobody wants, and goes on with the others", async (t) => {
    const { runpod, server } = await start(t);
    runpod.give({ id: "1", input: { hold: "never" } });
    await server.logged("holds never");
    runpod.stop("1");
    runpod.give({ id: "2", input: {} });
    assert.deepEqual((await runpod.done("2")).body, { output: ANSWER });
    assert.equal(runpod.isDone("1"), false);
  });

  test("says that it lives", async (t) => {
    const { runpod } = await start(t);
    await runpod.until(() => runpod.pings.length > 0);
  });

  test("finishes what it has when it is ended, takes nothing more, and leaves in time", async (t) => {
    const { runpod, server, gates } = await start(t);
    runpod.give({ id: "1", input: { hold: "held" } });
    await server.logged("holds held");
    server.child.kill("SIGTERM");
    const { grace_ms: grace } = await server.logged("shutting down");
    assert.ok(Number(grace) <= 30_000);
    runpod.give({ id: "late", input: {} });
    gates.open("held");
    assert.deepEqual((await runpod.done("1")).body, { output: ANSWER });
    assert.equal(await server.ended, 0);
    assert.equal(runpod.isDone("late"), false);
  });

  test("without the template's secrets does not start", async (t) => {
    const runpod = await startRunpod(t);
    const without = Object.fromEntries(
      Object.entries(env).filter(([name]) => !name.includes("SECRET")),
    ) as Record<string, string>;
    const { server } = await startImage(t, built, ["gpu"], { ...runpod.env, ...makeGates().env, ...without });
    assert.equal(await server.ended, 1);
    assert.match(server.written().join(""), /SECRET_MISSING/);
    assert.deepEqual(runpod.takes, []);
  });
});

test("the command of a template makes of it the JSON that RunPod takes", () => {
  const yaml = join(dirname(createRequire(import.meta.url).resolve("yaml/package.json")), "bin.mjs");
  for (const path of [QUEUE, "runpod/load-balancer.yaml", "runpod/hub.yaml"]) {
    const head = read(path).split("\n").slice(0, 8).join("\n");
    const options = /npx yaml ([-\w ]+?) </.exec(head)?.[1]?.split(" ") ?? [];
    const text = renderTemplate(read(path), GPU);
    const { status, stdout, stderr } = spawnSync(process.execPath, [yaml, ...options], {
      input: text,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), parse(text));
  }
});
