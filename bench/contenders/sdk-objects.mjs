// Objects of S3 into a folder with @aws-sdk/client-s3: one GetObject for each, all at once.

import { createWriteStream } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";

/**
 * @param {string} endpoint
 * @param {{ bucket: string, key: string }[]} objects
 * @param {string} to
 */
export async function fetchObjects(endpoint, objects, to) {
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  await Promise.all(
    objects.map(async ({ bucket, key }) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      await pipeline(
        /** @type {import("node:stream").Readable} */ (Body),
        createWriteStream(join(to, basename(key))),
      );
    }),
  );
}
