// `serverless.s3.input: bytes`: the object that a notification names, read with the function's own credentials, as the
// model's input. The same model takes the same bytes over HTTP.

import { createObjects } from "../aws/s3-object.ts";
import type { RecordSteps } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import type { ObjectLocation } from "../input.ts";

/** Events that tell of an object which is not there any more. */
const GONE = /Removed|Expiration|LostObject/;

/** @param maxBytes of one object: it is in memory as a whole */
export function objectBytes(maxBytes: number): RecordSteps {
  const objects = createObjects(process.env, "INPUT_UNREADABLE");

  return {
    async fetch({ input }, { cancellation }) {
      const object = input as ObjectLocation;
      const { bucket, key, size = 0, region, eventName } = object;
      const name = `s3://${bucket}/${key}`;
      if (GONE.test(eventName)) {
        throw new ColdframeError("INPUT_UNREADABLE", `${name} has no bytes: S3 tells of ${eventName}.`, {
          fix: "Notify of s3:ObjectCreated:* only, or set `serverless.s3.input: location`.",
        });
      }
      if (size > maxBytes) throw tooLarge(name, `${size} bytes, more`, maxBytes);
      try {
        return await objects.read(object, maxBytes, cancellation.signal, region || undefined);
      } catch (error) {
        const { code } = error as Partial<ColdframeError>;
        throw code === "INPUT_TOO_LARGE" ? tooLarge(name, "more", maxBytes) : error;
      }
    },
  };
}

const tooLarge = (name: string, has: string, maxBytes: number): ColdframeError =>
  new ColdframeError(
    "INPUT_TOO_LARGE",
    `${name} has ${has} than the ${maxBytes} that are read into memory.`,
    {
      fix: "Raise `serverless.s3.max_megabytes`, or set `serverless.s3.input: location` and read it in parts.",
    },
  );
