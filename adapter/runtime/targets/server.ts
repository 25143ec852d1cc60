// An HTTP server in a container: Kubernetes, Cloud Run, Knative, SageMaker, RunPod, Lambda Web Functions and whatever
// else starts a process and sends it requests. It listens before it loads, and ends when the platform says so.

import type { Server } from "node:http";
import { Cancellation } from "../call.ts";
import { beginColdStart, type ColdStart } from "../cold-start.ts";
import type { Artifact, Deployment } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { failedReply } from "../failure.ts";
import { writeLog } from "../log.ts";
import { toLines } from "../observe/log-anything.ts";
import { together } from "../observe/observers.ts";
import { createAnswers, type Environment, type Route } from "../routes.ts";
import { surviveStrayErrors, watchStrayErrors } from "./_stray-errors.ts";
import { type Address, readAddresses } from "./server/address.ts";
import { createExchanges, type Exchanges } from "./server/exchange.ts";
import { listenTo, logConsole } from "./server/console-lines.ts";
import { keepCompiledCode } from "./server/idle-collection.ts";
import { createHttpServer } from "./server/http-server.ts";
import { lambdaFacts } from "./server/lambda-context.ts";
import { readPlatform } from "./server/platform.ts";
import { createPrometheus } from "./server/prometheus.ts";
import { PACE } from "./server/request-body.ts";
import { readRunpod } from "./server/runpod-api.ts";
import { startWorker, type Worker } from "./server/runpod-worker.ts";
import { createServerRoute, parallelCalls } from "./server/server-routes.ts";
import { createServing, type Serving } from "./server/serving.ts";
import { closeServers, endOnSignal } from "./server/shutdown.ts";

/** What the server itself reads of config.yaml's `server`, in its own units. */
export interface ServerSettings {
  readonly maxBodyBytes: number;
  /** 0: an answer may take as long as it takes. */
  readonly requestTimeoutMs: number;
  /** Without it, what the platform is known to give. */
  readonly shutdownGraceMs?: number;
  /** Whether the process ends when the model does not load; otherwise it stays, and says so to whoever asks. */
  readonly exitOnFailedLoad: boolean;
}

/** For answers that wait for a model which then did not load. */
const FAILED_ANSWERS_MS = 1_000;

/** Listen, then load the model. Arguments of the process, such as SageMaker's `serve`, mean nothing here. */
export function server(deployment: Deployment, settings: ServerSettings, artifact: Artifact): object {
  const platform = readPlatform(settings.shutdownGraceMs);
  const { observer: watcher } = deployment;
  const prometheus = createPrometheus(deployment.settings.modelName);
  const observer = watcher ? together(watcher, prometheus) : prometheus;
  let serving: Serving | undefined;
  const exchanges = createExchanges({
    route: (call) => route(call),
    artifact,
    observer,
    body: { ...PACE, maxBytes: settings.maxBodyBytes },
    timeoutMs: settings.requestTimeoutMs,
    closes: () => serving?.isLeaving === true,
    readFacts: lambdaFacts(),
  });
  // For who is connected before all listeners are up.
  let route: Route = async ({ origin }) =>
    failedReply(new ColdframeError("MODEL_NOT_READY", "starting; try again shortly."), origin, artifact);
  let servers: readonly Server[] = [];
  let worker: Worker | undefined;
  endOnSignal(() => ({ servers, serving, exchanges, platform, observer, worker }));
  logConsole();

  async function run(): Promise<void> {
    const unwatch = watchStrayErrors(fail);
    servers = await listen(readAddresses(), exchanges);
    const start = beginColdStart({ ...deployment, observer }, artifact);
    serving = createServing(start, platform.waitsForModel);
    const environment: Environment = { artifact, start: serving };
    const { gets, posts } = createAnswers(environment);
    const answers = { gets: { ...gets, "/metrics": prometheus.answer(start) }, posts };
    const parallel = parallelCalls(deployment);
    route = createServerRoute(environment, parallel, answers);
    if (!settings.exitOnFailedLoad) {
      unwatch();
      surviveStrayErrors(artifact);
    }
    await loaded(start);
    keepCompiledCode();
    if (start.model) listenTo(start.model.instance);
    unwatch();
    if (settings.exitOnFailedLoad) surviveStrayErrors(artifact);
    const runpod = readRunpod();
    if (runpod)
      worker = startWorker({ settings: runpod, environment: { artifact, start }, observer, parallel });
  }

  let failed = false;
  function fail(thrown: unknown): void {
    if (failed) return;
    failed = true;
    const error =
      thrown instanceof ColdframeError
        ? thrown
        : new ColdframeError("MODEL_LOAD_FAILED", `nothing awaited an error while loading: ${thrown}`);
    const { code, fix, message } = error;
    writeLog("error", message, {
      code,
      fix,
      stackTrace: toLines(artifact.late().readStack(artifact, error.cause ?? error)),
    });
    if (serving && !settings.exitOnFailedLoad) return;
    // The platform starts another one.
    void Promise.race([
      closeServers(servers, exchanges),
      new Promise((resolve) => setTimeout(resolve, FAILED_ANSWERS_MS)),
    ]).then(() => process.exit(1));
  }

  run().catch(fail);
  return {};
}

async function listen(addresses: readonly Address[], { onRequest, callers }: Exchanges): Promise<Server[]> {
  const servers = await Promise.all(
    addresses.map((address) => listenAt(address, createHttpServer(onRequest, callers))),
  );
  writeLog("info", "listening", { port: (servers[0]?.address() as { port: number }).port });
  return servers;
}

function listenAt({ port, host }: Address, http: Server): Promise<Server> {
  return new Promise((resolve, reject) => {
    http.once("error", (cause) => {
      reject(
        new ColdframeError("PORT_UNAVAILABLE", `cannot listen on port ${port}: ${cause.message}.`, { cause }),
      );
    });
    http.listen({ port, ...(host !== undefined && { host }) }, () => resolve(http));
  });
}

/** Rejects with why it did not load. */
async function loaded(start: ColdStart): Promise<void> {
  try {
    await start.wait(new Cancellation());
  } catch (error) {
    throw start.failure?.cause ?? error;
  }
}
