// The way to a bucket, found as AWS's own tools find it: endpoint, region, profile and credentials from the environment.
// The bucket itself says which region it is in, so that no upload goes to another one first.

import type { S3Client } from "@aws-sdk/client-s3";
import type * as Sdk from "@aws-sdk/client-s3";
import { endpointOf, readS3Source } from "../../runtime/weights/sources/s3-address.ts";
import { type PushPlace, pushError } from "./errors.ts";

/** A connection that nothing is heard from is given up, and the request tried again. */
const CONNECT_MS = 5_000;
const SILENCE_MS = 60_000;

/** As AWS's own tools have it, and two more: a part is 16 MB, and the others need not be sent again. */
const ATTEMPTS = 5;

/** Knows where all others are. */
const FIRST_REGION = "us-east-1";

export interface OpenBucket extends PushPlace {
  readonly client: S3Client;
  readonly sdk: typeof Sdk;
}

/**
 * Find a bucket, and see that it is there.
 * @throws WEIGHTS_NOT_FOUND, WEIGHTS_FORBIDDEN without credentials, WEIGHTS_UNREACHABLE
 */
export async function openBucket(
  destination: string,
  { endpoint, region: asked }: { readonly endpoint?: string; readonly region?: string },
): Promise<OpenBucket> {
  // Here and not above: loading it takes longer than the rest of the command.
  const sdk: typeof Sdk = await import("@aws-sdk/client-s3");
  const place = readS3Source(destination);
  const entry = { source: destination, mount: "", ...(endpoint !== undefined && { endpoint }) };
  const { custom, pathStyle } = endpointOf(entry, process.env);
  const connect = (region: string | undefined) =>
    new sdk.S3Client({
      forcePathStyle: pathStyle,
      maxAttempts: ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
      // Every request that needs one has it already.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(endpoint !== undefined && { endpoint }),
      ...(region !== undefined && { region }),
    });
  // The SDK knows the first variable, and profiles; AWS's command line the second variable, too.
  const named = asked ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  const region = await connect(named)
    .config.region()
    .catch(() => FIRST_REGION);
  const client = connect(region);
  const at = { place, region, endpoint: custom };
  const found = await regionOf({ ...at, client, sdk });
  if (found === undefined || found === region) return { ...at, client, sdk };
  client.destroy();
  return { ...at, region: found, client: connect(found), sdk };
}

/** Where the bucket says it is; undefined where servers and access points do not say. */
async function regionOf(bucket: OpenBucket): Promise<string | undefined> {
  const { client, sdk, place } = bucket;
  try {
    const answer = await client.send(new sdk.HeadBucketCommand({ Bucket: place.bucket }));
    return place.kind === "bucket" ? answer.BucketRegion : undefined;
  } catch (error) {
    const { $metadata, $response } = error as {
      $metadata?: { httpStatusCode?: number };
      $response?: { headers?: Record<string, string> };
    };
    const region = $response?.headers?.["x-amz-bucket-region"];
    // Not to be asked this is no reason not to write; nobody else can say more than that.
    if (region !== undefined || $metadata?.httpStatusCode === 403 || $metadata?.httpStatusCode === 400)
      return place.kind === "bucket" ? region : undefined;
    throw pushError(error, bucket, place.key);
  }
}
