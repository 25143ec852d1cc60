// One artifact on every platform: started as each of them starts it, with its variables and arguments, and asked what each
// of them asks. KServe's second protocol and RunPod's queue have test files of their own.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { makeFolder } from "../../../build/_project.ts";
import { buildServer, freePort, startServer, type TestServer } from "../_server.ts";
import { MODEL } from "./_model.ts";

const artifact = await buildServer({ "model/model.ts": MODEL });

const JSON_HEADERS = { "content-type": "application/json" };

/** A server whose model loads when the gate is opened. */
async function startLoading(t: TestContext, env: Record<string, string>, options: object = {}) {
  const gate = join(makeFolder(), "gate");
  const server = await startServer(t, artifact, {
    env: { ...env, GATE: gate },
    until: "listening",
    ...options,
  });
  const open = async () => {
    writeFileSync(gate, "");
    await server.logged("cold start");
  };
  return { server, open };
}

const post = (server: TestServer, path: string, body: unknown, headers: Record<string, string> = {}) =>
  server.get(path, { method: "POST", headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) });

async function status(
  server: TestServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  return (await server.get(path, { headers })).status;
}

describe("SageMaker", () => {
  const env = { SAGEMAKER_REGION: "eu-west-1", PORT: "" };

  test("runs the image with `serve` and asks /ping on 8080, until it says exactly 200", async (t) => {
    // The port is the platform's: a test that finds it taken cannot tell anything.
    const { server, open } = await startLoading(
      t,
      { ...env, PORT: `${await freePort()}` },
      { args: ["serve"] },
    );
    assert.equal(await status(server, "/ping"), 204);
    await open();
    assert.equal(await status(server, "/ping"), 200);
  });

  test("sends /invocations of any content type, with the caller's attributes", async (t) => {
    const server = await startServer(t, artifact, { args: ["serve"] });
    assert.deepEqual((await post(server, "/invocations", { a: 1 })).json, { got: { a: 1 } });
    const cases: [type: string, body: BodyInit, got: unknown][] = [
      ["text/csv", "1,2\n3,4", { got: "1,2\n3,4" }],
      ["application/x-npy", Uint8Array.of(1, 2), { bytes: 2 }],
      ["application/jsonlines; charset=utf-8", "{}\n{}\n", { bytes: 6 }],
      ["application/vnd.api+json", "{}", { got: {} }],
      ["application/octet-stream", Uint8Array.of(1, 2), { bytes: 2 }],
      ["image/jpeg", Uint8Array.of(1, 2, 3), { bytes: 3 }],
    ];
    for (const [type, body, got] of cases) {
      const answer = await server.get("/invocations", {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      assert.deepEqual(answer.json, got, type);
    }
    const name = "x-amzn-sagemaker-custom-attributes";
    const about = await post(server, "/invocations", { about: true }, { [name]: "trace=1" });
    assert.equal(about.json.headers[name], "trace=1");
    const response = { body: "done", headers: { [name]: "trace=2" } };
    const answered = await post(server, "/invocations", { response });
    assert.equal(answered.headers.get(name), "trace=2");
  });

  test("reads a stream as it comes", async (t) => {
    const server = await startServer(t, artifact, { args: ["serve"] });
    const answer = await post(server, "/invocations", { words: 3 }, { accept: "application/jsonlines" });
    assert.equal(answer.text, '{"word":0}\n{"word":1}\n{"word":2}\n');
  });

  test("gives 30 s after SIGTERM, which end what is in flight", async (t) => {
    const server = await startServer(t, artifact, { args: ["serve"] });
    const answer = post(server, "/invocations", { name: "last", words: 20 });
    await server.logged("ran last");
    server.child.kill("SIGTERM");
    assert.equal((await server.logged("shutting down"))["grace_ms"], 30_000);
    assert.equal((await answer).text.trim().split("\n").length, 20);
    assert.equal(await server.ended, 0);
  });
});

describe("Vertex AI", () => {
  const at = "/v1/endpoints/123/deployedModels/456";
  const env = async () => ({
    AIP_HTTP_PORT: `${await freePort()}`,
    AIP_HEALTH_ROUTE: at,
    AIP_PREDICT_ROUTE: `${at}:predict`,
    AIP_STORAGE_URI: "gs://bucket/model",
  });

  test("asks and calls where its variables say", async (t) => {
    const { server, open } = await startLoading(t, await env());
    assert.equal(await status(server, at), 503);
    await open();
    assert.equal(await status(server, at), 200);
    const answer = await post(server, `${at}:predict`, { instances: [{ a: 1 }, { a: 2 }] });
    assert.deepEqual(answer.json, { predictions: [{ got: { a: 1 } }, { got: { a: 2 } }] });
    // What rawPredict sends is the caller's own.
    assert.deepEqual((await post(server, `${at}:predict`, { a: 1 })).json, { got: { a: 1 } });
    await server.logged("AIP_STORAGE_URI is not read: the weights are those that config.yaml names");
  });

  test("may call a path that the server has already", async (t) => {
    for (const [health, predict] of [
      ["/", "/"],
      ["/v1/models/m", "/v1/models/m:predict"],
      ["/health/ready", "/predict"],
    ] as const) {
      const routes = { AIP_HEALTH_ROUTE: health, AIP_PREDICT_ROUTE: predict };
      const { server, open } = await startLoading(t, { ...(await env()), ...routes });
      assert.equal(await status(server, health), 503);
      await open();
      assert.equal(await status(server, health), 200);
      assert.deepEqual((await post(server, predict, { instances: [1] })).json, { predictions: [{ got: 1 }] });
    }
  });
});

describe("Lambda Web Functions", () => {
  const env = async () => ({
    AWS_LAMBDA_HTTP_ENDPOINT: `0.0.0.0:${await freePort()}`,
    AWS_LAMBDA_RUNTIME_API: "169.254.100.1:9001",
    AWS_LAMBDA_INITIALIZATION_TYPE: "native-http",
  });

  test("connect before the model is loaded, and the first call waits for it", async (t) => {
    const { server, open } = await startLoading(t, await env(), { main: "index.js" });
    const socket = connect(server.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.destroy();
    const answer = server.post({ a: 1 });
    await open();
    assert.deepEqual((await answer).json, { got: { a: 1 } });
  });

  test("name the request, and no caller's word about it is believed", async (t) => {
    const server = await startServer(t, artifact, { env: await env(), main: "index.js" });
    const spoofed = JSON.stringify({ request_id: "spoofed", deadline: 1, tenant_id: "spoofed" });
    const headers = {
      "lambda-web-request-id": "web-1",
      "x-request-id": "mine",
      "x-amzn-lambda-context": spoofed,
    };
    const answer = await server.post({ about: true }, { headers });
    assert.equal(answer.headers.get("x-request-id"), "web-1");
    assert.equal(answer.json.id, "web-1");
    assert.equal(answer.json.deadline, "Infinity");
  });
});

describe("the Lambda Web Adapter", () => {
  const env = { AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001", AWS_LWA_INVOKE_MODE: "response_stream" };

  /** As aws-lambda-web-adapter 1.0 sends the context, aws-lambda-rust-runtime's, on. */
  const context = (deadline: number, tenant_id: string | null = null) => ({
    "x-amzn-lambda-context": JSON.stringify({
      request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
      deadline,
      invoked_function_arn: "arn:aws:lambda:eu-west-1:123456789012:function:model",
      xray_trace_id: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
      client_context: null,
      identity: null,
      tenant_id,
      env_config: { function_name: "model", memory: 1024, version: "$LATEST", log_stream: "", log_group: "" },
    }),
    "x-amzn-request-context": JSON.stringify({ requestId: "edge", http: { sourceIp: "1.2.3.4" } }),
  });

  test("waits for any answer of `/` below 500, and its first call for the model", async (t) => {
    const { server, open } = await startLoading(t, { ...env, PORT: `${await freePort()}` });
    assert.equal(await status(server, "/"), 200);
    const answer = server.post({ a: 1 });
    await open();
    assert.deepEqual((await answer).json, { got: { a: 1 } });
  });

  test("connects to AWS_LWA_PORT", async (t) => {
    const port = await freePort();
    const server = await startServer(t, artifact, { env: { ...env, AWS_LWA_PORT: `${port}` } });
    assert.equal(server.port, port);
  });

  test("says which request it is, until when, and whose", async (t) => {
    const server = await startServer(t, artifact, { env });
    const deadline = Date.now() + 60_000;
    const answer = await server.post({ about: true }, { headers: context(deadline, "blue") });
    assert.equal(answer.json.id, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    assert.equal(answer.headers.get("x-request-id"), answer.json.id);
    assert.equal(answer.json.deadline, String(deadline));
    assert.equal(answer.json.tenantId, "blue");
    assert.equal(answer.json.event.requestContext.http.sourceIp, "1.2.3.4");
    const line = await server.logged(`about ${answer.json.id}`);
    assert.equal(line["traceId"], "1-5bef4de7-ad49b0e87f6ef6c87fc2e700");
    assert.equal(line["tenantId"], "blue");
  });

  test("has no say over a shorter time in config.yaml", async (t) => {
    const strict = await buildServer({
      "model/model.ts": MODEL,
      "config.yaml": "model_name: m\nserver: { request_timeout_seconds: 1 }\n",
    });
    const server = await startServer(t, strict, { env });
    const answer = await server.post({ never: true }, { headers: context(Date.now() + 60_000) });
    assert.match(answer.json.error.message, /raise server\.request_timeout_seconds/);
  });

  test("is answered before Lambda's time is over", async (t) => {
    const server = await startServer(t, artifact, { env });
    const answer = await server.post({ never: true }, { headers: context(Date.now() + 600) });
    assert.equal(answer.status, 504);
    assert.match(answer.json.error.message, /raise the function's timeout/);
  });

  test("posts events that are not HTTP to a path of their own", async (t) => {
    const server = await startServer(t, artifact, { env });
    assert.deepEqual((await post(server, "/events", { a: 1 })).json, { got: { a: 1 } });
    const named = { ...env, AWS_LWA_PASS_THROUGH_PATH: "/direct" };
    const other = await startServer(t, artifact, { env: named });
    assert.deepEqual((await post(other, "/direct", { a: 1 })).json, { got: { a: 1 } });
    assert.equal((await post(other, "/events", { a: 1 })).status, 404);
  });

  test("is believed only where it is", async (t) => {
    const server = await startServer(t, artifact);
    const answer = await server.post({ about: true }, { headers: context(1, "blue") });
    assert.notEqual(answer.json.id, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    assert.equal((await post(server, "/events", {})).status, 404);
  });
});

describe("RunPod's load balancer", () => {
  test("asks /ping on PORT_HEALTH, or the path that it is told", async (t) => {
    const health = await freePort();
    const env = { RUNPOD_POD_ID: "pod", HEALTH_CHECK_PATH: "/healthy", PORT_HEALTH: `${health}` };
    const { server, open } = await startLoading(t, env);
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${health}${path}`)).status;
    for (const path of ["/ping", "/healthy"]) assert.equal(await ask(path), 204, path);
    await open();
    for (const path of ["/ping", "/healthy"]) assert.equal(await ask(path), 200, path);
    assert.deepEqual((await server.post({ a: 1 })).json, { got: { a: 1 } });
  });
});

describe("Cloud Run, Knative and whatever else sets PORT", () => {
  const platforms: [name: string, env: Record<string, string>, graceMs: number][] = [
    ["Cloud Run", { K_SERVICE: "model", K_REVISION: "model-1", K_CONFIGURATION: "model" }, 10_000],
    ["Knative", { K_SERVICE: "model", KUBERNETES_SERVICE_HOST: "10.0.0.1" }, 30_000],
    ["Kubernetes", { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, 30_000],
    ["Azure Container Apps", { CONTAINER_APP_NAME: "model", CONTAINER_APP_REVISION: "1" }, 30_000],
  ];
  for (const [name, env, graceMs] of platforms) {
    test(`${name}: listens at once, is ready later, and leaves within the grace`, async (t) => {
      const { server, open } = await startLoading(t, { ...env, PORT: `${await freePort()}` });
      // As the kubelet and Knative's queue-proxy ask.
      for (const agent of ["kube-probe/1.32", "Knative-Activator-Probe"]) {
        const headers = { "user-agent": agent, "k-network-probe": "queue" };
        assert.equal(await status(server, "/health/live", headers), 200);
        assert.equal(await status(server, "/health/ready", headers), 503);
      }
      await open();
      assert.equal(await status(server, "/health/ready"), 200);
      server.child.kill("SIGTERM");
      assert.equal((await server.logged("shutting down"))["grace_ms"], graceMs);
      server.child.kill("SIGTERM");
      await server.ended;
    });
  }
});

test("Baseten's custom servers are asked for their model on a port of their own", async (t) => {
  const { server, open } = await startLoading(t, { PORT: `${await freePort()}` });
  // As `docker_server` of Truss's config.yaml names them: readiness, liveness and predict.
  assert.equal(await status(server, "/v1/models/model"), 503);
  assert.equal(await status(server, "/health/live"), 200);
  await open();
  assert.equal(await status(server, "/v1/models/model"), 200);
  assert.deepEqual((await post(server, "/v1/models/model:predict", { a: 1 })).json, { got: { a: 1 } });
});
