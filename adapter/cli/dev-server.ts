// One version of the model as the server that a container would run: the built artifact in a process of its own, on a
// port that only this machine reaches. What is in front of it is dev-front.ts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FunctionProcess, spawnFunction } from "../local/function-process.ts";
import type { Running } from "./dev-versions.ts";
import { type LogLine, parseLogLine } from "./function-logs.ts";
import { Refusal } from "./refusal.ts";

export interface ServerVersion extends Running {
  /** Where it listens; a process that ended is started again. @throws why it did not start */
  port(): Promise<number>;
}

/** A version that is replaced finishes what it has begun, for as long as it takes a patient person. */
const RETIRED_GRACE_MS = 600_000;

/** For `unload` when the command ends. */
const CLOSE_MS = 1_000;

/** What would make the server think that it is somewhere else. */
const NOT_INHERITED =
  /^(AIP_|K_SERVICE$|KUBERNETES_|RUNPOD_|AWS_LAMBDA_|PORT_HEALTH$|NODE_OPTIONS$|NODE_TEST_CONTEXT$)/;

/**
 * Start a built server; settles when its model is loaded.
 * @param onLine gets each line that it writes
 * @throws a Refusal with the code, the sentence and the author's frames of what kept it from starting
 */
export async function startServer(
  artifact: string,
  variables: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<ServerVersion> {
  let running = await start(artifact, variables, onLine);
  let restarting: Promise<unknown> | undefined;
  let closed = false;

  async function restart(): Promise<void> {
    running = await start(artifact, variables, onLine);
    if (closed) await running.process.kill();
  }

  return {
    async port() {
      if (running.ended && !closed) {
        restarting ??= restart().finally(() => {
          restarting = undefined;
        });
        await restarting;
      }
      return running.port;
    },
    async retire() {
      closed = true;
      await terminate(running, RETIRED_GRACE_MS);
    },
    async close() {
      closed = true;
      await terminate(running, CLOSE_MS);
    },
  };
}

interface Server {
  readonly process: FunctionProcess;
  readonly port: number;
  ended: boolean;
}

async function start(
  artifact: string,
  variables: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<Server> {
  const ready = Promise.withResolvers<number>();
  let port = 0;
  let failure: LogLine | undefined;

  function hear(text: string): void {
    const line = parseLogLine(text);
    if (line.message === "listening") port = Number(line.fields["port"]);
    else if (line.message === "cold start") ready.resolve(port);
    else if (line.level === "ERROR" && typeof line.fields["code"] === "string") failure = line;
    if (failure !== line || server?.loaded) onLine(text);
  }

  let server: (Server & { loaded: boolean }) | undefined;
  const command = { file: process.execPath, args: [join(artifact, "index.mjs")] };
  const child = await spawnFunction(command, artifact, environment(artifact, variables), hear);
  server = { process: child, port: 0, ended: false, loaded: false };
  const started = server;
  void child.exited.then((how) => {
    started.ended = true;
    ready.reject(refusal(failure, how));
  });
  // A process that could not start has said why before it ended, and its lines are read to their end.
  const found = await ready.promise.catch(async (error: unknown) => {
    await child.kill();
    throw failure ? refusal(failure, "") : error;
  });
  return Object.assign(started, { port: found, loaded: true });
}

function refusal(failure: LogLine | undefined, how: string): Refusal {
  if (failure === undefined)
    return new Refusal("SERVER_ENDED", `the server ended before it was ready: ${how}.`);
  const { code, fix, stackTrace } = failure.fields as { code: string; fix?: string; stackTrace?: string[] };
  const frames = (stackTrace ?? []).filter((line) => /^ +at /.test(line));
  return new Refusal(code, [failure.message, ...frames.slice(0, 5)].join("\n"), { fix });
}

async function terminate({ process: child, ended }: Server, graceMs: number): Promise<void> {
  if (ended) return;
  process.kill(child.pid, "SIGTERM");
  const timer = setTimeout(() => void child.kill(), graceMs);
  await child.exited;
  clearTimeout(timer);
}

function environment(artifact: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  const { environment: declared } = JSON.parse(readFileSync(join(artifact, "deployment.json"), "utf8")) as {
    environment: Record<string, string>;
  };
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    ...declared,
    ...variables,
    PORT: "0",
    COLDFRAME_HOST: "127.0.0.1",
    SHUTDOWN_GRACE_MS: String(RETIRED_GRACE_MS),
  };
}
