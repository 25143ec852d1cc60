import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeJson } from "../../adapter/runtime/json.ts";

const round = (value: unknown): unknown => JSON.parse(encodeJson(value));

test("what JSON has no word for becomes null, never invalid JSON", () => {
  assert.deepEqual(round({ a: NaN, b: [Infinity, -Infinity], c: undefined }), { a: null, b: [null, null] });
  assert.equal(encodeJson(undefined), "null");
  assert.equal(
    encodeJson(() => 1),
    "null",
  );
  assert.equal(encodeJson(NaN), "null");
  assert.equal(encodeJson(-0), "0");
});

test("typed arrays are arrays of numbers, at any depth", () => {
  assert.deepEqual(round(new Float32Array([0.5, 1])), [0.5, 1]);
  assert.deepEqual(round({ data: [{ embedding: new Float64Array([0.25]) }] }), {
    data: [{ embedding: [0.25] }],
  });
  assert.deepEqual(round({ ids: new BigInt64Array([1n, -2n]) }), { ids: [1, -2] });
  assert.deepEqual(round({ mask: new Uint8ClampedArray([300, 1]) }), { mask: [255, 1] });
  assert.deepEqual(round({ x: new Float32Array([NaN, 1]) }), { x: [null, 1] });
});

test("bytes are base64, and a view is only its own part of the buffer", () => {
  const whole = Uint8Array.from([9, 0, 255, 128, 9]);
  assert.deepEqual(round({ audio: whole.subarray(1, 4) }), { audio: "AP+A" });
  assert.deepEqual(round({ audio: Buffer.from([0, 255, 128]) }), { audio: "AP+A" });
  assert.deepEqual(round({ audio: Uint8Array.from([0, 255, 128]).buffer }), { audio: "AP+A" });
  assert.deepEqual(round({ audio: new DataView(whole.buffer, 1, 3) }), { audio: "AP+A" });
  assert.equal(encodeJson(Uint8Array.from([0, 255, 128])), '"AP+A"');
});

test("a value's own toJSON is heard, and bytes that it returns are base64 too", () => {
  class Picture {
    toJSON() {
      return { pixels: Uint8Array.from([0, 255, 128]) };
    }
  }
  assert.deepEqual(round({ at: new Date(0) }), { at: "1970-01-01T00:00:00.000Z" });
  assert.deepEqual(round([new Picture(), new Float32Array([1])]), [{ pixels: "AP+A" }, [1]]);
  assert.deepEqual(round([new Picture()]), [{ pixels: "AP+A" }]);
});

test("what JSON cannot hold is OUTPUT_INVALID with the reason", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  for (const value of [
    cycle,
    { n: 1n },
    {
      toJSON() {
        throw new Error("no");
      },
    },
  ]) {
    assert.throws(() => encodeJson(value), { name: "OUTPUT_INVALID", message: /JSON cannot hold/ });
  }
});

// Every path of such a graph once is 2^100 of them: before, the process hung.
test("a tree whose nodes know their parents is refused at once", () => {
  type Node = { children: Node[]; parent: Node | undefined; twin: Node | undefined };
  const node = (parent?: Node): Node => ({ children: [], parent, twin: parent });
  const root = node();
  for (let i = 0; i < 5; i++) root.children.push(node(root));
  assert.throws(() => encodeJson(root), { name: "OUTPUT_INVALID", message: /circular/i });
});

test("the same part twice is no cycle", () => {
  const shared = { v: new Float32Array([1]) };
  assert.deepEqual(round({ a: shared, b: [shared, shared] }), { a: { v: [1] }, b: [{ v: [1] }, { v: [1] }] });
});

test("a deep value with bytes at its end is written", () => {
  let deep: unknown = Uint8Array.from([1]);
  for (let i = 0; i < 500; i++) deep = [deep];
  assert.match(encodeJson(deep), /^\[{500}"AQ=="\]{500}$/);
});
