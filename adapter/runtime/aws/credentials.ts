// Who asks AWS. The environment's keys, as Lambda sets them, are there at once; everything else (profile, SSO, process,
// container, instance, web identity, an assumed role) is read by AWS's SDK, which is loaded only then. Given out until
// they are about to expire, or until AWS refuses them.

import { ColdframeError, type ErrorCode } from "../errors.ts";
import { fromSdkCredentials, loadSdk, type Sdk, type SdkCredentials, toSdkCredentials } from "./sdk.ts";
import type { Credentials } from "./sigv4.ts";

export interface CredentialOptions {
  /** Assumed with what is found; with web identity where the environment has that, and no other role of its own. */
  readonly roleArn?: string | undefined;
  /** Where STS is asked; absent: the environment's, else `us-east-1`. */
  readonly region?: string | undefined;
  /** Instead of searching: the text of a secret, read again when AWS refuses what it held. */
  readonly secret?: { readonly name: string; read(): Promise<string | undefined> } | undefined;
  /** Of its errors; absent: WEIGHTS_FORBIDDEN. */
  readonly code?: ErrorCode;
}

export interface CredentialSource {
  /** What is known to be valid without waiting. */
  peek(): Credentials | undefined;
  /**
   * Valid credentials; `undefined` when there are none anywhere, and `absence` says what was tried.
   * @throws `code` when they cannot be read, or when AWS refused these already and there are no others
   */
  get(): Promise<Credentials | undefined>;
  readonly absence: string | undefined;
  /** AWS refuses what `peek` gives: expired, or withdrawn. The next `get` looks again. */
  reject(): void;
}

/** The region a secret may name, beside the keys. */
export interface SecretKeys {
  readonly credentials: Credentials;
  readonly region?: string;
}

/** Credentials that expire sooner are replaced: a long download must not meet their end half way. */
const MARGIN_MS = 5 * 60_000;

/** Of the sessions of an assumed role, in CloudTrail. */
const SESSION_NAME = "coldframe";

type Provider = () => Promise<SdkCredentials>;

/** Does nothing until it is asked. */
export function findCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  options: CredentialOptions = {},
): CredentialSource {
  const { roleArn, secret, code = "WEIGHTS_FORBIDDEN" } = options;
  const direct = roleArn === undefined && secret === undefined;
  let current = direct ? environmentKeys(environment) : undefined;
  let refused: Credentials | undefined;
  let absence: string | undefined;
  let pending: Promise<Credentials | undefined> | undefined;

  function peek(): Credentials | undefined {
    return current && remainingMs(current) > MARGIN_MS ? current : undefined;
  }

  async function get(): Promise<Credentials | undefined> {
    const valid = peek();
    if (valid || absence !== undefined) return valid;
    pending ??= renew().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  async function renew(): Promise<Credentials | undefined> {
    const before = current;
    try {
      current = await read();
    } catch (error) {
      // Whoever gives them out is not well; these are still good for minutes.
      if (before && remainingMs(before) > 0) return before;
      throw error;
    }
    if (current && refused && sameKeys(current, refused)) {
      current = undefined;
      throw refusedAgain();
    }
    return current;
  }

  async function read(): Promise<Credentials | undefined> {
    try {
      if (roleArn !== undefined) return await fromProvider(await roleProvider(roleArn));
      const own = await ownKeys();
      return own ?? (await fromProvider((await loadSdk()).fromNodeProviderChain()));
    } catch (error) {
      if (error instanceof ColdframeError && error.code !== "WEIGHTS_INVALID") throw error;
      if (roleArn === undefined && isAbsence(error)) {
        absence = sentenceOf(error);
        return undefined;
      }
      throw new ColdframeError(
        code,
        `cannot get AWS credentials${roleArn ? ` for ${roleArn}` : ""}: ${sentenceOf(error)}`,
        {
          fix: roleArn
            ? "Check that the role exists and that its trust policy lets this identity assume it."
            : "Check how this machine gets its AWS credentials, for example with `aws sts get-caller-identity`.",
          cause: error,
        },
      );
    }
  }

  /** Without the SDK: of the secret, else of the environment. */
  async function ownKeys(): Promise<Credentials | undefined> {
    return secret
      ? readKeys(await secret.read(), secret.name, code).credentials
      : environmentKeys(environment);
  }

  async function roleProvider(arn: string): Promise<Provider> {
    const sdk = await loadSdk();
    const clientConfig = { region: options.region ?? regionOf(environment) ?? "us-east-1" };
    if (!secret && webIdentityOf(environment, arn)) {
      return sdk.fromTokenFile({ roleArn: arn, roleSessionName: SESSION_NAME, clientConfig }) as Provider;
    }
    const own = await ownKeys();
    return sdk.fromTemporaryCredentials({
      params: { RoleArn: arn, RoleSessionName: SESSION_NAME },
      masterCredentials: own ? toSdkCredentials(own) : sdk.fromNodeProviderChain(),
      clientConfig,
    } as Parameters<typeof Sdk.fromTemporaryCredentials>[0]) as Provider;
  }

  function refusedAgain(): ColdframeError {
    const where = secret
      ? `the secret "${secret.name}" holds`
      : direct && environmentKeys(environment)
        ? "AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN hold"
        : "their source still gives";
    const message = `AWS refuses these credentials as expired, and ${where} no others.`;
    return new ColdframeError(code, message, { fix: "Put new ones there and start again." });
  }

  return {
    peek,
    get,
    get absence() {
      return absence;
    },
    reject() {
      if (current) refused = current;
      current = undefined;
    },
  };
}

/** The keys of a secret: `{"access_key_id", "secret_access_key", "session_token"?, "region"?}`, with or without `aws_` before. */
export function readKeys(
  text: string | undefined,
  name: string,
  code: ErrorCode = "WEIGHTS_FORBIDDEN",
): SecretKeys {
  const fail = (what: string) =>
    new ColdframeError(code, `the secret "${name}" ${what}.`, {
      fix: 'Give it as JSON: {"access_key_id": "...", "secret_access_key": "..."}, with "session_token" and "region" where needed.',
    });
  if (!text) throw fail("has no value");
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // Not as the cause: it quotes the secret.
    throw fail("is not JSON");
  }
  if (typeof fields !== "object" || fields === null) throw fail("is no JSON object");
  const field = (key: string): string | undefined => {
    const value =
      (fields as Record<string, unknown>)[key] ?? (fields as Record<string, unknown>)[`aws_${key}`];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [accessKeyId, secretAccessKey] = [field("access_key_id"), field("secret_access_key")];
  if (!accessKeyId || !secretAccessKey) throw fail("lacks access_key_id or secret_access_key");
  const [sessionToken, region] = [field("session_token"), field("region")];
  return {
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
    ...(region && { region }),
  };
}

/** `AWS_REGION`, which Lambda sets, else `AWS_DEFAULT_REGION`. */
export function regionOf(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return environment["AWS_REGION"] || environment["AWS_DEFAULT_REGION"] || undefined;
}

// They win over AWS_PROFILE, as in all of AWS's tools but the JavaScript SDK, which is about to change.
function environmentKeys(environment: Readonly<Record<string, string | undefined>>): Credentials | undefined {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
  const sessionToken = environment["AWS_SESSION_TOKEN"];
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** A pod that has a role of its own has to assume another with that one: the other need not trust the pod. */
function webIdentityOf(environment: Readonly<Record<string, string | undefined>>, arn: string): boolean {
  const own = environment["AWS_ROLE_ARN"];
  return Boolean(environment["AWS_WEB_IDENTITY_TOKEN_FILE"]) && (!own || own === arn);
}

async function fromProvider(provider: Provider): Promise<Credentials> {
  return fromSdkCredentials(await provider());
}

const remainingMs = ({ expiresAt = Number.POSITIVE_INFINITY }: Credentials): number => expiresAt - Date.now();

const sameKeys = (a: Credentials, b: Credentials): boolean =>
  a.accessKeyId === b.accessKeyId && a.sessionToken === b.sessionToken;

/** Nobody has credentials for us, or the SDK to look for them is not here; a public bucket needs none. */
function isAbsence(error: unknown): boolean {
  const name = error instanceof Error ? error.name : "";
  return /^(CredentialsProviderError|TokenProviderError|ProviderError|WEIGHTS_INVALID)$/.test(name);
}

function sentenceOf(error: unknown): string {
  if (error instanceof ColdframeError) return error.sentence;
  return error instanceof Error ? error.message : String(error);
}
