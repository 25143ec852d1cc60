// What happens once before the first answer: secrets, the model's module, constructor, setupEnvironment, load. Starts
// at the first instruction of the artifact. When Lambda's init phase is about to run out, init ends and the same
// promise goes on in the first invocation; Lambda would otherwise kill the process and start from zero.

import { checkMembers, findModelClass } from "./model-class.ts";
import type { Artifact, Deployment } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { writeLog } from "./log.ts";
import type { Model, ModelClass } from "./model.ts";
import { createPredict, type LoadedModel, type Predict } from "./predict.ts";
import { readSecrets } from "./secrets.ts";

/** A second less than Lambda gives, for Node's own start before our clock and the answer after it. */
const INIT_WINDOW_MS = 9_000;

/** Between the first `load` that failed and the second and last. */
const LOAD_RETRY_DELAY_MS = 500;

export interface ReadyModel extends LoadedModel {
  readonly predict: Predict;
}

export interface ColdStart {
  /** Settles when the init phase may end: loaded, or out of time. Rejects when loading failed within it. */
  readonly initialised: Promise<void>;
  readonly state: "loading" | "ready" | "failed";
  /** The model, once it is loaded: the hot path needs no promise. */
  readonly model: ReadyModel | undefined;
  /**
   * Wait for the model until `giveUp` settles. A load that failed after init is tried again by the next wait.
   * @throws MODEL_NOT_READY when `giveUp` came first, MODEL_LOAD_FAILED and other init errors
   */
  wait(giveUp: Promise<unknown>): Promise<ReadyModel>;
  /** Fail the init phase from outside, with an error nobody awaited. */
  fail(error: unknown): void;
}

/** Begin loading at once. */
export function beginColdStart(deployment: Deployment, artifact: Artifact): ColdStart {
  let state: ColdStart["state"] = "loading";
  let model: ReadyModel | undefined;
  let failInit: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    failInit = reject;
  });
  failed.catch(() => {});

  function start(): Promise<ReadyModel> {
    state = "loading";
    const loading = Promise.race([load(deployment, artifact), failed]);
    loading.then(
      (loaded) => {
        model = loaded;
        state = "ready";
      },
      () => {
        state = "failed";
      },
    );
    return loading;
  }
  let loading = start();

  return {
    initialised: Promise.race([loading.then(() => {}), initWindow()]),
    get state() {
      return state;
    },
    get model() {
      return model;
    },
    wait(giveUp) {
      if (state === "failed") loading = start();
      const late = giveUp.then(() => {
        throw new ColdframeError("MODEL_NOT_READY", "the model is still loading.", {
          fix: "Try again shortly.",
        });
      });
      return Promise.race([loading.catch(hideReason), late]);
    },
    fail: failInit,
  };
}

// Only on-demand Lambda has this limit: provisioned concurrency and managed instances may take their time.
function initWindow(): Promise<void> {
  if (process.env["AWS_LAMBDA_INITIALIZATION_TYPE"] !== "on-demand") return new Promise(() => {});
  const windowMs = Number(process.env["COLDFRAME_INIT_WINDOW_MS"] ?? INIT_WINDOW_MS);
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, windowMs - performance.now())).unref();
  });
}

async function load(deployment: Deployment, artifact: Artifact): Promise<ReadyModel> {
  const clock = phaseClock();
  const { settings, modelFile } = deployment;
  const importing = deployment.importModel();
  importing.catch(() => {});
  const secrets = readSecrets(settings.secrets);
  clock.lap("secrets");
  const module = await importing.catch((cause) => {
    throw failure(modelFile, "could not be imported", cause);
  });
  clock.lap("import");

  const Model = findModelClass(module, deployment);
  const environment = process.env["COLDFRAME_ENVIRONMENT"] || undefined;
  const context = { config: deepFreeze(deployment.config), dataDir: artifact.dataDir, secrets, environment };
  const instance = await step(modelFile, "the constructor", () => new Model(context));
  checkMembers(instance, Model, modelFile);
  clock.lap("construct");
  if (environment !== undefined && instance.setupEnvironment !== undefined) {
    await step(modelFile, "setupEnvironment()", () => instance.setupEnvironment?.(environment));
    clock.lap("setup_environment");
  }
  if (instance.load !== undefined) {
    await loadWithRetry(instance, modelFile, settings.loadTimeoutMs);
    clock.lap("load");
  }
  clock.report({ code_cache: artifact.codeCache, environment });
  return readyModel(instance, Model, deployment);
}

function readyModel(instance: Model, Model: ModelClass, deployment: Deployment): ReadyModel {
  const loaded: LoadedModel = { instance, input: Model.input, output: Model.output };
  return { ...loaded, predict: createPredict(loaded, deployment.settings) };
}

async function loadWithRetry(model: Model, modelFile: string, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new ColdframeError("LOAD_TIMEOUT", `${modelFile}: load() took more than ${timeoutMs / 1000} s.`, {
          fix: "Raise `runtime.load_timeout_seconds` in config.yaml.",
        }),
      );
    }, timeoutMs);
  });
  const attempts = async () => {
    try {
      await model.load?.();
    } catch (error) {
      writeLog("warn", "load() failed; trying once more", { error });
      await new Promise((resolve) => setTimeout(resolve, LOAD_RETRY_DELAY_MS));
      await step(modelFile, "load()", () => model.load?.());
    }
  };
  try {
    await Promise.race([attempts(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function step<T>(modelFile: string, what: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw failure(modelFile, `${what} failed`, cause);
  }
}

function failure(modelFile: string, what: string, cause: unknown): Error {
  if (cause instanceof ColdframeError) return cause;
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new ColdframeError("MODEL_LOAD_FAILED", `${modelFile}: ${what}: ${reason}`, { cause });
}

// A caller learns that loading failed; why it did is the operator's to know.
function hideReason(cause: unknown): never {
  const code = cause instanceof ColdframeError ? cause.code : "MODEL_LOAD_FAILED";
  throw new ColdframeError(code, "the model could not be loaded; the log has the reason.", { cause });
}

function phaseClock() {
  const phases: Record<string, number> = { boot: round(performance.now()) };
  let last = performance.now();
  return {
    lap(phase: string) {
      const now = performance.now();
      phases[phase] = round(now - last);
      last = now;
    },
    report(fields: Record<string, unknown>) {
      writeLog("info", "cold start", { phases, total_ms: round(performance.now()), ...fields });
    },
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
