// `serverless.sqs.results`, an S3 prefix: each result is an object there before the message it answers is done. Its key
// is the prefix and the message's id, so that a message that comes twice is one object; its type is in content-type.

import { createObjects } from "../aws/s3-object.ts";
import type { RecordSteps, Result } from "../contracts.ts";
import type { SqsMessage } from "../events/sqs.ts";
import { encodeJson, toBuffer } from "../json.ts";
import { placeOfResults } from "./place.ts";

/**
 * @param configured of config.yaml; COLDFRAME_SQS_RESULTS names another one
 * @throws CONFIG_INVALID when that is no prefix
 */
export function toBucket(
  configured: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): RecordSteps {
  const [, bucket = "", prefix = ""] =
    /^s3:\/\/([^/]+)\/(.*)$/s.exec(placeOfResults(configured, environment)) ?? [];
  const objects = createObjects(environment, "RESULT_NOT_SENT");
  return {
    async deliver(result, { event }, { id, cancellation }) {
      const { messageId = id } = event as SqsMessage;
      const [body, type] = contentOf(result);
      const headers = {
        "content-type": type,
        "x-amz-meta-message-id": messageId,
        "x-amz-meta-request-id": id,
      };
      await objects.write({ bucket, key: `${prefix}${messageId}` }, body, headers, cancellation.signal);
    },
  };
}

/** Bytes and texts as they are, everything else as JSON; what a Response says of itself counts. */
function contentOf({ value, contentType }: Result): readonly [Uint8Array | string, string] {
  if (value instanceof Uint8Array || value instanceof ArrayBuffer)
    return [toBuffer(value), contentType ?? "application/octet-stream"];
  if (typeof value === "string") return [value, contentType ?? "text/plain; charset=utf-8"];
  return [encodeJson(value), contentType ?? "application/json"];
}
