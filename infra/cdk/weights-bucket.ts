// The bucket that weights are read from, for those who do not have it yet: private, encrypted, versioned (a pinned version
// stays readable for a while after it was replaced), reached over TLS alone, and kept when the stack is deleted.

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as kms from "aws-cdk-lib/aws-kms";
import * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

/** Functions of the last months may still name a version that was replaced. */
const NONCURRENT_DAYS = 90;
const MULTIPART_DAYS = 7;

/** @param keyArn of a KMS key; "": S3's own encryption */
export function createWeightsBucket(scope: Construct, bucketName: string, keyArn: string): s3.Bucket {
  return new s3.Bucket(scope, "WeightsBucket", {
    bucketName,
    ...(keyArn === ""
      ? { encryption: s3.BucketEncryption.S3_MANAGED }
      : {
          encryption: s3.BucketEncryption.KMS,
          encryptionKey: kms.Key.fromKeyArn(scope, "WeightsKey", keyArn),
          bucketKeyEnabled: true,
        }),
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    versioned: true,
    lifecycleRules: [
      {
        noncurrentVersionExpiration: Duration.days(NONCURRENT_DAYS),
        abortIncompleteMultipartUploadAfter: Duration.days(MULTIPART_DAYS),
      },
    ],
    // Of a stack that could not be created it goes, or the next try would find the name taken.
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  });
}
