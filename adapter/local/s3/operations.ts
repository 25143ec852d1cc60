// Which operation a request asks for: its method, what it is about, and the query parameters that name a subresource.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html.

import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  getVersioning,
  headBucket,
  listBuckets,
  putVersioning,
} from "./buckets.ts";
import type { Answer, Call, ServiceCall } from "./call.ts";
import { completeUpload } from "./complete-upload.ts";
import { getObject } from "./get-object.ts";
import { listObjects } from "./list-objects.ts";
import { listParts, listUploads } from "./list-uploads.ts";
import { abortUpload, createUpload, uploadPart } from "./multipart.ts";
import { getObjectAttributes } from "./object-attributes.ts";
import { deleteObject, deleteObjects, putObject } from "./put-object.ts";
import type { S3Request } from "./request.ts";
import { S3Error } from "./s3-error.ts";

type Run<Of> = (call: Of) => Answer | Promise<Answer>;

export type Operation =
  | { readonly about: "service"; readonly run: Run<ServiceCall> }
  | {
      readonly about: "bucket";
      readonly run: Run<Call>;
      /** The x-amz-checksum-* of the request are of the object, not of the body. */
      readonly checksumOfObject?: true;
    };

/** `method`, what of: "/" the service, "b" a bucket, "k" a key; then the parameters that have to be there. */
const OPERATIONS: readonly (readonly [string, Operation])[] = [
  ["GET /", { about: "service", run: listBuckets }],
  ["PUT b ?versioning", { about: "bucket", run: putVersioning }],
  ["GET b ?versioning", { about: "bucket", run: getVersioning }],
  ["GET b ?location", { about: "bucket", run: getBucketLocation }],
  ["GET b ?uploads", { about: "bucket", run: listUploads }],
  ["GET b ?list-type", { about: "bucket", run: listObjects }],
  ["POST b ?delete", { about: "bucket", run: deleteObjects }],
  ["PUT b", { about: "service", run: createBucket }],
  ["HEAD b", { about: "bucket", run: headBucket }],
  ["DELETE b", { about: "bucket", run: deleteBucket }],
  ["POST k ?uploads", { about: "bucket", run: createUpload }],
  ["POST k ?uploadId", { about: "bucket", run: completeUpload, checksumOfObject: true }],
  ["PUT k ?uploadId", { about: "bucket", run: uploadPart }],
  ["GET k ?uploadId", { about: "bucket", run: listParts }],
  ["DELETE k ?uploadId", { about: "bucket", run: abortUpload }],
  ["GET k ?attributes", { about: "bucket", run: getObjectAttributes }],
  ["GET k", { about: "bucket", run: getObject }],
  ["HEAD k", { about: "bucket", run: getObject }],
  ["PUT k", { about: "bucket", run: putObject }],
  ["DELETE k", { about: "bucket", run: deleteObject }],
];

/** Parameters that ask for something else than the operations without one. */
const SUBRESOURCES =
  /^(accelerate|acl|analytics|append|attributes|cors|delete|encryption|inventory|legal-hold|lifecycle|list-type|location|logging|metrics|notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|renameObject|replication|requestPayment|restore|retention|select|session|tagging|torrent|uploadId|uploads|versioning|versions|website)$/;

/** @throws MethodNotAllowed, or NotImplemented for what S3 has and this server has not */
export function findOperation({ method, bucket, key, query }: S3Request): Operation {
  const asked = [...query.keys()].filter((name) => SUBRESOURCES.test(name));
  const level = bucket === "" ? "/" : key === "" ? "b" : "k";
  const name = `${method} ${level}${asked.map((one) => ` ?${one}`).join("")}`;
  const found = OPERATIONS.find(([one]) => one === name);
  if (found !== undefined) return found[1];
  if (!["GET", "HEAD", "PUT", "POST", "DELETE"].includes(method)) {
    throw new S3Error("MethodNotAllowed", {
      elements: { Method: method, ResourceType: level === "k" ? "OBJECT" : "BUCKET" },
    });
  }
  throw new S3Error("NotImplemented", { message: `The local S3 has no operation for ${name}.` });
}
