// infra/modal/app.py, which is a program: run with a stand-in for Modal's SDK, around a real server.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, type TestContext, test } from "node:test";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { makeFolder } from "../../build/_project.ts";
import { freePort } from "../../runtime/targets/_server.ts";
import { deploymentOf } from "../_facts.ts";
import { buildProject } from "./_artifacts.ts";
import { SECRET } from "./_launch.ts";
import { makeGates, PROJECT } from "./_model.ts";
import { GPU, INFRA, PLAIN } from "./_templates.ts";

const APP = "modal/app.py";
const STAND_IN = join(import.meta.dirname, "modal");
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const skip = hasPython ? false : "python3 is not installed";
if (skip) console.log(`skipped: ${skip}`);

/** A project with the app, and a deployment.json of its own. */
function projectOf(deployment: ServerDeployment, source = readFileSync(join(INFRA, APP), "utf8")): string {
  const project = makeFolder();
  mkdirSync(join(project, "infra/modal"), { recursive: true });
  mkdirSync(join(project, "dist/server"), { recursive: true });
  writeFileSync(join(project, "infra", APP), source);
  writeFileSync(join(project, "dist/server/deployment.json"), JSON.stringify(deployment));
  return project;
}

interface Driven {
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  readonly options: any;
  readonly errors: () => string;
  /** The next line that is said. */
  readonly next: () => Promise<string>;
  /** Let go of the server. */
  readonly leave: () => void;
}

async function drive(
  t: TestContext,
  project: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Driven> {
  const child = spawn(
    "python3",
    [join(STAND_IN, "drive.py"), join(project, "infra", APP), process.execPath, join(project, "dist/server")],
    {
      env: { PATH: process.env["PATH"], PYTHONDONTWRITEBYTECODE: "1", COLDFRAME_HOST: "127.0.0.1", ...env },
      detached: true,
    },
  );
  t.after(() => {
    try {
      // With the server that it started.
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {}
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    errors += part;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value ?? `over: ${errors}`;
  const first = await next();
  const options = first.startsWith("{") ? JSON.parse(first) : undefined;
  return { options, errors: () => errors, next, leave: () => child.stdin.end("\n") };
}

/** What the app declares of a deployment, or the last line of why it does not. */
async function declared(t: TestContext, deployment: ServerDeployment) {
  const { options, next } = await drive(t, projectOf(deployment));
  return options ?? (await next()).trim().split("\n").at(-1);
}

describe("the app for Modal", { skip }, () => {
  test("is Python", () => {
    const source = join(makeFolder(), "app.py");
    cpSync(join(INFRA, APP), source);
    const { status, stderr } = spawnSync("python3", ["-m", "py_compile", source], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });

  test("starts the server, waits for the model, and ends it within the grace", async (t) => {
    const built = await buildProject(PROJECT, "server");
    const port = await freePort();
    const facts = JSON.parse(readFileSync(join(built.directory, "deployment.json"), "utf8"));
    const project = projectOf({ ...facts, port });
    cpSync(built.directory, join(project, "dist/server"), {
      recursive: true,
      filter: (path) => !path.endsWith("deployment.json"),
    });
    const gates = makeGates();
    const { options, next, leave, errors } = await drive(t, project, {
      ...gates.env,
      COLDFRAME_SECRET_HUB_TOKEN: SECRET,
      PATH: process.env["PATH"] ?? "",
    });
    assert.equal(options.startup_timeout, facts.startup_seconds);
    const url = `http://127.0.0.1:${options.port}`;
    const entered = next();
    for (let isUp = false; !isUp; ) {
      isUp = await fetch(`${url}/health/live`).then(
        ({ ok }) => ok,
        () => false,
      );
    }
    assert.equal((await fetch(`${url}/health/ready`)).status, 503);
    assert.equal(await Promise.race([entered, fetch(`${url}/health/ready`).then(() => "waits")]), "waits");
    gates.open("load");
    assert.equal(await entered, "entered");
    const answer = await fetch(`${url}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    assert.deepEqual(await answer.json(), { greeting: "hello", token: SECRET, note: "fallback" });
    leave();
    assert.equal(await next(), "ended 0");
    const grace = Number(/"grace_ms":(\d+)/.exec(errors())?.[1]);
    assert.ok(grace <= options.exit_grace_period * 1000);
  });

  test("says why a model does not load, and does not wait for it", async (t) => {
    const failing = await buildProject(
      {
        ...PROJECT,
        "model/model.ts": "export default class Model { load() { throw new Error('no'); } predict() {} }",
      },
      "server",
    );
    const facts = JSON.parse(readFileSync(join(failing.directory, "deployment.json"), "utf8"));
    const project = projectOf({ ...facts, port: await freePort() });
    cpSync(failing.directory, join(project, "dist/server"), {
      recursive: true,
      filter: (path) => !path.endsWith("deployment.json"),
    });
    const { next } = await drive(t, project, { COLDFRAME_SECRET_HUB_TOKEN: SECRET });
    assert.match(await next(), /the server ended with 1; its log says why/);
  });

  test("has what deployment.json says", async (t) => {
    assert.deepEqual(await declared(t, GPU), {
      app: "sample-model",
      image: "registry.example.com/team/sample:1",
      add_python: "3.13",
      entrypoint: [],
      env: { GREETING: "hello", PORT: "8080", SHUTDOWN_GRACE_MS: "30000" },
      secrets: ["sample-model-secrets"],
      gpu: "L4:2",
      cpu: 4,
      memory: 8192,
      target_concurrency: 4,
      port: 8080,
      startup_timeout: 3600,
      exit_grace_period: 30,
      unauthenticated: false,
      min_containers: null,
    });
    const small = await declared(
      t,
      deploymentOf(
        "resources: { cpu: 500m, memory: 512Mi }\nserver: { image: r/a }\nsecrets: { note: fallback }\n",
        "server",
      ),
    );
    assert.deepEqual([small.gpu, small.cpu, small.memory, small.secrets], [null, 0.5, 512, []]);
  });

  test("refuses what Modal has not, with what to write", async (t) => {
    assert.match(await declared(t, { ...PLAIN, image: null }), /set server\.image in config\.yaml/);
    const any = { ...PLAIN, gpu: { accelerator: null, count: 1 } };
    assert.match(await declared(t, any), /set resources\.accelerator in config\.yaml/);
  });

  test("finds its facts beside the server in the container", async (t) => {
    const project = makeFolder();
    mkdirSync(join(project, "infra/modal"), { recursive: true });
    cpSync(join(INFRA, APP), join(project, "infra", APP));
    const { options, next } = await drive(t, project);
    assert.equal(options, undefined);
    assert.match(await next(), /No such file or directory: '\/app\/deployment\.json'/);
  });

  test("with a parameter that Modal has not is no app", async (t) => {
    const source = readFileSync(join(INFRA, APP), "utf8").replace(
      "startup_timeout=",
      "startup_timeout_seconds=",
    );
    const { options, next } = await drive(t, projectOf(PLAIN, source));
    assert.equal(options, undefined);
    assert.match(await next(), /unexpected keyword argument 'startup_timeout_seconds'/);
  });
});
