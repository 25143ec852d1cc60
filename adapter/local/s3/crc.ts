// CRC32C and CRC64NVME in plain JavaScript, eight bytes a step. Node has CRC32 only (zlib.crc32).
// Sources: RFC 3720 B.4 (CRC32C, polynomial 0x1edc6f41); NVM Command Set Specification 1.0d, 5.2.1.3.4 (CRC64NVME,
// polynomial 0xad93d23594c93659). Both reflected, begun and ended with all ones.

/** A register in two halves of 32 bits; CRC32C uses `low` only. All ones, so that an empty input gives 0. */
export interface Register {
  low: number;
  high: number;
}

export function newRegister(): Register {
  return { low: -1, high: -1 };
}

/** The polynomials, with the bits reversed. */
const CRC32C: readonly [high: number, low: number] = [0, 0x82f63b78];
const CRC64NVME: readonly [high: number, low: number] = [0x9a6c9329, 0xac4bc9b5];

/** Eight tables of 256, one after the other: table k is a byte followed by k zero bytes. */
interface Tables {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

let tables32c: Tables | undefined;
let tables64: Tables | undefined;

export function updateCrc32c(register: Register, bytes: Uint8Array): void {
  tables32c ??= makeTables(CRC32C);
  const table = tables32c.low;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = register.low;
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    const one = crc ^ view.getInt32(at, true);
    const two = view.getInt32(at + 4, true);
    crc =
      (table[1792 + (one & 255)] as number) ^
      (table[1536 + ((one >>> 8) & 255)] as number) ^
      (table[1280 + ((one >>> 16) & 255)] as number) ^
      (table[1024 + (one >>> 24)] as number) ^
      (table[768 + (two & 255)] as number) ^
      (table[512 + ((two >>> 8) & 255)] as number) ^
      (table[256 + ((two >>> 16) & 255)] as number) ^
      (table[two >>> 24] as number);
  }
  for (; at < bytes.length; at++) crc = (table[(crc ^ (bytes[at] as number)) & 255] as number) ^ (crc >>> 8);
  register.low = crc;
}

export function updateCrc64Nvme(register: Register, bytes: Uint8Array): void {
  tables64 ??= makeTables(CRC64NVME);
  const { low: lowTable, high: highTable } = tables64;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let { low, high } = register;
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    const one = low ^ view.getInt32(at, true);
    const two = high ^ view.getInt32(at + 4, true);
    const a = 1792 + (one & 255);
    const b = 1536 + ((one >>> 8) & 255);
    const c = 1280 + ((one >>> 16) & 255);
    const d = 1024 + (one >>> 24);
    const e = 768 + (two & 255);
    const f = 512 + ((two >>> 8) & 255);
    const g = 256 + ((two >>> 16) & 255);
    const h = two >>> 24;
    low =
      (lowTable[a] as number) ^
      (lowTable[b] as number) ^
      (lowTable[c] as number) ^
      (lowTable[d] as number) ^
      (lowTable[e] as number) ^
      (lowTable[f] as number) ^
      (lowTable[g] as number) ^
      (lowTable[h] as number);
    high =
      (highTable[a] as number) ^
      (highTable[b] as number) ^
      (highTable[c] as number) ^
      (highTable[d] as number) ^
      (highTable[e] as number) ^
      (highTable[f] as number) ^
      (highTable[g] as number) ^
      (highTable[h] as number);
  }
  for (; at < bytes.length; at++) {
    const index = (low ^ (bytes[at] as number)) & 255;
    low = ((low >>> 8) | (high << 24)) ^ (lowTable[index] as number);
    high = (high >>> 8) ^ (highTable[index] as number);
  }
  register.low = low;
  register.high = high;
}

function makeTables([polynomialHigh, polynomialLow]: readonly [number, number]): Tables {
  const tables: Tables = { low: new Int32Array(8 * 256), high: new Int32Array(8 * 256) };
  for (let byte = 0; byte < 256; byte++) {
    let low = byte;
    let high = 0;
    for (let bit = 0; bit < 8; bit++) {
      const odd = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (odd === 1) {
        low ^= polynomialLow;
        high ^= polynomialHigh;
      }
    }
    tables.low[byte] = low;
    tables.high[byte] = high;
  }
  for (let at = 256; at < 8 * 256; at++) {
    const low = tables.low[at - 256] as number;
    const high = tables.high[at - 256] as number;
    tables.low[at] = ((low >>> 8) | (high << 24)) ^ (tables.low[low & 255] as number);
    tables.high[at] = (high >>> 8) ^ (tables.high[low & 255] as number);
  }
  return tables;
}
