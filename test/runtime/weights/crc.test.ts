import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import {
  allocateSlabs,
  CRC_CODE,
  extendCrc,
  type WideCrc,
} from "../../../adapter/runtime/weights/files/crc.ts";
import {
  combineCrc,
  concatenateCrcs,
  crcCombiner,
} from "../../../adapter/runtime/weights/files/crc-combine.ts";
import { createChecksum } from "../../../adapter/runtime/weights/files/checksum.ts";

const FOLDER = new URL("../../../adapter/runtime/weights/files/", import.meta.url);

const POLYNOMIALS: Readonly<Record<WideCrc, [polynomial: bigint, ones: bigint]>> = {
  crc32c: [0x82f63b78n, 2n ** 32n - 1n],
  crc64nvme: [0x9a6c9329ac4bc9b5n, 2n ** 64n - 1n],
};

const WIDE = Object.keys(POLYNOMIALS) as WideCrc[];

/** The definition of a CRC, a bit at a time. */
function crcOf(algorithm: WideCrc, bytes: Uint8Array): bigint[] {
  const [polynomial, ones] = POLYNOMIALS[algorithm];
  const remainders = Array.from({ length: 256 }, (_, byte) => {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    return value;
  });
  let crc = ones;
  // Of every prefix.
  return [
    0n,
    ...Array.from(bytes, (byte) => {
      crc = (crc >> 8n) ^ (remainders[Number((crc ^ BigInt(byte)) & 255n)] as bigint);
      return crc ^ ones;
    }),
  ];
}

test("the compiled code is that of files/crc.wat", async () => {
  const wabt = await createRequire(import.meta.url)("wabt")();
  const parsed = wabt.parseWat("crc.wat", readFileSync(new URL("crc.wat", FOLDER), "utf8"));
  parsed.validate();
  const compiled = Buffer.from(parsed.toBinary({}).buffer).toString("base64");
  assert.equal(CRC_CODE, compiled, "put this into CRC_CODE");
});

for (const algorithm of WIDE) {
  // Where another way of computing begins or ends: 8 bytes, 6,736 that are not folded, chunks of 16,384, and the seams
  // between pieces that are copied.
  test(`${algorithm} is its definition's at every length around a seam`, () => {
    const [slab] = allocateSlabs(1, 300_000, { wasm: true });
    const bytes = randomFillSync(slab as Uint8Array);
    const expected = crcOf(algorithm, bytes);
    const seams = [0, 16, 6736, 16_384, 23_104, 23_120, 32_768, 39_488, 39_504, 55_872, 262_144, 299_980];
    for (const seam of seams) {
      for (let length = Math.max(0, seam - 20); length <= seam + 20; length++) {
        for (const [where, content] of [
          ["in a slab", bytes],
          ["elsewhere", Buffer.from(bytes)],
        ] as const) {
          const found = BigInt.asUintN(64, extendCrc(algorithm, 0n, content.subarray(0, length)));
          assert.equal(found, expected[length], `${length} bytes ${where}`);
        }
      }
    }
  });

  test(`${algorithm} goes on from any length, at any address`, () => {
    const [slab] = allocateSlabs(1, 100_000, { wasm: true });
    const bytes = randomFillSync(slab as Uint8Array);
    const whole = crcOf(algorithm, bytes).at(-1);
    for (const cut of [0, 1, 7, 8, 9, 15, 17, 6735, 16_383, 16_385, 50_001, 83_264, 99_999]) {
      const first = extendCrc(algorithm, 0n, bytes.subarray(0, cut));
      assert.equal(BigInt.asUintN(64, extendCrc(algorithm, first, bytes.subarray(cut))), whole, `${cut}`);
    }
  });
}

test("slabs never move, do not overlap, and their ends are their own", () => {
  for (const wasm of [true, false]) {
    const slabs = allocateSlabs(3, 70_000, { wasm });
    const [one, two, three] = slabs as [Uint8Array, Uint8Array, Uint8Array];
    assert.deepEqual(
      slabs.map(({ length }) => length),
      [70_000, 70_000, 70_000],
    );
    for (const [i, slab] of slabs.entries()) slab.fill(i + 1);
    // Computing over one changes no other: tables and folded chunks lie elsewhere.
    for (const algorithm of WIDE) extendCrc(algorithm, 0n, two);
    createChecksum("crc64nvme").update(Buffer.alloc(1_000_000));
    for (const [i, slab] of [one, two, three].entries()) {
      assert.ok(
        slab.every((byte) => byte === i + 1),
        `slab ${i}`,
      );
    }
  }
});

test("what lies in a slab is not copied, and what lies elsewhere is read all the same", (t) => {
  const [slab] = allocateSlabs(1, 1000, { wasm: true }) as [Uint8Array];
  assert.ok(slab.buffer.byteLength >= 65_536 + 1000);
  const copied = Buffer.from("123456789");
  slab.set(copied);
  const copies = t.mock.method(Uint8Array.prototype, "set");
  assert.equal(extendCrc("crc32c", 0n, slab.subarray(0, 9)), 0xe3069283n);
  assert.equal(copies.mock.callCount(), 0);
  assert.equal(extendCrc("crc32c", 0n, copied), 0xe3069283n);
  assert.equal(copies.mock.callCount(), 1);
});

test("who needs no such checksum compiles nothing and allocates no such memory", () => {
  // Bundled, because Node itself needs WebAssembly to read TypeScript.
  const [bundle] = buildSync({
    entryPoints: [fileURLToPath(new URL("checksum.ts", FOLDER))],
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
  }).outputFiles;
  const script = `
    WebAssembly.Module = WebAssembly.Memory = class { constructor() { throw new Error("asked for") } };
    const code = Buffer.from(${JSON.stringify(bundle?.text)}).toString("base64");
    const { allocateSlabs, createChecksum } = await import("data:text/javascript;base64," + code);
    const [slab] = allocateSlabs(1, 9, { wasm: false });
    for (const algorithm of ["crc32", "sha256", "md5"]) createChecksum(algorithm).update(slab);
    try { createChecksum("crc32c").update(slab) } catch ({ message }) { console.log(message) }`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  assert.equal(stdout, "asked for\n", stderr);
});

test("CRCs of two pieces combine into that of both", () => {
  const bytes = randomFillSync(Buffer.alloc(100_000));
  for (const algorithm of ["crc32", ...WIDE] as const) {
    const crc = (from: number, to: number) => {
      const checksum = createChecksum(algorithm);
      checksum.update(bytes.subarray(from, to));
      return checksum.digest();
    };
    const whole = crc(0, bytes.length);
    for (const cut of [0, 1, 2, 255, 256, 4096, 65_535, 65_536, 99_999, 100_000]) {
      const combined = combineCrc(algorithm, crc(0, cut), crc(cut, bytes.length), bytes.length - cut);
      assert.equal(combined, whole, `${algorithm} cut at ${cut}`);
    }
    const pieces = Array.from({ length: 15 }, (_, i) => ({
      crc: crc(i * 7000, Math.min((i + 1) * 7000, bytes.length)),
      length: Math.min(7000, bytes.length - i * 7000),
    }));
    assert.equal(concatenateCrcs(algorithm, pieces), whole, algorithm);
    assert.equal(concatenateCrcs(algorithm, []), crc(0, 0), `${algorithm} of nothing`);
    assert.equal(concatenateCrcs(algorithm, pieces.slice(0, 1)), pieces[0]?.crc);
  }
});

// There is no content of these lengths here; but whichever pieces are combined first, the whole is the same.
test("CRCs combine over lengths beyond 32 bits", () => {
  const [b, c] = [5 * 2 ** 31 + 3, 2 ** 40 + 12_345];
  for (const [algorithm, [x, y, z]] of [
    ["crc32", ["0badcafe", "deadbeef", "00000001"]],
    ["crc32c", ["8badf00d", "cafed00d", "10000000"]],
    ["crc64nvme", ["00c0ffee00c0ffee", "deadbeefdeadbeef", "8000000000000001"]],
  ] as const) {
    const left = combineCrc(algorithm, combineCrc(algorithm, x, y, b), z, c);
    const right = combineCrc(algorithm, x, combineCrc(algorithm, y, z, c), b + c);
    assert.equal(left, right);
    assert.notEqual(
      left,
      combineCrc(algorithm, combineCrc(algorithm, x, y, b % 2 ** 32), z, c),
      "all bits count",
    );
    assert.equal(crcCombiner(algorithm, b)(x, y), combineCrc(algorithm, x, y, b));
  }
});
