// What deployment.json, the report and the warnings say of weights: how many bytes the function will hold, and what of S3
// its role must be allowed to read, and no more. Source of the ARNs: AWS service authorization reference, Amazon S3.

import type { Access } from "../../runtime/weights/_contracts.ts";
import { nameOf } from "../../runtime/weights/files/plan.ts";
import { ephemeralStorageFor, MAX_EPHEMERAL_MB } from "../../runtime/weights/files/room.ts";
import { arnOf, endpointOf, readS3Source, type S3Place } from "../../runtime/weights/sources/s3-address.ts";
import { megabytes } from "../artifact.ts";
import type { Config } from "../config-schema.ts";
import type { PinnedEntry } from "./pin.ts";

/** One source, for templates. Absent when it is not known before the cold start, or means nothing here. */
export interface WeightsFact {
  /** Without the query of a presigned URL. */
  readonly source: string;
  /** Relative to the data directory. */
  readonly mount: string;
  readonly pinned: boolean;
  readonly lazy: boolean;
  readonly files?: number;
  readonly bytes?: number;
  /** What the function's own role reads; absent when it uses a secret of its own or another service. */
  readonly s3?: S3Fact;
}

/** For one statement each of an IAM policy. */
export interface S3Fact {
  readonly bucket: string;
  readonly key?: string;
  readonly prefix?: string;
  readonly region?: string;
  /** For `get_actions`. */
  readonly get_arn: string;
  readonly get_actions: readonly string[];
  /** For s3:ListBucket with the condition s3:prefix = `prefix`; absent when nothing is listed. */
  readonly list_arn?: string;
  /** For sts:AssumeRole; it is then that role which reads the bucket. */
  readonly assume_role_arn?: string;
}

/**
 * What is known of each source.
 * @param environment the function's variables, as far as config.yaml sets them
 */
export function weightsFacts(
  entries: readonly PinnedEntry[],
  environment: Access["environment"],
): WeightsFact[] {
  return entries.map((pinned) => {
    const { entry, files } = pinned;
    const s3 = s3Fact(pinned, environment);
    return {
      source: nameOf(entry.source),
      mount: entry.mount,
      pinned: files !== undefined,
      lazy: entry.lazy ?? false,
      ...(files !== undefined && {
        files: files.length,
        bytes: files.reduce((sum, { size }) => sum + size, 0),
      }),
      ...(s3 !== undefined && { s3 }),
    };
  });
}

/** Of the sources whose size is known. */
export function weightsBytes(facts: readonly WeightsFact[]): number {
  return facts.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
}

/** When the weights do not fit into the function's /tmp; none when they go elsewhere. */
export function storageWarnings(
  facts: readonly WeightsFact[],
  { serverless, environment_variables: variables }: Config,
): string[] {
  if (variables["COLDFRAME_DATA_DIR"] !== undefined) return [];
  // What the cold start itself will ask for: with less, it would refuse.
  const needed = ephemeralStorageFor(weightsBytes(facts));
  const { ephemeral_storage: storage } = serverless;
  if (weightsBytes(facts) === 0 || needed <= storage) return [];
  const found = `the weights have ${megabytes(weightsBytes(facts))}`;
  if (needed > MAX_EPHEMERAL_MB) {
    return [
      `${found}, and the /tmp of a Lambda function at most ${MAX_EPHEMERAL_MB} MB: they do not fit on Lambda. Use smaller or quantised weights, or mount a volume and name a folder of it in COLDFRAME_DATA_DIR.`,
    ];
  }
  return [`${found}, and the function's /tmp ${storage} MB; write serverless.ephemeral_storage: ${needed}.`];
}

function s3Fact({ entry, files }: PinnedEntry, environment: Access["environment"]): S3Fact | undefined {
  if (entry.scheme !== "s3" || entry.auth?.secret !== undefined) return undefined;
  if (isElsewhere(endpointOf(entry, environment).custom)) return undefined;
  const place = readS3Source(entry.source);
  const { bucket, kind } = place;
  const { region = "" } = entry;
  // Without a "/" at the end it may still turn out to be a prefix, as Truss writes them.
  const isPrefix = /(^|\/)$/.test(place.key) || (files?.some(({ path }) => path !== "") ?? false);
  const key = isPrefix ? place.key.replace(/(?<=[^/])$/, "/") : place.key;
  const isDirectory = kind === "directory bucket";
  return {
    bucket,
    ...(isPrefix ? { prefix: key } : { key }),
    ...(region !== "" && { region }),
    // A directory bucket gives rights to sessions alone.
    get_arn: isDirectory
      ? `arn:aws:s3express:${region || "*"}:*:bucket/${bucket}`
      : arnOf(place, region, isPrefix ? `${key}*` : key),
    get_actions: ACTIONS[kind] ?? ["s3:GetObject", "s3:GetObjectVersion"],
    ...(files === undefined && isPrefix && !isDirectory && { list_arn: arnOf(place, region) }),
    ...(entry.auth?.roleArn !== undefined && { assume_role_arn: entry.auth.roleArn }),
  };
}

/** A pinned object of a versioned bucket is asked for by its version. */
const ACTIONS: Partial<Record<S3Place["kind"], readonly string[]>> = {
  "directory bucket": ["s3express:CreateSession"],
  "object lambda": ["s3-object-lambda:GetObject", "s3-object-lambda:GetObjectVersion"],
};

/** A service that only speaks as S3 does has no IAM. */
function isElsewhere(endpoint: string | undefined): boolean {
  return endpoint !== undefined && !/\.amazonaws\.com(\.cn)?(:\d+)?$/i.test(endpoint);
}
