// Every template that starts a server, held against a real one: started as the template says, probed as the platform probes
// it, called where the platform calls it, ended as the platform ends it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { readPlatform } from "../../../adapter/runtime/targets/server/platform.ts";
import { deploymentOf } from "../_facts.ts";
import { buildProject } from "./_artifacts.ts";
import { parseDockerfile, wholeStage } from "./_dockerfile.ts";
import { type Launch, LAUNCHES, SECRET } from "./_launch.ts";
import { makeGates, PROJECT } from "./_model.ts";
import { startImage, violations } from "./_platform.ts";
import { changed, type Json, read } from "./_templates.ts";

const built = await buildProject(PROJECT, "server");
const deployment = JSON.parse(
  readFileSync(join(built.directory, "deployment.json"), "utf8"),
) as ServerDeployment;

describe("a server that is started by", { concurrency: 4 }, () => {
  for (const [path, { of, launch }] of Object.entries(LAUNCHES)) {
    test(`${path} loads, answers and ends as its platform wants`, async (t) => {
      assert.deepEqual(await violations(t, built, launch(of(deployment))), []);
    });
  }
});

describe("what is wrong in a template is seen:", { concurrency: 4 }, () => {
  const container = (document: Json) =>
    (document.spec.predictor ?? document.spec.template.spec).containers[0];
  const cases: [path: string, why: string, change: (document: Json) => void, seen: RegExp][] = [
    [
      "gcp/cloudrun.yaml",
      "a startup probe on a path that is always fine",
      (d) => {
        container(d).startupProbe.httpGet.path = "/health/live";
      },
      /calls are sent before the model is loaded/,
    ],
    [
      "gcp/cloudrun.yaml",
      "no grace of Cloud Run's own",
      (d) => {
        container(d).env[0].value = "30000";
      },
      /it takes 30000 ms to end, and is killed after 10000/,
    ],
    [
      "k8s/base/deployment.yaml",
      "a liveness probe that a model fails while it loads",
      (d) => {
        container(d).livenessProbe.httpGet.path = "/health/ready";
      },
      /taken for dead/,
    ],
    [
      "k8s/base/deployment.yaml",
      "probes on a path that there is none of",
      (d) => {
        container(d).readinessProbe.httpGet.path = "/healthz";
      },
      /readiness of a loaded model is 404/,
    ],
    [
      "k8s/base/deployment.yaml",
      "a probe on a port that nobody listens on",
      (d) => {
        container(d).startupProbe.httpGet.port = 9090;
      },
      /startup of a loaded model is 0/,
    ],
    [
      "k8s/base/deployment.yaml",
      "another port than the server's",
      (d) => {
        container(d).env[0].value = "9090";
      },
      /a call that comes too early is answered with 0/,
    ],
    [
      "k8s/base/deployment.yaml",
      "a variable that is lost",
      (d) => {
        container(d).env.splice(1, 1);
      },
      /a prediction is \{"token"/,
    ],
    [
      "k8s/kserve.yaml",
      "the other protocol's path",
      (d) => {
        container(d).readinessProbe.httpGet.path = "/v2/health/readiness";
      },
      /readiness of a loaded model is 404/,
    ],
    [
      "runpod/load-balancer.yaml",
      "a port that is not exposed",
      (d) => {
        d.ports = ["80/http"];
      },
      /too early is answered with 0/,
    ],
    [
      "baseten/config.yaml",
      "a port that the server is not told of",
      (d) => {
        delete d.environment_variables.PORT;
      },
      /taken for dead/,
    ],
    [
      "azure/containerapp.bicep",
      "no probe that waits for the model",
      (d) => {
        d.properties.template.containers[0].probes.splice(1, 1);
      },
      /calls are sent before/,
    ],
    [
      "azure/containerapp.bicep",
      "a secret that the app does not have",
      (d) => {
        d.properties.configuration.secrets = [];
      },
      /SECRET_MISSING|hub_token|never said/,
    ],
  ];
  for (const [path, why, change, seen] of cases) {
    test(`${path}: ${why}`, async (t) => {
      const { of, launch } = LAUNCHES[path] as (typeof LAUNCHES)[string];
      const spoiled = changed(of(deployment), change);
      const found = await violations(t, built, launch(spoiled)).catch((error: Error) => [error.message]);
      assert.match(found.join("\n"), seen);
    });
  }
});

describe("a grace that config.yaml sets is one that the platform gives", () => {
  const configured = (grace: number, timeout: number) =>
    deploymentOf(
      `server: { image: r.example.com/a:1, shutdown_grace_seconds: ${grace}, request_timeout_seconds: ${timeout} }\n`,
      "server",
    );
  const isKilled = ({ platform, env, killMs }: Launch, seconds: number) =>
    readPlatform(seconds * 1000, { ...platform, ...env }).graceMs > killMs;

  for (const path of Object.keys(LAUNCHES).filter((name) => !/gpu|runpod|baseten/.test(name))) {
    const { of, launch } = LAUNCHES[path] as (typeof LAUNCHES)[string];
    test(path, () => {
      for (const grace of [1, 60, 120]) {
        for (const timeout of [10, 300]) {
          assert.equal(
            isKilled(launch(of(configured(grace, timeout))), grace),
            false,
            `${grace} s, ${timeout} s`,
          );
        }
      }
    });
  }

  const missing: [path: string, change: (document: Json) => void][] = [
    ["k8s/base/deployment.yaml", (d) => delete d.spec.template.spec.terminationGracePeriodSeconds],
    ["k8s/kserve.yaml", (d) => delete d.spec.predictor.terminationGracePeriodSeconds],
    ["k8s/knative.yaml", (d) => d.spec.template.spec.containers[0].env.shift()],
    ["gcp/cloudrun.yaml", (d) => d.spec.template.spec.containers[0].env.shift()],
  ];
  for (const [path, change] of missing) {
    test(`${path} without it is seen`, () => {
      const { of, launch } = LAUNCHES[path] as (typeof LAUNCHES)[string];
      assert.equal(isKilled(launch(changed(of(configured(60, 10)), change)), 60), true);
    });
  }
});

describe("the image with the Lambda Web Adapter", () => {
  const { env } = wholeStage(parseDockerfile(read("docker/Dockerfile.server")), "lambda");

  test("is ready for the adapter while the model loads, and answers what came in the meantime", async (t) => {
    const gates = makeGates();
    const lambda = {
      AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001",
      COLDFRAME_SECRET_HUB_TOKEN: SECRET,
      GREETING: "hello",
    };
    const { server, ports } = await startImage(t, built, ["server", "lambda"], { ...lambda, ...gates.env });
    const url = `http://127.0.0.1:${ports.get(Number(env["AWS_LWA_PORT"]))}`;
    assert.equal((await fetch(`${url}${env["AWS_LWA_READINESS_CHECK_PATH"]}`)).status, 200);
    const post = (path = "") =>
      fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    const [call, event] = [post("/predict"), post(env["AWS_LWA_PASS_THROUGH_PATH"])];
    gates.open("load");
    for (const answer of await Promise.all([call, event])) {
      assert.deepEqual(await answer.json(), { greeting: "hello", token: SECRET, note: "fallback" });
    }
    await server.logged("cold start");
  });

  test("streams, and loads beyond the init phase", () => {
    assert.equal(env["AWS_LWA_INVOKE_MODE"], "response_stream");
    assert.equal(env["AWS_LWA_ASYNC_INIT"], "true");
  });
});
