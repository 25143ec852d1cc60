// Which bucket and key a source names, and the URLs of plain buckets. What AWS addresses by rules of its own (access
// points, directory buckets, object lambdas, FIPS, isolated partitions) is only recognised here; the SDK follows them.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html, /general/latest/gr/s3.html.

import { isIP } from "node:net";
import { domainOf, partitionOf } from "../../aws/partition.ts";
import type { Operations } from "../../aws/sdk.ts";
import { encodePath, encodeQuery } from "../../aws/sigv4.ts";
import { ColdframeError } from "../../errors.ts";
import type { Access, WeightsEntry } from "../_contracts.ts";

export interface S3Place {
  /** A name, or an ARN. */
  readonly bucket: string;
  /** A key, or a prefix that ends in "/"; "" is the whole bucket. */
  readonly key: string;
  readonly kind:
    | "bucket"
    | "access point"
    | "multi-region access point"
    | "directory bucket"
    | "object lambda";
}

/** Where a bucket is asked, and how its name gets into the URL. */
export interface S3Endpoint {
  /** Instead of AWS's; without a "/" at the end. */
  readonly custom?: string;
  readonly pathStyle: boolean;
  readonly dualStack: boolean;
  /** Only the SDK knows its rules. */
  readonly fips: boolean;
}

/** One request without its signature. */
export interface S3Request {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

type Environment = Access["environment"];

/** As in AWS's command line: ARNs hold the "/" before their own name. */
const ARN =
  /^(arn:[^:/]*:s3(?:-object-lambda|-outposts)?:[^:/]*:\d*:(?:outpost[:/][^:/]+[:/])?accesspoint[:/][^:/]+)(?:\/(.*))?$/s;

/** A name that can be a part of a host name: no dots, which no certificate covers, and no capitals. */
const HOST_LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

/** A label of a host name; stores that are not AWS's have regions like `auto` and `garage`. */
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws WEIGHTS_INVALID when `source` names no bucket */
export function readS3Source(source: string): S3Place {
  const rest = source.replace(/^s3:\/\//i, "");
  const [, arn, below] = ARN.exec(rest) ?? [];
  const slash = rest.indexOf("/");
  const bucket = arn ?? (slash < 0 ? rest : rest.slice(0, slash));
  const key = arn ? (below ?? "") : slash < 0 ? "" : rest.slice(slash + 1);
  if (bucket === "" || /[\s?#%\\]|^arn:/.test(arn ? "" : bucket)) {
    throw new ColdframeError("WEIGHTS_INVALID", `${source} names no bucket.`, {
      fix: "Write s3://bucket/key, s3://bucket/folder/, or an access point's ARN in place of the bucket.",
    });
  }
  return { bucket, key, kind: kindOf(bucket) };
}

/** The endpoint of an entry: its own, else the environment's, as AWS's tools have it. @throws WEIGHTS_INVALID */
export function endpointOf(entry: WeightsEntry, environment: Environment): S3Endpoint {
  const custom = entry.endpoint ?? configuredEndpoint(environment);
  const url = custom === undefined ? undefined : readEndpoint(custom);
  const forced = entry.pathStyle ?? (isSet(environment, "AWS_S3_FORCE_PATH_STYLE") || undefined);
  return {
    ...(url && { custom: `${url.origin}${url.pathname}`.replace(/\/+$/, "") }),
    pathStyle:
      url !== undefined && isAddress(url.hostname) ? true : (forced ?? !canHaveSubdomains(url?.hostname)),
    dualStack: entry.dualStack ?? isSet(environment, "AWS_USE_DUALSTACK_ENDPOINT"),
    fips: isSet(environment, "AWS_USE_FIPS_ENDPOINT"),
  };
}

/** Whether only the SDK knows where and how to ask. */
export function needsSdk({ kind }: S3Place, endpoint: S3Endpoint, region: string): boolean {
  // Isolated partitions have domains of their own, and more of them come.
  return (
    kind !== "bucket" || (endpoint.custom === undefined && (endpoint.fips || /-iso|^eusc-/.test(region)))
  );
}

export const isRegion = (text: string): boolean => REGION.test(text);

/** @throws WEIGHTS_INVALID for a region that could change the host's domain */
export function checkRegion(region: string): string {
  if (isRegion(region)) return region;
  throw new ColdframeError("WEIGHTS_INVALID", `"${region}" is no region.`, {
    fix: "Write one like eu-central-1 as `region` of the weights entry, or set AWS_REGION.",
  });
}

/** One operation of S3 on a plain bucket, as HTTP. */
export function toRequest<Name extends keyof Operations>(
  operation: Name,
  input: Operations[Name],
  endpoint: S3Endpoint,
  region: string,
): S3Request {
  const { Bucket, Key, VersionId, RequestPayer, ...rest } = input as Operations["HeadObject"] &
    Operations["ListObjectsV2"] &
    Operations["GetObjectAttributes"];
  const url = new URL(`${bucketUrl(Bucket, endpoint, region)}/${Key === undefined ? "" : encodePath(Key)}`);
  const headers: Record<string, string> = {};
  if (RequestPayer) headers["x-amz-request-payer"] = RequestPayer;
  const query: Record<string, string | undefined> = {};
  if (operation === "ListObjectsV2") {
    query["list-type"] = "2";
    query["continuation-token"] = rest.ContinuationToken;
    query["encoding-type"] = rest.EncodingType;
    query["prefix"] = rest.Prefix;
  } else if (operation === "GetObjectAttributes") {
    query["attributes"] = "";
    headers["x-amz-object-attributes"] = rest.ObjectAttributes.join(",");
    if (rest.MaxParts !== undefined) headers["x-amz-max-parts"] = String(rest.MaxParts);
    if (rest.PartNumberMarker !== undefined) headers["x-amz-part-number-marker"] = rest.PartNumberMarker;
  } else if (operation === "HeadObject") {
    query["partNumber"] = rest.PartNumber === undefined ? undefined : String(rest.PartNumber);
    if (rest.ChecksumMode) headers["x-amz-checksum-mode"] = rest.ChecksumMode;
  }
  query["versionId"] = VersionId;
  url.search = encodeQuery(query);
  return { method: operation === "HeadObject" ? "HEAD" : "GET", url, headers };
}

/** The ARN a policy has to name. */
export function arnOf({ bucket, kind }: S3Place, region: string, key?: string): string {
  const arn = bucket.startsWith("arn:") ? bucket : `arn:${partitionOf(region)}:s3:::${bucket}`;
  if (key === undefined) return arn;
  return kind === "bucket" || kind === "directory bucket" ? `${arn}/${key}` : `${arn}/object/${key}`;
}

function kindOf(bucket: string): S3Place["kind"] {
  if (/:s3-object-lambda:|--ol-s3$/.test(bucket)) return "object lambda";
  if (/\.mrap$/.test(bucket)) return "multi-region access point";
  if (/--xa?-s3$/.test(bucket)) return "directory bucket";
  return bucket.startsWith("arn:") || /--op-s3$/.test(bucket) ? "access point" : "bucket";
}

function bucketUrl(bucket: string, endpoint: S3Endpoint, region: string): string {
  const aws = `https://s3.${endpoint.dualStack ? "dualstack." : ""}${region}.${domainOf(region)}`;
  const root = endpoint.custom ?? aws;
  if (endpoint.pathStyle || !HOST_LABEL.test(bucket)) return `${root}/${encodePath(bucket)}`;
  return root.replace("://", `://${bucket}.`);
}

function configuredEndpoint(environment: Environment): string | undefined {
  if (isSet(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) return undefined;
  return environment["AWS_ENDPOINT_URL_S3"] || environment["AWS_ENDPOINT_URL"] || undefined;
}

function readEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash) return url;
  throw new ColdframeError("WEIGHTS_INVALID", "the S3 endpoint is no http:// or https:// address.", {
    fix: "Write it as `https://host:port`, in `endpoint` of the weights entry or in AWS_ENDPOINT_URL_S3.",
  });
}

const isAddress = (host: string): boolean => isIP(host.replace(/^\[|\]$/g, "")) > 0;

/** `localhost` and the one-word names of containers have none, and AWS's own tools have to be told. */
function canHaveSubdomains(host = "amazonaws.com"): boolean {
  return /\.[a-z][a-z0-9-]*\.?$/i.test(host) && !/(^|\.)localhost\.?$/i.test(host);
}

const isSet = (environment: Environment, name: string): boolean =>
  environment[name]?.toLowerCase() === "true";
