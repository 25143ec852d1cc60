// Decides whether a session runs on CUDA, and why it cannot. onnxruntime drops a provider it does not know with no more
// than a warning, so what it needs is looked for: the build's list of providers, its CUDA library, NVIDIA's driver.

import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { listSupportedBackends } from "./onnxruntime.ts";
import { ColdframeError } from "../runtime/errors.ts";

export type Device = "cpu" | "cuda";

const ADDON = "onnxruntime_binding.node";
const CUDA_LIBRARY = "libonnxruntime_providers_cuda.so";
const DRIVER = "libcuda.so.1";
/** One of them is there when the kernel's half of NVIDIA's driver is; the second is that of WSL. */
const GPU_FILES = ["/dev/nvidiactl", "/dev/dxg"];

/** What of this process and its machine decides. Tests bring their own. */
export interface Machine {
  /** Names of the providers that onnxruntime-node was compiled for. */
  providers(): readonly string[];
  /** Absolute paths of the shared libraries and addons in this process; none where the system does not tell. */
  libraries(): readonly string[];
  exists(path: string): boolean;
  /** Load a shared library as onnxruntime would. @returns why that failed */
  open(library: string): string | undefined;
}

/** The real one. */
export const thisMachine: Machine = {
  providers: () => listSupportedBackends().map(({ name }) => name),
  libraries: mappedLibraries,
  exists: existsSync,
  open: openLibrary,
};

/** Why CUDA cannot be used, and what to do about it; undefined when everything is there. */
export interface Obstacle {
  readonly reason: string;
  readonly fix: string;
  /** There is a GPU, so that somebody may have meant to use it. */
  readonly gpu: boolean;
}

/** @returns undefined when all that CUDA needs is there */
export function cudaObstacle(machine: Machine = thisMachine): Obstacle | undefined {
  if (!machine.providers().includes("cuda")) {
    return {
      reason: `onnxruntime-node has no CUDA for ${process.platform} on ${process.arch}`,
      fix: "Run it on Linux on x86_64.",
      gpu: false,
    };
  }
  const addon = machine.libraries().find((path) => path.endsWith(ADDON));
  if (addon !== undefined && !machine.exists(join(dirname(addon), CUDA_LIBRARY))) {
    return {
      reason: `${CUDA_LIBRARY} is not in ${dirname(addon)}`,
      fix: "Install onnxruntime-node with `npm install --onnxruntime-node-install=cuda12`, which fetches it from NuGet, with its install script allowed.",
      gpu: GPU_FILES.some((path) => machine.exists(path)),
    };
  }
  const driver = machine.open(DRIVER);
  if (driver === undefined) return undefined;
  return {
    reason: `NVIDIA's driver cannot be loaded (${driver})`,
    fix: "Run it on a machine with an NVIDIA GPU; a container sees its GPUs with `docker run --gpus all`.",
    gpu: false,
  };
}

/**
 * Why a session with CUDA could not be made although nothing seemed to be missing.
 * @param cause what onnxruntime threw; its own reason is only in its log
 */
export function cudaFailure(cause: unknown, machine: Machine = thisMachine): ColdframeError {
  const addon = machine.libraries().find((path) => path.endsWith(ADDON)) ?? "";
  const library = join(dirname(addon), CUDA_LIBRARY);
  const loading = machine.open(library);
  const message = cause instanceof Error ? cause.message : String(cause);
  const fix = /out of memory/i.test(message)
    ? "Take a GPU with more memory, or a smaller model."
    : "onnxruntime's CUDA library needs CUDA 12 and cuDNN 9; take an image that has both, such as a cudnn-runtime of nvidia/cuda.";
  return new ColdframeError("DEVICE_UNAVAILABLE", `CUDA cannot be used: ${loading ?? firstLine(message)}.`, {
    fix,
    cause,
  });
}

/** Whether an error of onnxruntime is about the device and not about the model. */
export function isDeviceFailure(error: unknown): boolean {
  return (
    error instanceof Error &&
    /ExecutionProvider_Cuda|CUDA failure|CUDNN|CUBLAS|providers_cuda/i.test(error.message)
  );
}

/** Whether CUDA's part of onnxruntime is in this process: the one proof that a session did not fall back. */
export function cudaIsLoaded(machine: Machine = thisMachine): boolean {
  const libraries = machine.libraries();
  return libraries.length === 0 || libraries.some((path) => path.endsWith(CUDA_LIBRARY));
}

/** @throws DEVICE_UNAVAILABLE for a provider that onnxruntime would leave out without an error */
export function checkProviders(wanted: readonly string[], machine: Machine = thisMachine): void {
  const known = machine.providers();
  for (const name of wanted) {
    if (known.includes(name)) continue;
    const message = `executionProviders: onnxruntime-node has no "${name}" here.`;
    throw new ColdframeError("DEVICE_UNAVAILABLE", message, { fix: `It has ${known.join(", ")}.` });
  }
}

function mappedLibraries(): string[] {
  if (process.platform !== "linux") return [];
  const paths = readFileSync("/proc/self/maps", "utf8").match(/\/.*\.(so|node)\b.*$/gm);
  return [...new Set(paths)];
}

function openLibrary(library: string): string | undefined {
  try {
    // Only addons can be used this way. Any other library is loaded, found to be none, and let go.
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY);
    return undefined;
  } catch (error) {
    const message = firstLine((error as Error).message);
    return message.startsWith("Module did not self-register") ? undefined : message;
  }
}

function firstLine(message: string): string {
  return (message.split("\n")[0] as string).replace(/\.$/, "");
}
