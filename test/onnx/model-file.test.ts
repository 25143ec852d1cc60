// Reading an .onnx file without onnxruntime: what it says of itself, and that no file makes it fail in another way.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readModelFile, tensorsOf, withModelFile } from "../../adapter/onnx/model-file.ts";
import { ByteFile, fields, MalformedMessage } from "../../adapter/onnx/protobuf.ts";
import { makeFolder } from "../build/_project.ts";
import { makeModel, matMul, modelBytes, weights } from "./_model.ts";

const folder = makeFolder();

function fileOf(bytes: Uint8Array, name = "bytes"): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

const readAll = (path: string) =>
  withModelFile(path, (file) => {
    const model = readModelFile(file);
    return { ...model, tensors: model.graph === undefined ? [] : [...tensorsOf(file, model.graph)] };
  });

test("versions, metadata and tensors", () => {
  const external = { location: "w.bin", offset: 4096, length: 64 };
  const model = readAll(
    makeModel(matMul(4, { opset: 21, irVersion: 9, metadata: { author: "Ada", "": "" }, external })),
  );
  assert.equal(model.irVersion, 9);
  assert.deepEqual([...model.opsets], [["", 21]]);
  assert.deepEqual(
    [...model.metadata],
    [
      ["author", "Ada"],
      ["", ""],
    ],
  );
  assert.deepEqual(model.tensors, [{ name: "w", type: 1, dims: [4, 4], raw: undefined, external }]);
});

test("the values of a tensor are where they are said to be, raw or packed", () => {
  for (const packed of [false, true]) {
    const path = makeModel(matMul(4, { packed }));
    const [tensor] = readAll(path).tensors;
    assert.ok(tensor?.raw);
    const { raw } = tensor;
    const bytes = withModelFile(path, (file) => file.bytes(raw));
    assert.deepEqual(new Float32Array(new Uint8Array(bytes).buffer), weights(16));
  }
});

test("numbers of 64 bits, negative ones, and what lies across a window of the reader", () => {
  const large = Buffer.from("08ffffffffffffffff7f", "hex");
  const negative = Buffer.from("08ffffffffffffffffff01", "hex");
  const filler = Buffer.concat([Buffer.from([0x12, 0xfd, 0xff, 0x03]), Buffer.alloc(65_533)]);
  const file = new ByteFile(fileOf(Buffer.concat([filler, large, negative])));
  const values = [...fields(file, file.whole())].map(({ value }) => value);
  file.close();
  assert.deepEqual(values, [0, 2 ** 63, -1]);
});

test("no beginning of a model is taken for a whole one, and none is anything but malformed", () => {
  const whole = modelBytes({ ...matMul(4), metadata: { a: "b" } });
  for (let length = 1; length < whole.length; length++) {
    const path = fileOf(whole.subarray(0, length), "cut");
    let told: string;
    try {
      const { graph, tensors, opsets } = readAll(path);
      told = graph === undefined ? "no graph" : `${tensors.length} tensors, ${opsets.size} opsets`;
    } catch (error) {
      assert.ok(error instanceof MalformedMessage, `${length}: ${error}`);
      told = error.cutOff ? "cut off" : "malformed";
    }
    assert.notEqual(told, "malformed", `${length} bytes of a model are cut off`);
  }
});

test("bytes that are no message are said to be that", () => {
  for (const text of ["<!doctype html>", "PK\u0003\u0004 a zip", "\u0000\u0000\u0000\u0000", "{}"]) {
    assert.throws(() => readAll(fileOf(Buffer.from(text), "other")), MalformedMessage, text);
  }
});
