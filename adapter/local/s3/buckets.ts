// The operations on buckets: make, find, place, empty out, version.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html, API_GetBucketLocation.html, API_HeadBucket.html.

import { Bucket } from "./bucket.ts";
import type { Answer, Call, ServiceCall } from "./call.ts";
import { OWNER } from "./list-objects.ts";
import { arnOf } from "./principal.ts";
import { S3Error } from "./s3-error.ts";
import { childText, readXml, xmlDocument } from "./xml.ts";

/** The region that a location constraint does not name. */
const UNNAMED_REGION = "us-east-1";

/** Source: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes("..") &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name)
  );
}

export function listBuckets(call: ServiceCall): Answer {
  call.allow("s3:ListAllMyBuckets");
  const buckets = [...call.store.buckets.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    status: 200,
    xml: xmlDocument("ListAllMyBucketsResult", {
      Owner: { ID: OWNER },
      Buckets: {
        Bucket: buckets.map(({ name, created, region }) => ({
          Name: name,
          CreationDate: created.toISOString(),
          BucketRegion: region,
        })),
      },
    }),
  };
}

export function createBucket(call: ServiceCall): Answer {
  const { request, store, body, now } = call;
  const name = request.bucket;
  call.allow("s3:CreateBucket");
  if (!isBucketName(name)) throw new S3Error("InvalidBucketName", { elements: { BucketName: name } });
  const sent = Buffer.concat(body.pieces).toString();
  const document = sent === "" ? undefined : readXml(sent, "CreateBucketConfiguration");
  const region =
    (document === undefined ? undefined : childText(document, "LocationConstraint")) ?? UNNAMED_REGION;
  if (region !== store.region) {
    const message = `The ${region === UNNAMED_REGION ? "unspecified" : region} location constraint is incompatible for the region specific endpoint this request was sent to.`;
    throw new S3Error("IllegalLocationConstraintException", { message });
  }
  const before = store.buckets.get(name);
  if (before !== undefined && region !== UNNAMED_REGION)
    throw new S3Error("BucketAlreadyOwnedByYou", { elements: { BucketName: name } });
  if (before === undefined) store.buckets.set(name, new Bucket(name, region, now));
  return { status: 200, headers: { location: `/${name}`, "x-amz-bucket-arn": arnOf(name) } };
}

export function headBucket(call: Call): Answer {
  call.allow("s3:ListBucket");
  const headers = {
    "x-amz-bucket-region": call.bucket.region,
    "x-amz-access-point-alias": "false",
    "content-type": "application/xml",
  };
  return { status: 200, headers };
}

export function getBucketLocation(call: Call): Answer {
  call.allow("s3:GetBucketLocation");
  const { region } = call.bucket;
  return {
    status: 200,
    xml: xmlDocument("LocationConstraint", {}).replace(
      /><\/LocationConstraint>$/,
      `>${region === UNNAMED_REGION ? "" : region}</LocationConstraint>`,
    ),
  };
}

export function deleteBucket(call: Call): Answer {
  call.allow("s3:DeleteBucket");
  const { bucket, store } = call;
  if (!bucket.isEmpty) {
    const elements = { BucketName: bucket.name };
    if (bucket.versioning === undefined) throw new S3Error("BucketNotEmpty", { elements });
    const message =
      "The bucket you tried to delete is not empty. You must delete all versions in the bucket.";
    throw new S3Error("BucketNotEmpty", { message, elements });
  }
  store.buckets.delete(bucket.name);
  return { status: 204 };
}

export function getVersioning(call: Call): Answer {
  call.allow("s3:GetBucketVersioning");
  return { status: 200, xml: xmlDocument("VersioningConfiguration", { Status: call.bucket.versioning }) };
}

export function putVersioning(call: Call): Answer {
  call.allow("s3:PutBucketVersioning");
  const document = readXml(Buffer.concat(call.body.pieces).toString(), "VersioningConfiguration");
  const status = childText(document, "Status");
  if (status === undefined) throw new S3Error("IllegalVersioningConfigurationException");
  if (status !== "Enabled" && status !== "Suspended") throw new S3Error("MalformedXML");
  call.bucket.versioning = status;
  return { status: 200 };
}
