// What SageMaker does with a container, done with a real server: started with the argument `serve` and the template's
// variables, asked at /ping, called at /invocations as often at a time as the template says, ended with SIGTERM.
// Source: docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { readAddresses } from "../../../adapter/runtime/targets/server/address.ts";
import { freePort, startServer } from "../../runtime/targets/_server.ts";
import { evaluate } from "../cfn/_evaluate.ts";
import { parseTemplate } from "../cfn/_parse.ts";
import { buildProject, inArtifact } from "../containers/_artifacts.ts";
import { parseDockerfile, wholeStage } from "../containers/_dockerfile.ts";
import { makeGates, PROJECT } from "../containers/_model.ts";
import { read } from "../containers/_templates.ts";
import { environmentOf, KINDS, rendered, statementsOf, variantOf } from "./_sagemaker.ts";

const REGION = "eu-west-1";
const SECRET = "the-secret";

/** SageMaker sends its calls here, whatever the container says. */
const PORT = 8080;

/** From SIGTERM to SIGKILL. */
const KILL_MS = 30_000;

const image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sample:1";
const config = String(PROJECT["config.yaml"]).replace("registry.example.com/team/sample:1", image);
const built = await buildProject({ ...PROJECT, "config.yaml": config }, "server");
const deployment = JSON.parse(
  readFileSync(join(built.directory, "deployment.json"), "utf8"),
) as ServerDeployment;

/** Secrets Manager, with the one secret that the role may read. */
async function startSecretsManager(t: TestContext, allowed: readonly string[]): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { SecretId } = JSON.parse(body) as { SecretId: string };
    const scope = /Credential=[^/]+\/\d+\/([\w-]+)\/secretsmanager\//.exec(
      request.headers.authorization ?? "",
    );
    const isAllowed =
      allowed.some((arn) => arn.endsWith(`:secret:${SecretId}-??????`)) && scope?.[1] === REGION;
    response.writeHead(isAllowed ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
    response.end(
      JSON.stringify(
        isAllowed ? { SecretString: SECRET } : { __type: "AccessDeniedException", message: SecretId },
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Everything that is wrong with a container of this template, in the order in which SageMaker would come across it. */
async function violations(t: TestContext, text: string): Promise<string[]> {
  const made = evaluate(parseTemplate(text));
  const env = environmentOf(made);
  const may = statementsOf(made).find(({ Sid }) => Sid === "ReadSecrets")?.Resource ?? [];
  const gates = makeGates();
  const port = await freePort();
  const isReached = readAddresses(env)[0].port === PORT;
  const stage = wholeStage(parseDockerfile(read("docker/Dockerfile.server")));
  const [program, file = "", ...args] = stage.entrypoint ?? [];
  assert.equal(program, "node");
  const server = await startServer(t, built.directory, {
    main: inArtifact(file, stage.copies, built.project).slice(built.directory.length + 1),
    // docker run IMAGE serve
    args: [...args, "serve"],
    env: {
      ...stage.env,
      ...gates.env,
      ...Object.fromEntries(
        Object.entries(env).map(([name, value]) => [name, value.replace("<AWS::Region>", REGION)]),
      ),
      // What stands for the instance's own: its credentials, and AWS around it.
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "wJalr/SECRETKEY",
      AWS_ENDPOINT_URL_SECRETS_MANAGER: await startSecretsManager(t, may),
      PORT: String(port),
    },
    until: "listening",
  });

  const found: string[] = isReached ? [] : ["SageMaker calls a port that nobody listens on"];
  /** 0 where nobody listens. */
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, init).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      () => ({ status: 0, text: "" }),
    );
  const ping = async () => (await ask("/ping")).status;
  const call = (body: object) =>
    ask("/invocations", {
      method: "POST",
      headers: { "content-type": "application/json", "x-amzn-sagemaker-inference-id": "1" },
      body: JSON.stringify(body),
    });

  if ((await ping()) === 200) found.push("calls are sent before the model is loaded");
  gates.open("load");
  await server.logged("cold start");
  if ((await ping()) !== 200) found.push("a loaded model is not ready");
  const { text: output } = await call({ text: "hi" });
  const wanted = JSON.stringify({ greeting: "hello", token: SECRET, note: "fallback" });
  if (output !== wanted) found.push(`a prediction is ${output}`);

  // As many at a time as SageMaker sends.
  const { AsyncInferenceConfig } = made.resources["EndpointConfig"]?.Properties as {
    AsyncInferenceConfig?: { ClientConfig: { MaxConcurrentInvocationsPerInstance: number } };
  };
  const count = AsyncInferenceConfig?.ClientConfig.MaxConcurrentInvocationsPerInstance ?? 1;
  const names = Array.from({ length: count }, (_, i) => `held-${i}`);
  const held = names.map((hold) => call({ hold }));
  for (const name of names) await server.logged(`holds ${name}`);

  server.child.kill("SIGTERM");
  const killed = Date.now() + KILL_MS;
  const { grace_ms: grace } = await server.logged("shutting down");
  if (!(Number(grace) <= KILL_MS)) found.push(`it takes ${grace} ms to end, and is killed after ${KILL_MS}`);
  if ((await ping()) === 200) found.push("calls are sent to what is leaving");
  for (const name of names) gates.open(name);
  for (const answer of await Promise.all(held))
    if (answer.status !== 200) found.push("a call in flight is lost");
  const end = await server.ended;
  if (end !== 0) found.push(`it ends with ${end}`);
  if (Date.now() > killed) found.push("it is killed before it ends");
  return found;
}

describe("a container that SageMaker runs", { concurrency: 2 }, () => {
  for (const kind of KINDS) {
    test(`by ${kind}.yaml loads, answers and ends as it has to`, async (t) => {
      assert.deepEqual(await violations(t, rendered(kind, deployment)), []);
    });
  }
});

describe("what is wrong in a template is seen:", { concurrency: 2 }, () => {
  const broken: readonly (readonly [why: string, from: string | RegExp, to: string, seen: RegExp])[] = [
    ["another port", "GREETING: hello", 'GREETING: hello\n          PORT: "9090"', /port that nobody/],
    ["a variable that is lost", "GREETING: hello", "FAREWELL: bye", /a prediction is \{"token"/],
    ["no region", / {10}AWS_REGION: .*\n/, "", /region|never said/],
    [
      "a secret that the role may not read",
      "secret:${SecretsPrefix}hub_token",
      "secret:hub_token",
      /SECRET_UNREADABLE|never said/,
    ],
    [
      "a grace that SageMaker does not give",
      /SHUTDOWN_GRACE_MS: "\d+"/,
      'SHUTDOWN_GRACE_MS: "60000"',
      /60000 ms to end/,
    ],
  ];
  for (const [why, from, to, seen] of broken) {
    test(why, async (t) => {
      const text = rendered("async", deployment);
      const spoiled = text.replace(from, to);
      assert.ok(spoiled !== text, "nothing was broken");
      const found = await violations(t, spoiled).catch((error: Error) => [error.message]);
      assert.match(found.join("\n"), seen);
    });
  }
});

test("a startup that takes as long as config.yaml allows is waited for", () => {
  const waits = variantOf(evaluate(parseTemplate(rendered("realtime", deployment))));
  assert.equal(waits["ContainerStartupHealthCheckTimeoutInSeconds"], deployment.startup_seconds);
});
