// Why a session does not run on CUDA, from what a machine has: each missing part is named, with the way to get it.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkProviders,
  cudaFailure,
  cudaIsLoaded,
  cudaObstacle,
  isDeviceFailure,
  type Machine,
  thisMachine,
} from "../../adapter/onnx/device.ts";
import { refusal } from "../build/_project.ts";

const FOLDER = "/model/node_modules/onnxruntime-node/bin/napi-v6/linux/x64";

/** A machine that has everything. */
const gpu: Machine = {
  providers: () => ["cpu", "webgpu", "cuda", "tensorrt"],
  libraries: () => [`${FOLDER}/onnxruntime_binding.node`, `${FOLDER}/libonnxruntime.so.1`],
  exists: () => true,
  open: () => undefined,
};

test("nothing is in the way of a machine that has it all", () => {
  assert.equal(cudaObstacle(gpu), undefined);
});

test("onnxruntime-node without CUDA, as that for ARM", () => {
  const obstacle = cudaObstacle({ ...gpu, providers: () => ["cpu"] });
  assert.match(obstacle?.reason ?? "", /^onnxruntime-node has no CUDA for /);
});

test("its CUDA library was not installed: the folder and the command are named, and whether there is a GPU", () => {
  const bare = { ...gpu, exists: (path: string) => !path.startsWith(FOLDER) };
  const obstacle = cudaObstacle(bare);
  assert.equal(obstacle?.reason, `libonnxruntime_providers_cuda.so is not in ${FOLDER}`);
  assert.match(obstacle?.fix ?? "", /--onnxruntime-node-install=cuda12/);
  assert.equal(obstacle?.gpu, true);
  assert.equal(cudaObstacle({ ...bare, exists: () => false })?.gpu, false);
});

test("no driver: the loader's own words", () => {
  const words = "libcuda.so.1: cannot open shared object file: No such file or directory";
  const obstacle = cudaObstacle({
    ...gpu,
    open: (library) => (library === "libcuda.so.1" ? words : undefined),
  });
  assert.equal(obstacle?.reason, `NVIDIA's driver cannot be loaded (${words})`);
  assert.match(obstacle?.fix ?? "", /--gpus all/);
});

test("CUDA's own libraries missing: onnxruntime says only that it failed, the loader says what", () => {
  const cause = new Error("OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library");
  assert.ok(isDeviceFailure(cause));
  const words = "libcublasLt.so.12: cannot open shared object file: No such file or directory";
  const error = cudaFailure(cause, { ...gpu, open: () => words });
  assert.equal(error.code, "DEVICE_UNAVAILABLE");
  assert.equal(error.message, `CUDA cannot be used: ${words}.`);
  assert.match(error.fix ?? "", /CUDA 12 and cuDNN 9/);
  assert.equal(error.cause, cause);
});

test("a GPU that is too small is told as that", () => {
  const cause = new Error("CUDA failure 2: out of memory ; GPU=0 ; hostname=x\nmore");
  const error = cudaFailure(cause, gpu);
  assert.equal(error.message, "CUDA cannot be used: CUDA failure 2: out of memory ; GPU=0 ; hostname=x.");
  assert.match(error.fix ?? "", /more memory/);
});

test("an error of the model is none of the device", () => {
  assert.equal(isDeviceFailure(new Error("Load model from x failed:Protobuf parsing failed.")), false);
});

test("a session on CUDA has its library in the process", () => {
  assert.equal(cudaIsLoaded(gpu), false);
  const loaded = [...gpu.libraries(), `${FOLDER}/libonnxruntime_providers_cuda.so`];
  assert.equal(cudaIsLoaded({ ...gpu, libraries: () => loaded }), true);
});

test("a provider that onnxruntime would drop with a warning is refused", async () => {
  const error = await refusal(() => checkProviders(["cuda", "cuad", "cpu"], gpu));
  assert.equal(error.code, "DEVICE_UNAVAILABLE");
  assert.match(error.message, /has no "cuad" here/);
  assert.equal(error.fix, "It has cpu, webgpu, cuda, tensorrt.");
  checkProviders(["cuda", "cpu"], gpu);
});

test("this machine: libraries are found in the process, and tried by loading them", {
  skip: process.platform !== "linux" && "only Linux lists them",
}, () => {
  assert.ok(thisMachine.providers().includes("cpu"));
  assert.ok(thisMachine.libraries().some((path) => path.endsWith("/onnxruntime_binding.node")));
  assert.equal(thisMachine.open("libm.so.6"), undefined);
  assert.match(
    thisMachine.open("libnothing.so.7") ?? "",
    /^libnothing\.so\.7: cannot open shared object file/,
  );
});
