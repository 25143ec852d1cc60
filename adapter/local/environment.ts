// One execution environment: the rules of Lambda's life cycle over one process at a time. Init has its own time limit
// and is run again inside the first invocation when it was too slow or failed; an invocation has a deadline; whatever
// ends the process, the next invocation gets a new one; between invocations it is frozen.
// Source: docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.

import { randomBytes } from "node:crypto";
import { functionArn, functionEnvironment } from "./function-environment.ts";
import { type FunctionProcess, spawnFunction } from "./function-process.ts";
import { type Exchange, type Failed, type FunctionError, functionError, type Outcome } from "./outcome.ts";
import { listenRuntimeApi, type RuntimeApi } from "./runtime-api.ts";
import type { Command } from "./runtime-command.ts";

export interface EnvironmentOptions {
  readonly command: Command;
  readonly functionName: string;
  readonly handler: string;
  /** Absolute path of the artifact. */
  readonly taskRoot: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly initTimeoutMs: number;
  readonly freeze: boolean;
  readonly variables: Readonly<Record<string, string>>;
  readonly onLog: (line: string) => void;
  readonly onExchange: ((exchange: Exchange) => void) | undefined;
}

export interface EnvironmentRequest {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly traceId: string;
  readonly clientContext: string | undefined;
  readonly tenantId: string | undefined;
}

interface Sandbox {
  readonly process: FunctionProcess;
  readonly api: RuntimeApi;
}

/** How long a process that has posted its init error may take to write its last lines. */
const LAST_LINES_MS = 200;

export class Environment {
  /** Of the latest init that reached /next: milliseconds from spawn; NaN while there was none. */
  initMs = Number.NaN;
  /** Of the latest init, when it failed; `undefined` too when it was too slow, for then it is not over. */
  initError: FunctionError | undefined;
  /** Processes started after the first one. */
  restarts = 0;
  readonly #options: EnvironmentOptions;
  #sandbox: Sandbox | undefined;
  #started = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#sandbox?.process.pid;
  }

  /** The init phase: settles when it is over, well or not. */
  async init(): Promise<void> {
    const startedAt = performance.now();
    const result = await this.#boot(this.#options.initTimeoutMs);
    if (result !== "timeout") return;
    const ms = (performance.now() - startedAt).toFixed(2);
    this.#options.onLog(`INIT_REPORT Init Duration: ${ms} ms\tPhase: init\tStatus: timeout`);
    await this.kill();
  }

  /** One at a time, in the order of the calls. */
  invoke(request: EnvironmentRequest): Promise<Outcome> {
    const turn = Promise.withResolvers<Outcome>();
    this.#queue = this.#queue.then(() => this.#run(request, turn.resolve)).catch(turn.reject);
    return turn.promise;
  }

  /** What the platform may do at any time: end the process without a word. */
  async kill(): Promise<void> {
    const sandbox = this.#sandbox;
    if (sandbox === undefined) return;
    await sandbox.process.kill();
    await this.#forget(sandbox);
  }

  /** Close once the invocations that have been asked for are over. */
  async retire(): Promise<void> {
    await this.#queue;
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sandbox?.api.interrupt(functionError("Sandbox.Failure", "The local Lambda was closed."));
    await this.kill();
  }

  /** Answers `request` as soon as there is an outcome; settles when the next one may run. */
  async #run(request: EnvironmentRequest, answer: (outcome: Outcome) => void): Promise<void> {
    const { timeoutMs, freeze } = this.#options;
    const deadline = Date.now() + timeoutMs;
    const fail = (error: FunctionError, phase: Failed["phase"]) =>
      answer({ kind: "error", requestId: request.id, error, phase });
    if (this.#closed) return fail(functionError("Sandbox.Failure", "The local Lambda is closed."), "init");
    if (this.#sandbox === undefined) {
      const result = await this.#boot(timeoutMs);
      if (result === "timeout") {
        await this.kill();
        return fail(this.#timedOut(request.id), "init");
      }
      if (result !== undefined) return fail(result, "init");
    }
    const sandbox = this.#sandbox as Sandbox | undefined;
    if (sandbox === undefined) return fail(exitError("signal: killed", request.id), "init");

    sandbox.process.thaw();
    const timer = setTimeout(() => {
      this.#options.onLog(`${new Date().toISOString()} ${request.id} ${taskTimedOut(timeoutMs)}`);
      sandbox.api.interrupt(this.#timedOut(request.id));
      sandbox.process.kill();
    }, deadline - Date.now());
    const exited = sandbox.process.exited.then((how) => {
      sandbox.api.interrupt(exitError(how, request.id));
      return "exited" as const;
    });
    answer(
      await sandbox.api.invoke({
        ...request,
        deadline,
        functionArn: functionArn(this.#options.functionName),
      }),
    );
    const over = await Promise.race([exited, sandbox.api.idle()]);
    clearTimeout(timer);
    if (over === "exited") await this.#forget(sandbox);
    else if (freeze) sandbox.process.freeze();
  }

  /** `undefined` when the process has asked for its first invocation; it is dead when an error comes back. */
  async #boot(limitMs: number): Promise<FunctionError | "timeout" | undefined> {
    const options = this.#options;
    const api = await listenRuntimeApi(options.onExchange);
    const facts = {
      name: options.functionName,
      handler: options.handler,
      taskRoot: options.taskRoot,
      memoryMb: options.memoryMb,
      runtimeApi: api.address,
      logStream: `${new Date().toISOString().slice(0, 10).replaceAll("-", "/")}/[$LATEST]${randomBytes(16).toString("hex")}`,
    };
    const startedAt = performance.now();
    const env = functionEnvironment(facts, options.variables);
    const process = await spawnFunction(options.command, options.taskRoot, env, options.onLog).catch(
      async (error: unknown) => {
        await api.close();
        throw error;
      },
    );
    const sandbox: Sandbox = { process, api };
    this.#sandbox = sandbox;
    this.restarts = this.#started++;

    const limit = Promise.withResolvers<"timeout">();
    const timer = setTimeout(() => limit.resolve("timeout"), limitMs);
    const exited = process.exited.then((how) => exitError(how));
    const result = await Promise.race([api.initialised, exited, limit.promise]);
    clearTimeout(timer);
    this.initError = undefined;
    if (result === "timeout") return result;
    if (result === undefined) {
      this.initMs = performance.now() - startedAt;
      if (this.#closed) await this.kill();
      else if (options.freeze) process.freeze();
      return undefined;
    }
    this.initError = result;
    await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS))]);
    await this.kill();
    return result;
  }

  async #forget(sandbox: Sandbox): Promise<void> {
    if (this.#sandbox === sandbox) this.#sandbox = undefined;
    await sandbox.api.close();
  }

  #timedOut(id: string): FunctionError {
    return functionError(
      "Sandbox.Timedout",
      `RequestId: ${id} Error: ${taskTimedOut(this.#options.timeoutMs)}`,
    );
  }
}

function taskTimedOut(timeoutMs: number): string {
  return `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
}

/** @param how `exit status 1`, `signal: killed` */
function exitError(how: string, id?: string): FunctionError {
  const what =
    how === "exit status 0"
      ? "Runtime exited without providing a reason"
      : `Runtime exited with error: ${how}`;
  return functionError("Runtime.ExitError", id === undefined ? what : `RequestId: ${id} Error: ${what}`);
}
