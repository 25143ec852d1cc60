// Writes the parts of a partial file as a download does. Run by itself it is a download that can be killed:
// `node _part-writer.ts <root> <part size> <parts to complete>` says "ready" and then waits for its end.

import { randomFillSync } from "node:crypto";
import { writeSync } from "node:fs";
import { createChecksum } from "../../../adapter/runtime/weights/files/checksum.ts";
import type {
  Blocks,
  Checksum,
  ChecksumAlgorithm,
  PlannedFile,
  RemoteFile,
} from "../../../adapter/runtime/weights/_contracts.ts";
import { openPartFile, type PartFile } from "../../../adapter/runtime/weights/files/part-file.ts";

export function digest(algorithm: ChecksumAlgorithm, content: Uint8Array): string {
  const checksum = createChecksum(algorithm, content.length);
  checksum.update(content);
  return checksum.digest();
}

export const checksumOf = (algorithm: ChecksumAlgorithm, content: Uint8Array): Checksum => ({
  algorithm,
  value: digest(algorithm, content),
});

export function blocksOf(algorithm: Blocks["algorithm"], size: number, content: Uint8Array): Blocks {
  const values: Buffer[] = [];
  for (let at = 0; at < content.length; at += size) {
    values.push(Buffer.from(digest(algorithm, content.subarray(at, at + size)), "hex"));
  }
  return { algorithm, size, values: Buffer.concat(values).toString("base64") };
}

/** A file of a source, known by nothing but what `more` says. */
export function planOf(content: Uint8Array, more: Partial<RemoteFile> = {}, sha256?: string): PlannedFile {
  return {
    path: "model.bin",
    file: { path: "model.bin", key: "m/model.bin", size: content.length, ...more },
    source: { kind: "local", async *list() {} },
    entry: { source: "s3://bucket/m/model.bin", mount: "model.bin", ...(sha256 !== undefined && { sha256 }) },
    id: "0123456789abcdef".repeat(2),
  };
}

/** Write the bytes of a part and say so. @param written other bytes than the right ones, in their place */
export function putPart(
  file: PartFile,
  index: number,
  content: Uint8Array,
  written: Uint8Array = content,
): "kept" | "wrong" {
  const { start, end } = file.parts[index] as { start: number; end: number };
  const bytes = written.subarray(start, end);
  writeSync(file.fd, bytes, 0, bytes.length, start);
  const { partAlgorithm } = file;
  return file.completePart(index, partAlgorithm && digest(partAlgorithm, bytes));
}

/** Content that looks like nothing else, the same in every process. */
export function contentOf(size: number): Buffer {
  return size === 0
    ? Buffer.alloc(0)
    : Buffer.from(Array.from({ length: size }, (_, i) => (i * 2654435761) >>> 13));
}

export const randomContent = (size: number): Buffer => randomFillSync(Buffer.alloc(size));

if (process.argv[1] === import.meta.filename) {
  const [root = "", partBytes = "", count = ""] = process.argv.slice(2);
  const content = contentOf(10 * 64);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const file = await openPartFile(root, plan, { verify: true, partBytes: Number(partBytes) });
  for (let i = 0; i < Number(count); i++) putPart(file, i, content);
  // Of the next part, only the first bytes.
  writeSync(file.fd, content, 0, 7, file.parts[Number(count)]?.start ?? 0);
  process.stdout.write("ready\n");
  setInterval(() => {}, 1000);
}
