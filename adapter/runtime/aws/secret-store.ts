// The text of one secret of AWS Secrets Manager or one parameter of SSM: from the Parameters and Secrets extension where
// Lambda runs it, else from the service itself. Its errors name the secret and the permission; nothing of an answer but
// AWS's code reaches them. Source: docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html
// (the extension), the API references of Secrets Manager (GetSecretValue) and Systems Manager (GetParameter).

import { readdirSync } from "node:fs";
import { ColdframeError } from "../errors.ts";
import { regionOf } from "./credentials.ts";
import { domainOf } from "./partition.ts";
import { configuredRegion } from "./sdk.ts";
import { explain, noRegion, unanswered, unexpected } from "./secret-failures.ts";
import { type AwsRequest, createExchange, type Patience, send } from "./signed-exchange.ts";
import { encodeQuery } from "./sigv4.ts";

export interface StoredSecret {
  readonly service: "secretsmanager" | "ssm";
  /** A name, a path or an ARN; of a parameter also with `:version` or `:label`. */
  readonly id: string;
  readonly versionStage?: string | undefined;
  readonly versionId?: string | undefined;
  /** For messages: who wants it, as the subject of a sentence. */
  readonly subject: string;
}

export interface SecretStore {
  /**
   * The text as it is stored.
   * @param fresh not from the extension, which keeps what it read for minutes
   * @throws SECRET_UNREADABLE
   */
  read(secret: StoredSecret, fresh?: boolean): Promise<string>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A model waits for it to load, and Lambda for the model. */
const PATIENCE: Patience = { maxTries: 3, backOffMs: 200, tryMs: 5000 };

/** The extension is on this machine; what it cannot do in this time, the service can. */
const EXTENSION_LIMIT_MS = 2000;

const EXTENSIONS = "/opt/extensions";

const TARGETS = { secretsmanager: "secretsmanager.GetSecretValue", ssm: "AmazonSSM.GetParameter" } as const;

/** @param extensions the folder of Lambda's extensions, for tests */
export function createSecretStore(environment: Environment, extensions = EXTENSIONS): SecretStore {
  const exchange = createExchange(environment, "SECRET_UNREADABLE", PATIENCE);

  async function fromService(secret: StoredSecret): Promise<string> {
    const region = await regionFor(secret, environment);
    const answer = await exchange(toRequest(secret, region, environment)).catch((error) => {
      throw unanswered(secret, error);
    });
    if (answer.status !== 200) throw explain(secret, region, answer);
    return textOf(secret, answer.body);
  }

  return {
    async read(secret, fresh = false) {
      const found = fresh ? undefined : await fromExtension(secret, environment, extensions);
      return found ?? fromService(secret);
    },
  };
}

// `undefined` for whatever goes wrong: it may not be ready yet, and what AWS refuses it, AWS tells us better itself.
async function fromExtension(
  secret: StoredSecret,
  environment: Environment,
  extensions: string,
): Promise<string | undefined> {
  const token = environment["AWS_SESSION_TOKEN"];
  if (!token || !hasExtension(extensions)) return undefined;
  const port = environment["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"] || "2773";
  try {
    const url = new URL(`http://localhost:${port}${extensionPath(secret)}`);
    const headers = { "X-Aws-Parameters-Secrets-Token": token };
    const { status, body } = await send(
      { method: "GET", url, headers },
      AbortSignal.timeout(EXTENSION_LIMIT_MS),
    );
    return status === 200 ? textOf(secret, body) : undefined;
  } catch (error) {
    // That there is no text in it is known now.
    if (error instanceof ColdframeError && error.code === "SECRET_UNREADABLE") throw error;
    return undefined;
  }
}

function hasExtension(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name === "bootstrap" || name.includes("parameters-secrets"));
  } catch {
    return false;
  }
}

function extensionPath({ service, id, versionId, versionStage }: StoredSecret): string {
  if (service === "secretsmanager")
    return `/secretsmanager/get?${encodeQuery({ secretId: id, versionId, versionStage })}`;
  // The selector is a part of the name for the service, and not for the extension.
  const [, name, selector] = /^((?:arn:(?:[^:]*:){4})?[^:]*)(?::(.*))?$/.exec(id) ?? [undefined, id];
  const chosen = /^\d+$/.test(selector ?? "") ? { version: selector } : { label: selector };
  return `/systemsmanager/parameters/get?${encodeQuery({ name, withDecryption: "true", ...chosen })}`;
}

function toRequest(
  { service, id, versionId, versionStage }: StoredSecret,
  region: string,
  environment: Environment,
): AwsRequest {
  const input =
    service === "ssm"
      ? { Name: id, WithDecryption: true }
      : { SecretId: id, VersionId: versionId, VersionStage: versionStage };
  return {
    method: "POST",
    url: endpointOf(service, region, environment),
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": TARGETS[service] },
    body: JSON.stringify(input),
    service,
    region,
  };
}

function textOf(secret: StoredSecret, body: Buffer): string {
  let answer: { SecretString?: unknown; SecretBinary?: unknown; Parameter?: { Value?: unknown } } | null;
  try {
    answer = JSON.parse(body.toString()) as typeof answer;
  } catch {
    // Not as the cause: it quotes what may be the secret.
    throw unexpected(secret, "the answer is not JSON");
  }
  const text = secret.service === "ssm" ? answer?.Parameter?.Value : answer?.SecretString;
  if (typeof text === "string") return text;
  throw unexpected(secret, answer?.SecretBinary === undefined ? "the answer has no value" : "binary");
}

async function regionFor(secret: StoredSecret, environment: Environment): Promise<string> {
  const ofArn = /^arn:[^:]*:[^:]*:([^:]+):/.exec(secret.id)?.[1];
  const region = ofArn ?? regionOf(environment) ?? (await configuredRegion().catch(() => undefined));
  if (region !== undefined) return region;
  throw noRegion(secret);
}

/** Where a service is: by AWS's own variables, else the public one. Source: docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html. */
export function endpointOf(service: StoredSecret["service"], region: string, environment: Environment): URL {
  const own = service === "ssm" ? "AWS_ENDPOINT_URL_SSM" : "AWS_ENDPOINT_URL_SECRETS_MANAGER";
  const configured = environment[own] || environment["AWS_ENDPOINT_URL"];
  if (configured && environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] !== "true") return new URL(configured);
  const fips = environment["AWS_USE_FIPS_ENDPOINT"] === "true" ? "-fips" : "";
  return new URL(`https://${service}${fips}.${region}.${domainOf(region)}/`);
}
