// The text of one secret of AWS Secrets Manager or one parameter of SSM: from the Parameters and Secrets extension where
// Lambda runs it, else from the service itself. Its errors name the secret and the permission; nothing of an answer but
// AWS's code reaches them. Source: docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html
// (the extension), the API references of Secrets Manager (GetSecretValue) and Systems Manager (GetParameter).

import { readdirSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { ColdframeError } from "../errors.ts";
import { findCredentials, regionOf } from "./credentials.ts";
import { configuredRegion } from "./sdk.ts";
import {
  AwsRefusal,
  explain,
  noCredentials,
  noRegion,
  unexpected,
  unreachable,
  withoutCredentials,
} from "./secret-failures.ts";
import { type Credentials, encodeQuery, signRequest } from "./sigv4.ts";

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

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const LIMIT_MS = 5000;

/** The extension is on this machine; what it cannot do in this time, the service can. */
const EXTENSION_LIMIT_MS = 2000;

const MAX_TRIES = 3;

/** Doubled for each try; the wait is a random part of it. */
const BACKOFF_MS = 200;

/** A secret has at most 64 KiB; an answer has little more. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** AWS allows 5 minutes between its clock and ours. */
const MAX_SKEW_MS = 4 * 60_000;

const EXTENSIONS = "/opt/extensions";

const TARGETS = { secretsmanager: "secretsmanager.GetSecretValue", ssm: "AmazonSSM.GetParameter" } as const;

const THROTTLED = /Throttl|TooManyRequests|RequestLimitExceeded|ServiceUnavailable|InternalService/i;
const WRONG_TIME = /InvalidSignature|SignatureDoesNotMatch|RequestExpired|RequestTimeTooSkewed/;
const EXPIRED = /ExpiredToken|UnrecognizedClient|InvalidClientTokenId/;

/** @param extensions the folder of Lambda's extensions, for tests */
export function createSecretStore(environment: Environment, extensions = EXTENSIONS): SecretStore {
  const credentials = findCredentials(environment, { code: "SECRET_UNREADABLE" });
  // Added to this machine's clock.
  let offsetMs = 0;

  async function fromService(secret: StoredSecret): Promise<string> {
    const region = await regionFor(secret, environment);
    const url = endpointOf(secret.service, region, environment);
    let [mayCorrectTime, mayRenew] = [true, true];
    for (let tries = 1; ; ) {
      const keys = await credentials.get().catch((error) => {
        throw withoutCredentials(secret, error);
      });
      if (keys === undefined) throw noCredentials(secret, credentials.absence);
      let answer: Answer;
      try {
        answer = await exchange(url, { method: "POST", ...sign(secret, url, region, keys) }, LIMIT_MS);
      } catch (error) {
        if (tries === MAX_TRIES) throw unreachable(secret, region, url, error);
        await backOff(tries++);
        continue;
      }
      if (answer.status === 200) return textOf(secret, answer.body);
      const refusal = new AwsRefusal(answer.status, answer.headers["x-amzn-errortype"], answer.body);
      const skew = Date.parse(String(answer.headers["date"])) - Date.now();
      if (mayCorrectTime && WRONG_TIME.test(refusal.code) && Math.abs(skew - offsetMs) > MAX_SKEW_MS) {
        offsetMs = skew;
        mayCorrectTime = false;
      } else if (mayRenew && EXPIRED.test(refusal.code)) {
        credentials.reject();
        mayRenew = false;
      } else if (refusal.status >= 500 || refusal.status === 429 || THROTTLED.test(refusal.code)) {
        if (tries === MAX_TRIES) throw explain(secret, region, refusal);
        await backOff(tries++);
      } else throw explain(secret, region, refusal);
    }
  }

  function sign(secret: StoredSecret, url: URL, region: string, keys: Credentials) {
    const { service, id, versionId, versionStage } = secret;
    const body = JSON.stringify(
      service === "ssm"
        ? { Name: id, WithDecryption: true }
        : { SecretId: id, VersionId: versionId, VersionStage: versionStage },
    );
    const headers = signRequest({
      method: "POST",
      url,
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": TARGETS[service] },
      body,
      region,
      service,
      credentials: keys,
      now: Date.now() + offsetMs,
    });
    return { headers, body };
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
    const { status, body } = await exchange(url, { method: "GET", headers }, EXTENSION_LIMIT_MS);
    return status === 200 ? textOf(secret, body) : undefined;
  } catch (error) {
    // That there is no text in it is known now.
    if (error instanceof ColdframeError) throw error;
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

function textOf(secret: StoredSecret, body: string): string {
  let answer: { SecretString?: unknown; SecretBinary?: unknown; Parameter?: { Value?: unknown } } | null;
  try {
    answer = JSON.parse(body) as typeof answer;
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

/** Source: the partitions of AWS's SDKs. */
function domainOf(region: string): string {
  if (region.startsWith("cn-")) return "amazonaws.com.cn";
  if (region.startsWith("eusc-")) return "amazonaws.eu";
  if (region.startsWith("us-iso-")) return "c2s.ic.gov";
  if (region.startsWith("us-isob-")) return "sc2s.sgov.gov";
  return "amazonaws.com";
}

const backOff = (tries: number): Promise<void> => wait(Math.random() * BACKOFF_MS * 2 ** tries);

async function exchange(
  url: URL,
  { body, ...options }: { method: string; headers: Record<string, string>; body?: string },
  limitMs: number,
): Promise<Answer> {
  const { request } = await (url.protocol === "http:" ? import("node:http") : import("node:https"));
  const signal = AbortSignal.timeout(limitMs);
  return new Promise((resolve, reject) => {
    // A connection of its own: one kept from before a freeze is dead.
    const sent = request(url, { ...options, agent: false, signal }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) sent.destroy(new Error("the answer is too long"));
      });
      answer.on("error", reject);
      answer.on("end", () => {
        const { statusCode: status = 0, headers } = answer;
        resolve({ status, headers, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
