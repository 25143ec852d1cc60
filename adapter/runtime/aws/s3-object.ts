// One object of a plain S3 bucket, whole: read into memory, or written from it. Weights, which are larger than memory,
// have downloads of their own (weights/s3.ts); this is for inputs and results.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, API_PutObject.html.

import { ColdframeError, type ErrorCode } from "../errors.ts";
import type { WeightsEntry } from "../weights/_contracts.ts";
import { endpointOf, isRegion, toRequest } from "../weights/sources/s3-address.ts";
import { regionOf } from "./credentials.ts";
import { partitionOf } from "./partition.ts";
import { allow, type AwsAnswer, createExchange, refusedKey } from "./signed-exchange.ts";

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string | undefined;
}

export interface Objects {
  /** @throws `code`, INPUT_TOO_LARGE, the signal's reason */
  read(object: ObjectName, maxBytes: number, signal: AbortSignal, region?: string): Promise<Buffer>;
  /** @throws `code`, the signal's reason */
  write(
    object: ObjectName,
    body: Uint8Array | string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** S3's own home, which knows of every bucket where it is. */
const FIRST_REGION = "us-east-1";

/** @param code of its errors */
export function createObjects(environment: Environment, code: ErrorCode): Objects {
  const exchange = createExchange(environment, code);
  // Where a bucket was found that is not where it was looked for.
  const regions = new Map<string, string>();

  async function ask(
    method: "GET" | "PUT",
    name: ObjectName,
    signal: AbortSignal,
    { headers, body, maxBytes, region }: Asking,
  ): Promise<AwsAnswer> {
    const { bucket, key, versionId } = name;
    const endpoint = endpointOf({} as WeightsEntry, environment);
    let there = regions.get(bucket) ?? region ?? regionOf(environment) ?? FIRST_REGION;
    for (let moved = false; ; moved = true) {
      const input = { Bucket: bucket, Key: key, VersionId: versionId };
      const { url } = toRequest("GetObject", input, endpoint, there);
      if (endpoint.fips && !endpoint.custom) url.hostname = url.hostname.replace(/(^|\.)s3\./, "$1s3-fips.");
      const request = { method, url, headers: headers ?? {}, service: "s3", region: there };
      const answer = await exchange({ ...request, ...(body !== undefined && { body }) }, signal, maxBytes);
      const told = String(answer.headers["x-amz-bucket-region"] ?? there);
      if (answer.status < 300) return answer;
      if (moved || told === there || !isRegion(told)) throw refused(method, name, there, answer, code);
      there = told;
      regions.set(bucket, told);
    }
  }

  return {
    read: async (name, maxBytes, signal, region) =>
      (await ask("GET", name, signal, { maxBytes, region })).body,
    write: async (name, body, headers, signal) => {
      await ask("PUT", name, signal, { body, headers });
    },
  };
}

interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly maxBytes?: number;
  readonly region?: string | undefined;
}

function refused(
  method: "GET" | "PUT",
  { bucket, key, versionId }: ObjectName,
  region: string,
  answer: AwsAnswer,
  code: ErrorCode,
): ColdframeError {
  const { status, code: name } = answer;
  const verb = method === "GET" ? "read" : "written";
  const fail = (why: string, fix: string) =>
    new ColdframeError(
      code,
      `s3://${bucket}/${key} cannot be ${verb}: S3 answered ${status} ${name}${why}.`,
      {
        fix,
      },
    );
  const kmsKey = refusedKey(answer);
  if (kmsKey !== undefined) {
    const action = method === "GET" ? "kms:Decrypt" : "kms:GenerateDataKey";
    return fail(": the key may not be used", allow(action, kmsKey, answer));
  }
  // Results have names of their own each: what is allowed is the folder.
  const on = method === "PUT" ? key.replace(/[^/]*$/, "*") : key;
  if (status === 403 && /^(AccessDenied|AllAccessDisabled)$/.test(name)) {
    const action = method === "PUT" ? "s3:PutObject" : versionId ? "s3:GetObjectVersion" : "s3:GetObject";
    return fail("", allow(action, `arn:${partitionOf(region)}:s3:::${bucket}/${on}`, answer));
  }
  if (name === "NoSuchBucket") return fail("", "Check the name of the bucket.");
  if (status === 404 || status === 405) {
    return fail("", "It was there when S3 told of it: something has removed it since.");
  }
  return fail("", "Look it up under that name in AWS's reference of S3.");
}
