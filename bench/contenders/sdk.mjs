// What a program does with @aws-sdk/client-s3 alone, in the two ways its users write it: `get`, one GetObject for each
// object into a write stream, and `ranges`, many ranged GetObjects at once written at their places. The quickest forms
// that were found: no validation in JavaScript, enough sockets, synchronous writes.

import { createWriteStream } from "node:fs";
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand, paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";

const RANGE_BYTES = 8 * 1024 * 1024;
const RANGES_AT_ONCE = 8;
const OBJECTS_AT_ONCE = 32;

/** @type {{ way: "get" | "ranges", endpoint: string, bucket: string, objects?: { key: string, size: number }[], prefix?: string, to: string }} */
const job = JSON.parse(process.argv[2] ?? "");
const agent = { maxSockets: 64, keepAlive: true };
const client = new S3Client({
  endpoint: job.endpoint,
  region: "us-east-1",
  forcePathStyle: true,
  responseChecksumValidation: "WHEN_REQUIRED",
  requestHandler: { httpAgent: agent, httpsAgent: agent },
});
mkdirSync(job.to, { recursive: true });
const objects = job.objects ?? (await list(job.prefix ?? ""));

if (job.way === "get") {
  await each(objects, OBJECTS_AT_ONCE, async ({ key }) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: job.bucket, Key: key }));
    await pipeline(/** @type {import("node:stream").Readable} */ (Body), createWriteStream(place(key)));
  });
} else {
  const files = objects.map(({ key, size }) => {
    const fd = openSync(place(key), "w");
    ftruncateSync(fd, size);
    return fd;
  });
  const ranges = objects.flatMap(({ key, size }, i) =>
    Array.from({ length: Math.ceil(size / RANGE_BYTES) }, (_, n) => {
      const start = n * RANGE_BYTES;
      return { key, fd: files[i] ?? -1, start, end: Math.min(size, start + RANGE_BYTES) - 1 };
    }),
  );
  await each(ranges, RANGES_AT_ONCE, async ({ key, fd, start, end }) => {
    const command = new GetObjectCommand({ Bucket: job.bucket, Key: key, Range: `bytes=${start}-${end}` });
    const { Body } = await client.send(command);
    let at = start;
    for await (const chunk of /** @type {AsyncIterable<Buffer>} */ (Body)) {
      at += writeSync(fd, chunk, 0, chunk.length, at);
    }
  });
  for (const fd of files) closeSync(fd);
}
client.destroy();

/** @param {string} key */
function place(key) {
  return join(job.to, key.slice(key.lastIndexOf("/") + 1));
}

/** @param {string} prefix */
async function list(prefix) {
  const found = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: job.bucket, Prefix: prefix })) {
    for (const { Key, Size } of page.Contents ?? []) found.push({ key: Key ?? "", size: Size ?? 0 });
  }
  return found;
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {number} atOnce
 * @param {(item: T) => Promise<void>} run
 */
async function each(items, atOnce, run) {
  const left = items.values();
  await Promise.all(
    Array.from({ length: Math.min(atOnce, items.length) }, async () => {
      for (const item of left) await run(item);
    }),
  );
}
