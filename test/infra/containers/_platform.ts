// A platform that starts a server as a template says, asks it what the template says, sends it a call, and ends it. What is
// not as the platform needs it is told; the server is a real one, of a real artifact.

import { readAddresses } from "../../../adapter/runtime/targets/server/address.ts";
import type { TestContext } from "node:test";
import { freePort, startServer, type TestServer } from "../../runtime/targets/_server.ts";
import type { Built } from "./_artifacts.ts";
import { inArtifact } from "./_artifacts.ts";
import { parseDockerfile, wholeStage } from "./_dockerfile.ts";
import type { Launch, Probe } from "./_launch.ts";
import { SECRET } from "./_launch.ts";
import { makeGates } from "./_model.ts";
import { read } from "./_templates.ts";

/** How the process was reached: a port of the container -> that of this machine. */
export interface Started {
  readonly server: TestServer;
  readonly ports: ReadonlyMap<number, number>;
}

/** Start an image's server with variables, its ports mapped to free ones as `docker run -p` does. */
export async function startImage(
  t: TestContext,
  { project }: Built,
  [image, stage]: readonly [image: string, stage?: string],
  variables: Readonly<Record<string, string>>,
  until: "listening" | "ready" = "listening",
): Promise<Started> {
  const {
    entrypoint,
    copies,
    env: set,
  } = wholeStage(parseDockerfile(read(`docker/Dockerfile.${image}`)), stage);
  const [program, file = "", ...args] = entrypoint ?? [];
  if (program !== "node") throw new Error(`${program} is started, not node`);
  const env: Record<string, string> = { ...set, ...variables };
  const ports = new Map<number, number>();
  for (const { port } of readAddresses(env)) ports.set(port, await freePort());
  const [[own]] = [...ports] as [[number, number]];
  for (const [name, value] of Object.entries(env)) {
    const free = /PORT/.test(name) ? ports.get(Number(value)) : undefined;
    if (free !== undefined) env[name] = String(free);
  }
  // Where nothing says which port, the server's own is mapped as well.
  if (![...ports.values()].some((port) => readAddresses(env)[0].port === port))
    env["PORT"] = String(ports.get(own));
  const main = inArtifact(file, copies, project).slice(`${project}/dist/server/`.length);
  const server = await startServer(t, `${project}/dist/server`, { env, main, args, until });
  return { server, ports };
}

/** Everything that is wrong with a launch, in the order in which a platform would come across it. */
export async function violations(t: TestContext, built: Built, launch: Launch): Promise<string[]> {
  const { image, env, platform, startup, readiness, liveness, isReady, predict, killMs } = launch;
  const found: string[] = [];
  const gates = makeGates();
  const { server, ports } = await startImage(t, built, [image], { ...platform, ...gates.env, ...env });

  const at = (port: number, path: string) => `http://127.0.0.1:${ports.get(port) ?? 1}${path}`;
  /** 0 where nobody listens. */
  const ask = (url: string, init: RequestInit = {}) =>
    fetch(url, init).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      () => ({ status: 0, text: "" }),
    );
  const status = async ({ path, port }: Probe) => (await ask(at(port, path))).status;
  const call = (path: string, body: object) =>
    ask(at(launch.port, path), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const isGood = (code: number) => code >= 200 && code < 400;
  const takesCalls = async () => {
    for (const probe of [startup, readiness]) if (probe && !isReady(await status(probe))) return false;
    return true;
  };

  // While the model loads.
  if (liveness && !isGood(await status(liveness))) found.push("a model that loads is taken for dead");
  if (await takesCalls()) found.push("calls are sent before the model is loaded");
  const early = (await call(predict.path, predict.body)).status;
  if (early !== 503) found.push(`a call that comes too early is answered with ${early}`);

  // Loaded.
  gates.open("load");
  await server.logged("cold start");
  for (const [name, probe] of Object.entries({ startup, readiness, liveness })) {
    const code = probe ? await status(probe) : 200;
    const isFine = name === "liveness" ? isGood(code) : isReady(code);
    if (!isFine) found.push(`${name} of a loaded model is ${code}`);
  }
  const answer = await call(predict.path, predict.body);
  const output =
    answer.status === 200 ? JSON.stringify(predict.outputOf(JSON.parse(answer.text))) : answer.status;
  const wanted = JSON.stringify({ greeting: "hello", token: SECRET, note: "fallback" });
  if (output !== wanted) found.push(`a prediction is ${output}`);

  // Ended, with a call in it.
  const held = call("/predict", { hold: "held" });
  const isHeld = ports.has(launch.port);
  if (isHeld) await server.logged("holds held");
  server.child.kill("SIGTERM");
  const killed = Date.now() + killMs;
  const { grace_ms: grace } = await server.logged("shutting down");
  if (!(Number(grace) <= killMs)) found.push(`it takes ${grace} ms to end, and is killed after ${killMs}`);
  if (readiness && isReady(await status(readiness))) found.push("calls are sent to what is leaving");
  gates.open("held");
  if (isHeld && (await held).status !== 200) found.push("a call in flight is lost");
  const end = await server.ended;
  if (end !== 0) found.push(`it ends with ${end}`);
  if (Date.now() > killed) found.push("it is killed before it ends");
  return found;
}
