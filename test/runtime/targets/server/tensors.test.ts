// Tensors of any kind and shape: what is one survives both ways of writing it, and what is none is refused as the
// caller's or the model's mistake, never as ours.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ColdframeError } from "../../../../adapter/runtime/errors.ts";
import { readRequest } from "../../../../adapter/runtime/targets/server/tensor-input.ts";
import { bytesOf, jsonData, toTensors } from "../../../../adapter/runtime/targets/server/tensor-output.ts";
import { lengthOf } from "../../../../adapter/runtime/targets/server/tensor-types.ts";

const shape = fc.array(fc.nat(4), { maxLength: 3 });

/** The elements that a datatype has, as JSON writes them. */
const ELEMENTS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  UINT8: fc.nat(255),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  UINT32: fc.nat(4_294_967_295),
  INT64: fc.maxSafeInteger(),
  FP32: fc.float({ noNaN: true, noDefaultInfinity: true }),
  FP64: fc.double({ noNaN: true, noDefaultInfinity: true }),
  BYTES: fc.string({ unit: "grapheme" }),
};

const tensor = shape.chain((extents) =>
  fc.constantFrom(...Object.keys(ELEMENTS)).chain((datatype) => {
    const count = lengthOf(extents);
    const data = fc.array(ELEMENTS[datatype] as fc.Arbitrary<unknown>, {
      minLength: count,
      maxLength: count,
    });
    return data.map((list) => ({ name: "x", shape: extents, datatype, data: list }));
  }),
);

const read = (request: unknown) => readRequest(Buffer.from(JSON.stringify(request)), undefined);

test("a tensor survives JSON and bytes", () => {
  fc.assert(
    fc.property(tensor, (sent) => {
      const [given] = toTensors(read({ inputs: [sent] }).inputs);
      assert.ok(given);
      assert.deepEqual(given.shape, sent.shape);
      if (sent.data.length > 0) assert.equal(given.datatype, sent.datatype);
      // JSON has no negative zero.
      assert.deepEqual(JSON.parse(JSON.stringify(jsonData(given))), JSON.parse(JSON.stringify(sent.data)));

      const bytes = bytesOf({ ...given, datatype: sent.datatype });
      const { data: _data, ...rest } = { ...sent, parameters: { binary_data_size: bytes.length } };
      const json = Buffer.from(JSON.stringify({ inputs: [rest] }));
      const again = readRequest(Buffer.concat([json, bytes]), `${json.length}`);
      assert.deepEqual(again.inputs, read({ inputs: [sent] }).inputs);
    }),
  );
});

/** Runs what may be refused with this code, and with nothing else. */
function orRefused(code: string, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ColdframeError, `${error}`);
    assert.equal(error.code, code);
  }
}

test("whatever a caller sends is read, or refused as invalid", () => {
  const name = fc.constantFrom("x", "y", "", "__proto__", 1);
  const extents = fc.oneof(shape, fc.anything());
  const datatype = fc.constantFrom("FP32", "BYTES", "BOOL", "INT64", "FP8", "__proto__", null);
  const parameters = fc.oneof(fc.record({ binary_data_size: fc.integer() }), fc.anything());
  const data = fc.oneof(fc.array(fc.oneof(fc.integer(), fc.string(), fc.array(fc.double()))), fc.anything());
  const input = fc.record({ name, shape: extents, datatype, data, parameters }, { requiredKeys: [] });
  const request = fc.oneof(
    fc.record({ inputs: fc.array(fc.oneof(input, fc.anything())) }),
    fc.json().map(JSON.parse as never),
  );
  const length = fc.option(fc.oneof(fc.nat(300).map(String), fc.string()), { nil: undefined });
  const writable = (value: unknown) => {
    try {
      return JSON.stringify(value, (_key, part) => (typeof part === "bigint" ? `${part}` : part)) ?? "";
    } catch {
      return "{}";
    }
  };
  fc.assert(
    fc.property(request, fc.uint8Array(), length, (value, tail, headerLength) => {
      const body = Buffer.concat([Buffer.from(writable(value)), tail]);
      orRefused("INPUT_INVALID", () => readRequest(body, headerLength));
    }),
  );
});

test("whatever a model gives leaves as tensors that are whole, or is refused as the model's mistake", () => {
  fc.assert(
    fc.property(fc.oneof(fc.object(), fc.anything({ withTypedArray: true, withBigInt: true })), (value) => {
      orRefused("OUTPUT_INVALID", () => {
        for (const given of toTensors(value)) {
          assert.equal(given.data.length, lengthOf(given.shape));
          orRefused("OUTPUT_INVALID", () => assert.equal(jsonData(given).length, given.data.length));
          bytesOf(given);
        }
      });
    }),
  );
});

test("a list that holds itself is refused", () => {
  const list: unknown[] = [];
  list.push(list);
  assert.throws(() => toTensors({ list }), { code: "OUTPUT_INVALID" });
});
