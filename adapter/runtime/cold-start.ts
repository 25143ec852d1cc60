// What happens once before the first answer: secrets, the model's module, constructor, setupEnvironment, load. Starts
// at the first instruction of the artifact. When Lambda's init phase is about to run out, init ends and the same
// promise goes on in the first invocation; Lambda would otherwise kill the process and start from zero.

import type { Cancellation } from "./call.ts";
import type { Artifact, Deployment } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { writeLog } from "./log.ts";
import { checkInstance, findModelClass } from "./model-class.ts";
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
   * Wait for the model as long as the invocation lasts. A load that failed after init is tried again by the next wait.
   * @throws MODEL_NOT_READY when the invocation ended first, MODEL_LOAD_FAILED and other init errors
   */
  wait(cancellation: Cancellation): Promise<ReadyModel>;
  /** Fail the init phase from outside, with an error nobody awaited. */
  fail(error: unknown): void;
}

/** Begin loading at once. */
export function beginColdStart(deployment: Deployment, artifact: Artifact): ColdStart {
  let state: ColdStart["state"] = "loading";
  let model: ReadyModel | undefined;
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });

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
    wait(cancellation) {
      if (state === "failed") loading = start();
      return new Promise((resolve, reject) => {
        cancellation.onCancel(() => reject(notReady()));
        loading.then(resolve, (cause: ColdframeError) => reject(withoutReason(cause)));
      });
    },
    fail,
  };
}

/** What a caller gets while the model is loading. */
export function notReady(): ColdframeError {
  return new ColdframeError("MODEL_NOT_READY", "the model is still loading.", { fix: "Try again shortly." });
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
  // An author's error, with where it happened; ours says so itself.
  const step = async <T>(what: string, run: () => T | Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (cause) {
      if (cause instanceof ColdframeError) throw cause;
      throw new ColdframeError("MODEL_LOAD_FAILED", `${modelFile}: ${what} failed: ${cause}`, { cause });
    }
  };
  // Begun before the secrets are read, and never an unhandled rejection when those are missing.
  const importing = step("import", deployment.importModel);
  importing.catch(() => {});
  const secrets = readSecrets(settings.secrets);
  clock.lap("secrets");
  const Model = findModelClass(await importing, deployment);
  clock.lap("import");

  const environment = process.env["COLDFRAME_ENVIRONMENT"] || undefined;
  const context = {
    config: deepFreeze(deployment.config),
    dataDir: `${artifact.folder}/data`,
    secrets,
    environment,
  };
  const instance = await step("the constructor", () => new Model(context));
  checkInstance(instance, modelFile);
  clock.lap("construct");
  if (environment && instance.setupEnvironment) {
    await step("setupEnvironment()", () => instance.setupEnvironment?.(environment));
    clock.lap("setup_environment");
  }
  if (instance.load) {
    await within(settings.loadTimeoutMs, modelFile, async (isLate) => {
      try {
        await instance.load?.();
      } catch (error) {
        // Given up: another instance may be loading by now.
        if (isLate()) return;
        writeLog("warn", "load() failed; trying once more", { error });
        await new Promise((resolve) => setTimeout(resolve, LOAD_RETRY_DELAY_MS));
        await step("load()", () => instance.load?.());
      }
    });
    clock.lap("load");
  }
  clock.report({ code_cache: artifact.codeCache, environment });
  const loaded: LoadedModel = { instance, input: Model.input, output: Model.output };
  return { ...loaded, predict: createPredict(loaded, settings) };
}

async function within(
  timeoutMs: number,
  modelFile: string,
  run: (isLate: () => boolean) => Promise<void>,
): Promise<void> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      late = true;
      const message = `${modelFile}: load() took more than ${timeoutMs / 1000} s.`;
      reject(new ColdframeError("LOAD_TIMEOUT", message, { fix: "Raise `runtime.load_timeout_seconds`." }));
    }, timeoutMs);
  });
  try {
    await Promise.race([run(() => late), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

// A caller learns that loading failed; why it did is the operator's to know.
function withoutReason(cause: ColdframeError): ColdframeError {
  return new ColdframeError(cause.code, "the model could not be loaded; the log has the reason.", { cause });
}

function phaseClock() {
  const round = (milliseconds: number) => Math.round(milliseconds * 10) / 10;
  let last = performance.now();
  // From the spawn of the process to here: Node's own start, the runtime client, and the bundle.
  const phases: Record<string, number> = { boot: round(last) };
  return {
    lap(phase: string) {
      phases[phase] = round(-last + (last = performance.now()));
    },
    report(fields: Record<string, unknown>) {
      writeLog("info", "cold start", { phases, total_ms: round(performance.now()), ...fields });
    },
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
