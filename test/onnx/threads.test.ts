// How many threads a session gets: whole CPUs, by a function's memory or by the machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import { threadCount } from "../../adapter/onnx/threads.ts";

const onLambda = (memory: string, cpus: number) =>
  threadCount({ AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memory }, cpus);

test("one for each 1,769 MB of a function's memory, rounded down", () => {
  // Lambda shows two CPUs from 128 MB on.
  assert.equal(onLambda("128", 2), 1);
  assert.equal(onLambda("1769", 2), 1);
  assert.equal(onLambda("3008", 2), 1);
  assert.equal(onLambda("3538", 3), 2);
  assert.equal(onLambda("10240", 6), 5);
});

test("never more than there are CPUs", () => {
  assert.equal(onLambda("10240", 4), 4);
});

test("elsewhere, all the CPUs that the process may use", () => {
  assert.equal(threadCount({}, 8), 8);
  assert.equal(threadCount({ AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "" }, 8), 8);
  assert.ok(threadCount({}) >= 1);
});
