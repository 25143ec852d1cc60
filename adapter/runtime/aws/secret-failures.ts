// Why a secret could not be read, as a sentence with the way out. AWS's own messages are not passed on: the one about a
// wrong signature quotes the session token. Taken from them are only names: who was refused, what, and the key.

import { ColdframeError } from "../errors.ts";
import type { StoredSecret } from "./secret-store.ts";

const SERVICES = { secretsmanager: "Secrets Manager", ssm: "SSM" } as const;

/** An answer of AWS that is not the secret. */
export class AwsRefusal {
  readonly status: number;
  /** As in the references: `AccessDeniedException`; "" when there is none. */
  readonly code: string;
  /** Not to be shown. */
  readonly message: string;

  constructor(status: number, type: string | string[] | undefined, body: string) {
    let fields: Record<string, unknown> = {};
    try {
      fields = (JSON.parse(body) as typeof fields) ?? {};
    } catch {}
    const message = fields["message"] ?? fields["Message"];
    // `com.amazonaws.secretsmanager#ResourceNotFoundException` in the body, with a link behind it in the header.
    const name = String(fields["__type"] ?? type ?? "").replace(/^.*#/, "");
    this.status = status;
    this.code = /^\w{1,80}/.exec(name)?.[0] ?? "";
    this.message = typeof message === "string" ? message : "";
  }
}

/** What an answer means. */
export function explain(secret: StoredSecret, region: string, refusal: AwsRefusal): ColdframeError {
  const { code, status } = refusal;
  const service = SERVICES[secret.service];
  const answered = `${service} answered ${status}${code === "" ? "" : ` ${code}`}`;
  if (needsKey(refusal)) {
    const key = /arn:[\w-]+:kms:[\w-]+:\d+:(?:key|alias)\/[\w/-]+/.exec(refusal.message)?.[0];
    const on =
      key ?? `${arnPrefix("kms", region, accountOf(secret, refusal))}:key/<the key it is encrypted with>`;
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

export function unreachable(secret: StoredSecret, region: string, url: URL, cause: unknown): ColdframeError {
  const error = cause as NodeJS.ErrnoException;
  const timeout = error.name === "TimeoutError" || error.name === "AbortError";
  const why = timeout ? "it did not answer in time" : (error.code ?? error.message);
  return unreadable(
    secret,
    `cannot reach ${url.host}: ${why}`,
    `In a VPC the function needs a NAT gateway or an interface endpoint com.amazonaws.${region}.${secret.service}.`,
  );
}

export const noRegion = (secret: StoredSecret): ColdframeError =>
  unreadable(secret, "no region is known to look for it in", "Set AWS_REGION, or name it by its ARN.");

export const noCredentials = (secret: StoredSecret, absence: string | undefined): ColdframeError =>
  unreadable(
    secret,
    `there are no AWS credentials here${absence === undefined ? "" : ` (${absence.replace(/\.$/, "")})`}`,
    "Give this process a role or credentials, for example with `aws sso login`.",
  );

/** Not with the error as the cause: the SDK's own hold the requests it sent. */
export const withoutCredentials = (secret: StoredSecret, error: unknown): ColdframeError => {
  const { message, fix } = error as Error & { fix?: string };
  return unreadable(
    secret,
    message.replace(/\.$/, ""),
    fix ?? "Check how this process gets its AWS credentials.",
  );
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
const needsKey = ({ code, message }: AwsRefusal): boolean =>
  /^(DecryptionFailure|InvalidKeyId|KMS)/.test(code) ||
  (/AccessDenied/.test(code) && /kms:Decrypt|KMS|ciphertext/.test(message));

function permissionOf(secret: StoredSecret, region: string, refusal: AwsRefusal): [string, string] {
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

const accountOf = ({ id }: StoredSecret, { message }: AwsRefusal): string =>
  /^arn:(?:[^:]*:){3}(\d+)/.exec(id)?.[1] ?? /arn:[\w-]+:(?:sts|iam)::(\d{12}):/.exec(message)?.[1] ?? "*";

function arnPrefix(service: string, region: string, account: string): string {
  const partition = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  return `arn:${partition}:${service}:${region}:${account}`;
}

function allow(action: string, on: string, { message }: AwsRefusal): string {
  const who = /arn:[\w-]+:(?:sts|iam)::\d{12}:[\w+=,.@/-]+/.exec(message)?.[0];
  return `Allow \`${action}\` on \`${on}\`${who === undefined ? "" : ` to ${who}`}.`;
}
