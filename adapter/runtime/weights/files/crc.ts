// CRC-64/NVME and CRC-32C, which Node does not have: files/crc.wat, compiled, and the memory it reads. Nothing is compiled
// until the first such checksum is asked for.

/** Of files/crc.wat; made and compared by the test, whose failure prints it. */
export const CRC_CODE =
  "AGFzbQEAAAABPAlgAABgAn9+AGACf38Bf2ACf34BfmAEf35/fwF+YAR/f39/AGAFf39/f38AYAV/f35/fwF+YAN+f38BfgIPAQNlbnYGbWVtb3J5AgABAwwLAAECAwQFBQYHCAgHFgIJY3JjNjRudm1lAAkGY3JjMzJjAAoIAQAK6wYLHQBBAEK1k6/imuWktpp/EAFBgIABQvj22JcIEAELZwICfwF+A0AgAkGAAkkEQCACrSEEQQghAwNAIARCAYggASAEQgGDfoUhBCADQQFrIgMNAAsFIAAgAkGAAmsQAikDACEEIAAgBBADIQQLIAAgAhACIAQ3AwAgAkEBaiICQYAQSQ0ACwsKACAAIAFBA3RqCxYAIAFCCIggACABp0H/AXEQAikDAIUL5wEAAkAgA0EISQ0AA0AgASACKQMAhSEBIAAgAUIDhqdB+A9xaikDgHAgACABQgWIp0H4D3FqKQOAYIUgACABQg2Ip0H4D3FqKQOAUIUgACABQhWIp0H4D3FqKQOAQIUgACABQh2Ip0H4D3FqKQOAMIUgACABQiWIp0H4D3FqKQOAIIUgACABQi2Ip0H4D3FqKQOAEIUgACABQjWIp0H4D3FqKQMAhSEBIAJBCGohAiADQQhrIgNBCE8NAAsLAkAgA0UNAANAIAAgASACMQAAhRADIQEgAkEBaiECIANBAWsiAw0ACwsgAQt+AQF/IAAgAWohBANAIAMgAP0ABAAgAkHqCmv9AAQA/VEgAkGUI2v9AAQA/VEgAkGCJGv9AAQA/VEgAkHNKGv9AAQA/VEgAkHJKmv9AAQA/VEgAkG3NGv9AAQA/VH9CwQAIABBEGohACACQRBqIQIgA0EQaiEDIAAgBEkNAAsLWgEBfyAAIAFqIQQDQCADIAD9AAQAIAJB0w1r/QAEAP1RIAJBjhZr/QAEAP1RIAJBySlr/QAEAP1R/QsEACAAQRBqIQAgAkEQaiECIANBEGohAyAAIARJDQALCxwAIAAEQCABIAIgAyAEEAYFIAEgAiADIAQQBQsLqgEBAX8gBEGAgAFPBEBBgIACQQBBwDT8CwBBwLQCIAFrIAI3AwBCACECA0AgBEHANGtBcHEhBSAFQYCAAUsEQEGAgAEhBQsgACADIAVBwLQCQcC0AhAHQYCAAkGAgAIgBWpBwDT8CgAAIAMgBWohAyAEIAVrIgRB0DRPDQALQcC0AkEAQeA0/AsAIAAgAyAEQcC0AkHAtAMQB0HAtAMhAwsgACACIAMgBBAECxUAQQBBtzQgAEJ/hSABIAIQCEJ/hQsfAEGAgAFBySkgAEL/////D4UgASACEAhC/////w+FCw==";

const PAGE_BYTES = 65_536;

/** Pages before it are the code's own. */
const INPUT_AT = PAGE_BYTES;

/** How far the code reads beyond an input. */
const OVERREAD_BYTES = 16;

/** What is copied at a time of an input that is not in its memory: stays in the processor's cache. */
const COPY_BYTES = 2 ** 18;

export type WideCrc = "crc32c" | "crc64nvme";

/** The CRC of what `crc` is the CRC of, and `length` bytes at address `at`. */
type Extend = (crc: bigint, at: number, length: number) => bigint;

type CrcCode = Readonly<Record<WideCrc, Extend>>;

let compiled: WebAssembly.Module | undefined;

/** What runs over a memory; `undefined` until it is asked for. */
const codes = new WeakMap<ArrayBufferLike, { memory: WebAssembly.Memory; code?: CrcCode }>();

let copies: Uint8Array | undefined;

/**
 * Extend the CRC of earlier bytes (0n: of none) by `bytes`; without a copy where they lie in a slab of `allocateSlabs`.
 */
export function extendCrc(algorithm: WideCrc, crc: bigint, bytes: Uint8Array): bigint {
  const code = codeOver(bytes.buffer);
  if (code !== undefined) return code[algorithm](crc, bytes.byteOffset, bytes.byteLength);
  copies ??= allocateInput(COPY_BYTES);
  const extend = (codeOver(copies.buffer) as CrcCode)[algorithm];
  let extended = crc;
  for (let at = 0; at < bytes.length; at += COPY_BYTES) {
    const piece = bytes.subarray(at, at + COPY_BYTES);
    copies.set(piece);
    extended = extend(extended, INPUT_AT, piece.length);
  }
  return extended;
}

/**
 * Buffers to receive into. They never move: their memory is allocated once for all of them.
 * @param options.wasm lay them where `extendCrc` reads without a copy; for downloads with such a checksum
 */
export function allocateSlabs(count: number, bytes: number, options: { wasm: boolean }): Uint8Array[] {
  const all = options.wasm ? allocateInput(count * bytes) : Buffer.allocUnsafeSlow(count * bytes);
  return Array.from({ length: count }, (_, i) => all.subarray(i * bytes, (i + 1) * bytes));
}

function allocateInput(bytes: number): Uint8Array {
  const pages = Math.ceil((INPUT_AT + bytes + OVERREAD_BYTES) / PAGE_BYTES);
  // With a maximum it cannot grow; growing would take its buffer away from those who have views of it.
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  codes.set(memory.buffer, { memory });
  return new Uint8Array(memory.buffer, INPUT_AT, bytes);
}

function codeOver(buffer: ArrayBufferLike): CrcCode | undefined {
  const over = codes.get(buffer);
  if (over === undefined) return undefined;
  compiled ??= new WebAssembly.Module(Buffer.from(CRC_CODE, "base64"));
  over.code ??= new WebAssembly.Instance(compiled, { env: { memory: over.memory } })
    .exports as unknown as CrcCode;
  return over.code;
}
