// Who may send requests and what each is denied. Everything that is not denied is allowed: an account's own
// administrator, less what a policy takes away.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html.

import { S3Error } from "./s3-error.ts";

/** One statement of a policy, `Effect: Deny`. In both, "*" is any text. */
export interface Denial {
  /** `s3:GetObject`, `s3:ListBucket`, `s3:*` */
  readonly action: string;
  /** `arn:aws:s3:::bucket/prefix*`, `arn:aws:s3:::bucket`, `*` */
  readonly arn: string;
}

export interface LocalCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials: every request has to carry it. */
  readonly sessionToken?: string;
  /** After it, requests are answered with ExpiredToken. */
  readonly expiration?: Date;
  readonly deny?: readonly Denial[];
}

/** Nobody's account; the same number as in AWS's own examples. */
const ACCOUNT = "123456789012";

/** @param resource an ARN @param principal `undefined`: anonymous @param publicActions what the bucket allows everybody */
export function checkAllowed(
  principal: LocalCredentials | undefined,
  action: string,
  resource: string,
  publicActions: readonly string[],
): void {
  if (principal === undefined) {
    if (publicActions.some((allowed) => matches(allowed, action))) return;
    throw new S3Error("AccessDenied");
  }
  const denied = principal.deny?.some(
    (denial) => matches(denial.action, action) && matches(denial.arn, resource),
  );
  if (denied !== true) return;
  throw new S3Error("AccessDenied", {
    message: `User: arn:aws:iam::${ACCOUNT}:user/${principal.accessKeyId} is not authorized to perform: ${action} on resource: "${resource}" with an explicit deny in an identity-based policy`,
  });
}

export function arnOf(bucket: string, key?: string): string {
  return key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`;
}

function matches(pattern: string, text: string): boolean {
  const literal = pattern.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${literal.join("[^]*")}$`).test(text);
}
