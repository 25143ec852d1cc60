// Why a secret could not be read, as a sentence with the way out. AWS's own messages are not passed on: the one about a
// wrong signature quotes the session token. Taken from them are only names: who was refused, what, and the key.

import { ColdframeError } from "../errors.ts";
import { partitionOf } from "./partition.ts";
import type { StoredSecret } from "./secret-store.ts";
import { allow, type AwsAnswer, keyIn, withoutStop } from "./signed-exchange.ts";

const SERVICES = { secretsmanager: "Secrets Manager", ssm: "SSM" } as const;

/** What an answer means that is not the secret. */
export function explain(secret: StoredSecret, region: string, refusal: AwsAnswer): ColdframeError {
  const { code, status } = refusal;
  const service = SERVICES[secret.service];
  const answered = `${service} answered ${status}${code === "" ? "" : ` ${code}`}`;
  if (needsKey(refusal)) {
    const on =
      keyIn(refusal) ??
      `${arnPrefix("kms", region, accountOf(secret, refusal))}:key/<the key it is encrypted with>`;
    return unreadable(secret, `${answered}: the key may not be used`, allow("kms:Decrypt", on, refusal));
  }
  if (/AccessDenied|NotAuthorized/.test(code)) {
    const [action, on] = permissionOf(secret, region, refusal);
    return unreadable(secret, `${answered}: ${action} is not allowed`, allow(action, on, refusal));
  }
  if (/NotFound/.test(code)) {
    const what = secret.service === "ssm" ? "parameter" : "secret, or no such version of it,";
    return unreadable(
      secret,
      `${answered}: there is no such ${what} in ${region}`,
      "Check the spelling, or name the region and the account with the ARN.",
    );
  }
  if (
    /ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch/.test(code)
  ) {
    return unreadable(
      secret,
      `${answered}: AWS does not accept these credentials`,
      "Look where they come from: AWS_ACCESS_KEY_ID, a profile, a role.",
    );
  }
  return unreadable(secret, answered, "Look it up under that name in AWS's reference of the service.");
}

export const noRegion = (secret: StoredSecret): ColdframeError =>
  unreadable(secret, "no region is known to look for it in", "Set AWS_REGION, or name it by its ARN.");

/** AWS was not asked, or did not answer. Not with the error as the cause: the SDK's own hold the requests it sent. */
export const unanswered = (secret: StoredSecret, error: unknown): ColdframeError => {
  const { message, fix } = error as Error & { fix?: string };
  return unreadable(secret, withoutStop(message), fix ?? "Check how this process gets its AWS credentials.");
};

/** An answer with status 200 that has no text. */
export const unexpected = (secret: StoredSecret, what: string): ColdframeError =>
  what === "binary"
    ? unreadable(secret, "its value is binary", "Store it as text, with `--secret-string`.")
    : unreadable(
        secret,
        `${what} of ${SERVICES[secret.service]}`,
        "Check what AWS_ENDPOINT_URL and the extension's port point at.",
      );

/** The one form of these errors. */
export const unreadable = (
  { subject }: Pick<StoredSecret, "subject">,
  what: string,
  fix: string,
): ColdframeError => new ColdframeError("SECRET_UNREADABLE", `${subject} cannot be read: ${what}.`, { fix });

// Secrets Manager says AccessDeniedException for its key as well; only the message tells.
const needsKey = ({ code, body }: AwsAnswer): boolean =>
  /^(DecryptionFailure|InvalidKeyId|KMS)/.test(code) ||
  (/AccessDenied/.test(code) && /kms:Decrypt|KMS|ciphertext/.test(body.toString()));

function permissionOf(secret: StoredSecret, region: string, refusal: AwsAnswer): [string, string] {
  const { service, id } = secret;
  const action = service === "ssm" ? "ssm:GetParameter" : "secretsmanager:GetSecretValue";
  const prefix = arnPrefix(service, region, accountOf(secret, refusal));
  if (service === "ssm") {
    // Permissions know no versions.
    const name = id.replace(/^(arn:(?:[^:]*:){4}[^:]*|[^:]*):.*$/, "$1");
    return [action, name.startsWith("arn:") ? name : `${prefix}:parameter/${name.replace(/^\//, "")}`];
  }
  const arn = id.startsWith("arn:") ? id : `${prefix}:secret:${id}`;
  // AWS adds six characters to the name of a secret.
  return [action, /^arn:.*-\w{6}$/.test(id) ? arn : `${arn}-??????`];
}

const accountOf = ({ id }: StoredSecret, { body }: AwsAnswer): string =>
  /^arn:(?:[^:]*:){3}(\d+)/.exec(id)?.[1] ??
  /arn:[\w-]+:(?:sts|iam)::(\d{12}):/.exec(body.toString())?.[1] ??
  "*";

const arnPrefix = (service: string, region: string, account: string): string =>
  `arn:${partitionOf(region)}:${service}:${region}:${account}`;
