// What happens once before the first answer: secrets, the model's module, constructor, setupEnvironment, load. Starts
// at the first instruction of the artifact. When Lambda's init phase is about to run out, init ends and the same
// promise goes on in the first invocation; Lambda would otherwise kill the process and start from zero.

import { Cancellation } from "./call.ts";
import type { Artifact, Deployment } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { writeLog } from "./log.ts";
import type { Model, ModelClass, ModelContext } from "./model.ts";
import { checkInstance } from "./model-class.ts";
import { createRun, type Run } from "./predict.ts";

/** A second less than Lambda gives, for Node's own start before our clock and the answer after it. */
const INIT_WINDOW_MS = 9_000;

/** Milliseconds. Not `performance.now()`, whose first use loads a dozen modules of Node's. */
const sinceSpawn = () => process.uptime() * 1000;

/** Between the first `load` that failed and the second and last. */
const LOAD_RETRY_DELAY_MS = 500;

/** A model that is constructed and loaded. */
export interface ReadyModel {
  readonly instance: Model;
  readonly run: Run;
}

export interface ColdStart {
  /** As config.yaml has it. */
  readonly modelName: string;
  /** Settles when the init phase may end: loaded, or out of time. Rejects when loading failed within it. */
  readonly initialised: Promise<unknown>;
  /** The model, once it is loaded. */
  readonly model: ReadyModel | undefined;
  /** What callers are told of the last load, when it failed: why it did is the operator's to know. */
  readonly failure: ColdframeError | undefined;
  /** The model, without waiting. @throws MODEL_NOT_READY, MODEL_LOAD_FAILED */
  now(): ReadyModel;
  /**
   * Wait for the model as long as the invocation lasts. A load that failed after init is tried again.
   * @throws MODEL_NOT_READY when the invocation ended first, MODEL_LOAD_FAILED
   */
  wait(cancellation: Cancellation): Promise<ReadyModel>;
}

/** Begin loading at once. */
export function beginColdStart(deployment: Deployment, artifact: Artifact): ColdStart {
  let model: ReadyModel | undefined;
  let failure: ColdframeError | undefined;
  let loading = begin();

  async function begin(): Promise<void> {
    failure = undefined;
    try {
      model = await load(deployment, artifact);
    } catch (cause) {
      failure = new ColdframeError("MODEL_LOAD_FAILED", "the model did not load; the log has the reason.", {
        cause,
      });
      throw cause;
    }
  }

  function now(): ReadyModel {
    if (model) return model;
    throw failure ?? new ColdframeError("MODEL_NOT_READY", "still loading; try again shortly.");
  }

  return {
    modelName: deployment.settings.modelName,
    initialised: Promise.race([loading, initWindow()]),
    get model() {
      return model;
    },
    get failure() {
      return failure;
    },
    now,
    async wait(cancellation) {
      if (failure) loading = begin();
      if (!model) await cancellation.race(loading).catch(() => {});
      return now();
    },
  };
}

// Only on-demand Lambda has this limit: provisioned concurrency and managed instances may take their time.
function initWindow(): Promise<void> {
  const windowMs = Number(process.env["COLDFRAME_INIT_WINDOW_MS"] ?? INIT_WINDOW_MS);
  return new Promise((resolve) => {
    if (process.env["AWS_LAMBDA_INITIALIZATION_TYPE"] !== "on-demand") return;
    setTimeout(resolve, Math.max(0, windowMs - sinceSpawn())).unref();
  });
}

async function load(deployment: Deployment, artifact: Artifact): Promise<ReadyModel> {
  const { settings, modelFile } = deployment;
  const { codeCache, data } = artifact;
  // From the spawn of the process to here: Node's own start, the runtime client, and the bundle.
  const phases: Record<string, number> = { boot: round(sinceSpawn()) };
  const began: Record<string, number> = { boot: 0 };
  // An author's error is told with where it happened; ours says so itself. Phases may overlap.
  function phase<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    const from = (began[name] = sinceSpawn());
    const running = (async () => run())()
      .catch((cause) => {
        if (cause instanceof ColdframeError) throw cause;
        throw new ColdframeError("MODEL_LOAD_FAILED", `${modelFile}: ${name}() failed: ${cause}`, { cause });
      })
      .finally(() => {
        phases[name] = round(sinceSpawn() - from);
      });
    // What fails while another phase is awaited is thrown when its own turn comes.
    running.catch(() => {});
    return running;
  }

  const reading = phase("secrets", () => deployment.readSecrets(settings.secrets));
  const secret = async (name: string) => (await reading)[name];
  const { begin } = data;
  const fetching = begin && phase("weights", () => begin(secret, ColdframeError));
  const [secrets, module] = await Promise.all([reading, phase("import", deployment.importModel)]);
  const Model = (module[settings.className] ?? module["default"]) as ModelClass;
  const environment = process.env["COLDFRAME_ENVIRONMENT"] || undefined;
  // A copy, frozen to the bottom.
  const config = JSON.parse(JSON.stringify(deployment.config), (_key, value) => Object.freeze(value));
  const context = { config, dataDir: data.path, weights: data, secrets, environment };
  const instance = await phase("construct", () => new Model(context));
  checkInstance(instance, modelFile);
  if (environment) await phase("setup_environment", () => instance.setupEnvironment?.(environment));
  const fetched = await fetching;
  if (instance.load) await phase("load", () => loadInTime(instance, context, deployment, artifact));
  const total_ms = round(sinceSpawn());
  const facts = { phases, total_ms, weights: fetched, code_cache: codeCache, environment };
  writeLog("info", "cold start", facts, deployment.observer?.coldStart?.({ ...facts, began }));
  return { instance, run: createRun(instance, Model, settings, deployment.batching) };
}

async function loadInTime(
  instance: Model,
  context: ModelContext,
  { settings, modelFile }: Deployment,
  artifact: Artifact,
): Promise<void> {
  const { loadTimeoutMs } = settings;
  const time = new Cancellation(
    Date.now() + loadTimeoutMs,
    () =>
      new ColdframeError(
        "LOAD_TIMEOUT",
        `${modelFile}: load() took more than ${loadTimeoutMs / 1000} s: raise runtime.load_timeout_seconds.`,
      ),
  );
  const attempt = async () => instance.load?.(context);
  const retry = async (error: unknown) => {
    // Given up: another instance may be loading by now.
    if (time.reason) return;
    artifact.late().logAnything("warn", "load() failed; trying again", { error });
    await new Promise((resolve) => setTimeout(resolve, LOAD_RETRY_DELAY_MS));
    await attempt();
  };
  await time.race(attempt().catch(retry)).finally(() => time.end());
}

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
