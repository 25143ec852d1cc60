// The CRC of two pieces of content from the CRCs of both: what lets parts that arrive in any order be held against the
// checksum of the whole. Polynomials are bit-reversed, as the CRCs are: the highest bit is the term x^0.
// Source: zlib's crc32_combine (multmodp, x2nmodp), here for 32 and 64 bits.

import { CRC_DIGITS, type CrcAlgorithm } from "./checksum.ts";

const POLYNOMIALS: Readonly<Record<CrcAlgorithm, bigint>> = {
  crc32: 0xedb88320n,
  crc32c: 0x82f63b78n,
  crc64nvme: 0x9a6c9329ac4bc9b5n,
};

/** The CRC of what `first` is the CRC of, followed by what `second` is the CRC of. */
export type CombineCrc = (first: string, second: string) => string;

/** @param secondLength bytes of what `second` is the CRC of */
export function combineCrc(
  algorithm: CrcAlgorithm,
  first: string,
  second: string,
  secondLength: number,
): string {
  return crcCombiner(algorithm, secondLength)(first, second);
}

/** Combine for one length of the second content: a tenth of a millisecond to make, a microsecond to use. */
export function crcCombiner(algorithm: CrcAlgorithm, secondLength: number): CombineCrc {
  const polynomial = POLYNOMIALS[algorithm];
  const digits = CRC_DIGITS[algorithm];
  const bits = digits * 4;
  // What each bit of `first` becomes when `secondLength` bytes come after it, upper and lower half, highest bit first.
  const columns = new Uint32Array(2 * bits);
  let column = power(algorithm, secondLength);
  for (let i = 0; i < bits; i++) {
    columns[2 * i] = Number(column >> 32n);
    columns[2 * i + 1] = Number(column & 0xffffffffn);
    column = timesX(column, polynomial);
  }
  return (first, second) => {
    let [high, low] = halves(second);
    const [firstHigh, firstLow] = halves(first);
    for (let i = 0; i < bits; i++) {
      const bit = bits - 1 - i;
      if (((bit < 32 ? firstLow >>> bit : firstHigh >>> (bit - 32)) & 1) === 0) continue;
      high ^= columns[2 * i] as number;
      low ^= columns[2 * i + 1] as number;
    }
    const hex = (half: number) => (half >>> 0).toString(16).padStart(8, "0");
    return bits === 32 ? hex(low) : hex(high) + hex(low);
  };
}

function halves(crc: string): [number, number] {
  return [Number.parseInt(crc.slice(0, -8) || "0", 16), Number.parseInt(crc.slice(-8), 16)];
}

/** By algorithm: x^8, x^16, x^32, ..., as far as they were needed. */
const squares = new Map<CrcAlgorithm, bigint[]>();

/** x^(8 * bytes). */
function power(algorithm: CrcAlgorithm, bytes: number): bigint {
  const polynomial = POLYNOMIALS[algorithm];
  const one = 1n << BigInt(CRC_DIGITS[algorithm] * 4 - 1);
  let known = squares.get(algorithm);
  if (known === undefined) squares.set(algorithm, (known = [one >> 8n]));
  let product = one;
  for (let i = 0, rest = bytes; rest > 0; i++, rest = Math.floor(rest / 2)) {
    known[i] ??= multiply(known[i - 1] as bigint, known[i - 1] as bigint, one, polynomial);
    if (rest % 2 === 1) product = multiply(known[i] as bigint, product, one, polynomial);
  }
  return product;
}

function multiply(a: bigint, b: bigint, one: bigint, polynomial: bigint): bigint {
  let product = 0n;
  for (let bit = one, shifted = b; bit > 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= shifted;
    shifted = timesX(shifted, polynomial);
  }
  return product;
}

const timesX = (a: bigint, polynomial: bigint): bigint => (a & 1n ? (a >> 1n) ^ polynomial : a >> 1n);

/** The CRC of consecutive pieces; of nothing, when there are none. */
export function concatenateCrcs(
  algorithm: CrcAlgorithm,
  pieces: Iterable<{ readonly crc: string; readonly length: number }>,
): string {
  // All pieces but the last are of one length, as a rule.
  const combiners = new Map<number, CombineCrc>();
  let whole: string | undefined;
  for (const { crc, length } of pieces) {
    if (whole === undefined) {
      whole = crc;
      continue;
    }
    let combine = combiners.get(length);
    if (combine === undefined) combiners.set(length, (combine = crcCombiner(algorithm, length)));
    whole = combine(whole, crc);
  }
  return whole ?? "0".repeat(CRC_DIGITS[algorithm]);
}
