import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readAddresses } from "../../../../adapter/runtime/targets/server/address.ts";
import { readPlatform } from "../../../../adapter/runtime/targets/server/platform.ts";

describe("the address", () => {
  const cases: [env: Record<string, string>, addresses: object[]][] = [
    [{}, [{ port: 8080 }]],
    [{ PORT: "" }, [{ port: 8080 }]],
    [{ PORT: "9000" }, [{ port: 9000 }]],
    [{ AIP_HTTP_PORT: "7000", AWS_LAMBDA_HTTP_ENDPOINT: "0.0.0.0:3000", PORT: "9000" }, [{ port: 7000 }]],
    [{ AWS_LAMBDA_HTTP_ENDPOINT: "0.0.0.0:3000", PORT: "9000" }, [{ port: 3000, host: "0.0.0.0" }]],
    [{ AWS_LAMBDA_HTTP_ENDPOINT: "[::]:3000" }, [{ port: 3000, host: "::" }]],
    [{ AWS_LWA_PORT: "7000", PORT: "9000" }, [{ port: 7000 }]],
    [{ PORT: "80", PORT_HEALTH: "80" }, [{ port: 80 }]],
    [{ PORT: "80", PORT_HEALTH: "81" }, [{ port: 80 }, { port: 81 }]],
  ];
  for (const [env, addresses] of cases) {
    test(JSON.stringify(env), () => assert.deepEqual(readAddresses(env), addresses));
  }

  for (const port of ["http", "65536", "-1", "80.5"]) {
    test(`PORT=${port} is refused`, () => {
      assert.throws(() => readAddresses({ PORT: port }), { code: "PORT_UNAVAILABLE" });
    });
  }
});

describe("the grace", () => {
  const cases: [
    where: string,
    env: Record<string, string>,
    configured: number | undefined,
    graceMs: number,
  ][] = [
    ["anywhere", {}, undefined, 30_000],
    ["Cloud Run", { K_SERVICE: "model" }, undefined, 10_000],
    [
      "Knative, which is on Kubernetes",
      { K_SERVICE: "model", KUBERNETES_SERVICE_HOST: "10.0.0.1" },
      undefined,
      30_000,
    ],
    ["Lambda Web Functions", { AWS_LAMBDA_HTTP_ENDPOINT: "0.0.0.0:3000" }, undefined, 1_000],
    ["by config", { K_SERVICE: "model" }, 60_000, 60_000],
    ["by SHUTDOWN_GRACE_MS before config", { SHUTDOWN_GRACE_MS: "500" }, 60_000, 500],
    ["by SHUTDOWN_GRACE_MS that is no number", { SHUTDOWN_GRACE_MS: "soon" }, 60_000, 60_000],
  ];
  for (const [where, env, configured, graceMs] of cases) {
    test(where, () => assert.equal(readPlatform(configured, env).graceMs, graceMs));
  }

  test("leaves time for the margin and the notice, however short it is", () => {
    const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", SHUTDOWN_GRACE_MS: "1000" };
    const { graceMs, noticeMs, marginMs } = readPlatform(undefined, env);
    assert.ok(noticeMs + marginMs < graceMs);
  });
});

test("calls wait for the model on Lambda alone", () => {
  assert.equal(readPlatform(undefined, {}).waitsForModel, false);
  assert.equal(readPlatform(undefined, { K_SERVICE: "model" }).waitsForModel, false);
  assert.equal(readPlatform(undefined, { AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001" }).waitsForModel, true);
});
