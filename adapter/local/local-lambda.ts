// A Lambda function on this machine: an artifact, its deploy-time facts and one execution environment. The same
// artifact, variables, limits and wire as in the cloud; one environment, so that a second invocation waits.

import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Environment } from "./environment.ts";
import { type Exchange, type FunctionError, functionError, type Outcome } from "./outcome.ts";
import { type Client, runtimeCommand } from "./runtime-command.ts";

export type { Buffered, Exchange, Failed, FunctionError, Outcome, Prelude, Streamed } from "./outcome.ts";
export type { Client } from "./runtime-command.ts";

export interface LocalLambdaOptions {
  /** The folder that holds index.mjs; its deployment.json, when there is one, gives the defaults. */
  readonly artifact: string;
  /** `index.stream` or `index.buffered`. Default: deployment.json's `handler`, else `index.stream`. */
  readonly handler?: string;
  readonly client?: Client;
  /** index.mjs of aws-lambda-ric. Default: COLDFRAME_RIC, else the package where it is installed. */
  readonly ricPath?: string;
  readonly timeoutSeconds?: number;
  readonly memoryMb?: number;
  /** Beside deployment.json's `environment`, and before it. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Each line that the process writes, and the platform's own lines. */
  readonly onLog?: (line: string) => void;
  readonly initTimeoutMs?: number;
  /** Stop the process between invocations, as Lambda does. Default: true. */
  readonly freeze?: boolean;
  readonly onExchange?: (exchange: Exchange) => void;
}

export interface InvokeOptions {
  readonly tenantId?: string;
  readonly clientContext?: unknown;
  /** Default: a new UUID. */
  readonly requestId?: string;
  /** X-Ray's header, which the function's client puts into _X_AMZN_TRACE_ID. Default: a trace of its own. */
  readonly traceId?: string;
}

export interface LocalLambda {
  /** @param payload any JSON value, or the event's bytes. Rejects only when the local Lambda itself is broken. */
  invoke(payload: unknown, options?: InvokeOptions): Promise<Outcome>;
  /** Of the latest init: milliseconds from spawn to the first /next; NaN while there was none. */
  readonly initMs: number;
  /** Why the latest init failed: the next invocation runs it again, and answers with this if it fails again. */
  readonly initError: FunctionError | undefined;
  /** `undefined` between the end of one process and the next invocation. */
  readonly pid: number | undefined;
  /** Processes started after the first. */
  readonly restarts: number;
  readonly handler: string;
  /** End the process, as the platform may at any time. */
  kill(): Promise<void>;
  /** Close once the invocations that have been asked for are over. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

/** Lambda's: for the invoke as a whole, whatever carries it. */
export const REQUEST_LIMIT_BYTES = 6 * 1024 * 1024;
const INIT_LIMIT_MS = 10_000;
const TIMEOUT_SECONDS = 60;
/** One vCPU in the cloud. */
const MEMORY_MB = 1769;

/** Settles when the init phase is over, well or not. @throws ARTIFACT_NOT_FOUND, RIC_NOT_FOUND */
export async function startLocalLambda(options: LocalLambdaOptions): Promise<LocalLambda> {
  const taskRoot = path.resolve(options.artifact);
  if (!existsSync(taskRoot)) {
    const fix = "Run coldframe build first, or name the folder that holds index.mjs.";
    throw Object.assign(new Error(`There is no artifact at ${taskRoot}`), {
      code: "ARTIFACT_NOT_FOUND",
      fix,
    });
  }
  const deployment = readDeployment(taskRoot);
  const memoryMb = options.memoryMb ?? deployment.memory_mb ?? MEMORY_MB;
  const handler = options.handler ?? deployment.handler ?? "index.stream";
  const environment = new Environment({
    command: runtimeCommand(options.client ?? "local", memoryMb, [taskRoot, process.cwd()], options.ricPath),
    functionName: deployment.model_name ?? "local",
    handler,
    taskRoot,
    memoryMb,
    timeoutMs: (options.timeoutSeconds ?? deployment.timeout_seconds ?? TIMEOUT_SECONDS) * 1000,
    initTimeoutMs: options.initTimeoutMs ?? INIT_LIMIT_MS,
    freeze: options.freeze ?? true,
    variables: { ...loggingVariables(deployment), ...deployment.environment, ...options.environment },
    onLog: options.onLog ?? (() => {}),
    onExchange: options.onExchange,
  });
  await environment.init();
  return {
    invoke: (payload, invokeOptions = {}) => invoke(environment, payload, invokeOptions),
    get initMs() {
      return environment.initMs;
    },
    get initError() {
      return environment.initError;
    },
    get pid() {
      return environment.pid;
    },
    get restarts() {
      return environment.restarts;
    },
    handler,
    kill: () => environment.kill(),
    retire: () => environment.retire(),
    close: () => environment.close(),
  };
}

async function invoke(environment: Environment, payload: unknown, options: InvokeOptions): Promise<Outcome> {
  const id = options.requestId ?? randomUUID();
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload ?? null));
  if (bytes.length > REQUEST_LIMIT_BYTES) {
    const message = `Request must be smaller than ${REQUEST_LIMIT_BYTES} bytes for the InvokeFunction operation`;
    const error = functionError("RequestEntityTooLargeException", message);
    return { kind: "error", requestId: id, error, phase: "invocation" };
  }
  const { clientContext, tenantId } = options;
  return environment.invoke({
    id,
    payload: bytes,
    traceId: options.traceId ?? `Root=1-${hex(4)}-${hex(12)};Parent=${hex(8)};Sampled=0`,
    clientContext: clientContext === undefined ? undefined : toHeader(JSON.stringify(clientContext)),
    tenantId,
  });
}

/** The deploy-time facts as the build writes them; whatever else the file holds is not ours. */
interface Deployment {
  readonly model_name?: string;
  readonly handler?: string;
  readonly timeout_seconds?: number;
  readonly memory_mb?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly logging?: { readonly log_format: string; readonly application_log_level: string };
}

/** What Lambda makes of a function's LoggingConfig. */
function loggingVariables({ logging }: Deployment): Record<string, string> {
  if (!logging) return {};
  return {
    AWS_LAMBDA_LOG_FORMAT: logging.log_format,
    AWS_LAMBDA_LOG_LEVEL: logging.application_log_level,
  };
}

function readDeployment(folder: string): Deployment {
  try {
    return JSON.parse(readFileSync(path.join(folder, "deployment.json"), "utf8")) as Deployment;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** A header carries no characters beyond ASCII; JSON has an escape for each. */
function toHeader(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
