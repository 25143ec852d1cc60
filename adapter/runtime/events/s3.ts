// Amazon S3 notifications: each object is one invocation. Here the input is where the object is; `_object-bytes.ts` reads
// it in deployments that want its bytes, which is the default.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.

import type { RecordSource } from "../contracts.ts";
import type { ObjectLocation } from "../input.ts";
import { allValues } from "./_async.ts";
import { firstRecord, isS3Test } from "./_message.ts";

interface S3Record {
  readonly awsRegion?: string;
  readonly eventName?: string;
  readonly s3?: {
    readonly bucket?: { readonly name?: string } | null;
    readonly object?: {
      readonly key?: string;
      readonly size?: number;
      readonly eTag?: string;
      readonly versionId?: string;
    } | null;
  } | null;
}

interface S3Event {
  readonly Records?: readonly (S3Record | null)[];
}

const s3: RecordSource<S3Event> = {
  kind: "records",
  name: "s3",

  matches: (event) => firstRecord(event)["eventSource"] === "aws:s3" || isS3Test(event),

  // A test message has no records.
  toRecords: ({ Records }) =>
    (Array.isArray(Records) ? Records : []).map((record: S3Record | null) => ({
      input: locationOf(record),
      event: record,
    })),

  toResult: allValues,
};

export default s3;

function locationOf(record: S3Record | null): ObjectLocation {
  const { bucket, object } = record?.s3 ?? {};
  const { key, versionId, size, eTag } = object ?? {};
  return {
    bucket: `${bucket?.name ?? ""}`,
    key: decodeKey(`${key ?? ""}`),
    versionId,
    size,
    eTag,
    region: record?.awsRegion ?? "",
    eventName: record?.eventName ?? "",
  };
}

/** As in a form: `+` is a space, everything else percent-encoded. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    // Not from S3: who imitates it may not encode.
    return key;
  }
}
