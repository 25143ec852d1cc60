// Opens an ONNX model as a function on Lambda or a GPU container needs it: from a path, on the device that was asked for,
// with as many threads as there are CPUs. All else is onnxruntime-node's own, and is passed on to it.

import { basename } from "node:path";
import { env, InferenceSession } from "./onnxruntime.ts";
import { ColdframeError } from "../runtime/errors.ts";
import { writeLog } from "../runtime/log.ts";
import {
  checkProviders,
  cudaFailure,
  cudaIsLoaded,
  cudaObstacle,
  type Device,
  isDeviceFailure,
} from "./device.ts";
import { loadFailure, modelSize } from "./load-failure.ts";
import { threadCount } from "./threads.ts";
import { warmUp } from "./warm-up.ts";

export interface SessionOptions extends InferenceSession.SessionOptions {
  /**
   * `auto`, the default: CUDA where a GPU, its driver and onnxruntime's CUDA library are, the CPU elsewhere. `cuda` never
   * falls back to the CPU. Not together with `executionProviders`.
   */
  readonly device?: "auto" | Device;
  /** Run once before the session is returned: with zeros, 1 for every open dimension, or with these inputs. */
  readonly warmUp?: boolean | InferenceSession.FeedsType;
  /**
   * `false` leaves the weights as they are in the file instead of copying them into the layout of the CPU's kernels.
   * With external data (`coldframe build --optimize-onnx`) nothing is read then until it is used, and nothing copied:
   * a transformer of BERT-base's size in float32 opens in 60 ms instead of 300 ms. Every call pays for it: 90 % more time
   * for 8 tokens, 30 % for 32, 10 % for 128, nothing for one row; 4-bit weights (MatMulNBits) become 50 times slower. It
   * is worth it where an environment answers fewer than about 15 calls.
   */
  readonly prepacking?: boolean;
}

/** onnxruntime's session, and where it runs; undefined when `executionProviders` decided. */
export type Session = InferenceSession & { readonly device: Device | undefined };

/**
 * Open the model at a path. External data is found beside it. As everything of onnxruntime-node, this and `run` keep
 * the thread busy until they are done.
 * @throws WEIGHTS_NOT_FOUND, WEIGHTS_CORRUPT, WEIGHTS_INVALID, DEVICE_UNAVAILABLE, MODEL_INVALID
 */
export async function createSession(path: string, options: SessionOptions = {}): Promise<Session> {
  if (typeof path !== "string") throw noPath(path);
  const bytes = modelSize(path);
  const { warmUp: feeds = false, ...rest } = options;
  const started = performance.now();
  const session = await open(path, rest);
  const opened = performance.now();
  if (feeds !== false) await warmUp(session, feeds);
  writeLog("debug", "onnx session", {
    file: basename(path),
    bytes,
    device: session.device,
    create_ms: Math.round(opened - started),
    ...(feeds !== false && { warm_up_ms: Math.round(performance.now() - opened) }),
  });
  return session;
}

type OpenOptions = Omit<SessionOptions, "warmUp">;

async function open(path: string, { device = "auto", prepacking, ...own }: OpenOptions): Promise<Session> {
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: threadCount(),
    interOpNumThreads: 1,
    ...own,
    ...(prepacking === false && { extra: withoutPrepacking(own.extra) }),
  };
  if (own.executionProviders !== undefined) {
    if (device !== "auto") throw deviceTwice(device);
    checkProviders(own.executionProviders.map((it) => (typeof it === "string" ? it : it.name)));
    return Object.assign(await load(path, options), { device: undefined });
  }
  if (device !== "cpu") {
    const session = await onCuda(path, options, device === "cuda");
    if (session !== undefined) return Object.assign(session, { device: "cuda" as const });
  }
  return Object.assign(await load(path, { ...options, executionProviders: ["cpu"] }), {
    device: "cpu" as const,
  });
}

/** @returns undefined when there is no CUDA and nobody insists on it */
async function onCuda(
  path: string,
  options: InferenceSession.SessionOptions,
  insist: boolean,
): Promise<InferenceSession | undefined> {
  const obstacle = cudaObstacle();
  if (obstacle !== undefined) {
    if (insist) {
      const message = `device "cuda" was asked for: ${obstacle.reason}.`;
      throw new ColdframeError("DEVICE_UNAVAILABLE", message, { fix: obstacle.fix });
    }
    if (obstacle.gpu) writeLog("warn", "the GPU is not used", { reason: obstacle.reason, fix: obstacle.fix });
    return undefined;
  }
  try {
    // Alone: onnxruntime puts the CPU behind it for what CUDA has no kernel for.
    const session = await load(path, { ...options, executionProviders: ["cuda"] });
    if (cudaIsLoaded()) return session;
    await session.release();
    throw cudaFailure("onnxruntime made a session without it");
  } catch (error) {
    if (insist || !(error instanceof ColdframeError) || error.code !== "DEVICE_UNAVAILABLE") throw error;
    writeLog("warn", "the GPU is not used", { reason: error.message, fix: error.fix });
    return undefined;
  }
}

async function load(path: string, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, options);
  } catch (error) {
    if (isDeviceFailure(error)) throw cudaFailure(error);
    if (error instanceof TypeError || error instanceof RangeError) throw badOption(error);
    throw loadFailure(path, error);
  }
}

function withoutPrepacking(extra: Record<string, unknown> = {}): Record<string, unknown> {
  const session = extra["session"] as Record<string, unknown> | undefined;
  return { ...extra, session: { ...session, disable_prepacking: "1" } };
}

function noPath(given: unknown): ColdframeError {
  const bytes = ArrayBuffer.isView(given) || given instanceof ArrayBuffer;
  const message = bytes
    ? `createSession takes the model's path; it was given its bytes, which onnxruntime ${env.versions.node} would copy: twice the memory, and half as long again to open.`
    : `createSession takes the model's path as a string; it was given ${given === null ? "null" : typeof given}.`;
  return new ColdframeError("MODEL_INVALID", message, {
    fix: 'Write createSession(join(dataDir, "model.onnx")).',
  });
}

/** Only for options does onnxruntime-node throw these two. */
function badOption(cause: Error): ColdframeError {
  return new ColdframeError("MODEL_INVALID", `createSession: ${cause.message}`, { cause });
}

function deviceTwice(device: Device): ColdframeError {
  return new ColdframeError("MODEL_INVALID", `device: "${device}" and executionProviders were both given.`, {
    fix: "Leave one of them out.",
  });
}
