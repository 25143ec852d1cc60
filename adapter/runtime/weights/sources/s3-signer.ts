// Turns an operation on one bucket into a signed request: with whose credentials, for which region, by which clock. All
// three may turn out to be wrong; whoever reads S3's answer corrects them here, and the next signature is right.

import { findCredentials, readKeys, regionOf } from "../../aws/credentials.ts";
import { type Capture, configuredRegion, createCapture, type Operations } from "../../aws/sdk.ts";
import { type Credentials, signRequest } from "../../aws/sigv4.ts";
import { ColdframeError } from "../../errors.ts";
import type { Access, HttpTarget, WeightsEntry } from "../_contracts.ts";
import { checkRegion, endpointOf, needsSdk, type S3Place, toRequest } from "./s3-address.ts";
import { sdkError } from "./s3-errors.ts";

export type S3Operation = keyof Operations;

/** What an operation is asked with; bucket and payer are added. */
export type S3Input<Name extends S3Operation> = Omit<Operations[Name], "Bucket" | "RequestPayer">;

export interface S3Signer {
  /** @throws WEIGHTS_FORBIDDEN, WEIGHTS_INVALID, and for a directory bucket what its session says */
  sign<Name extends S3Operation>(operation: Name, input: S3Input<Name>): Promise<HttpTarget>;
  /** Whether what was signed at this time is still good: no credentials, region or clock have changed since. */
  isCurrent(signedAt: number): boolean;
  /** Known after the first signature. */
  readonly region: string;
  /** Requests are not signed, and why. */
  readonly anonymous: string | undefined;
  /** S3 says they have expired. */
  renewCredentials(): void;
  /** S3 says the bucket is there. @returns `false` when it cannot be followed */
  moveTo(region: string): boolean;
  /** Milliseconds since 1970, by the clock that signs. */
  now(): number;
  /** S3 says it is this time there. */
  setClock(serverTime: number): void;
}

/** S3 accepts a signature for 15 minutes. */
const SIGNATURE_MS = 5 * 60_000;

/** The session of a directory bucket lasts 5 minutes, and the SDK gives one out until its last. */
const SESSION_SIGNATURE_MS = 45_000;

/** An answer to a request that was signed before the credentials changed may still be on its way. */
const LATE_MS = 30_000;

/** Where nothing names a region: S3 there knows every bucket's, and says so. */
const FIRST_GUESS = "us-east-1";

/** Asks nobody and loads nothing before the first signature. */
export function createSigner(entry: WeightsEntry, place: S3Place, access: Access): S3Signer {
  const { environment } = access;
  const endpoint = endpointOf(entry, environment);
  const secretName = entry.auth?.secret;
  const secret =
    secretName === undefined ? undefined : { name: secretName, read: () => access.secret(secretName) };
  const source = findCredentials(environment, {
    secret,
    roleArn: entry.auth?.roleArn,
    region: entry.region ?? regionOf(environment),
  });

  let region = "";
  let starting: Promise<void> | undefined;
  let offsetMs = 0;
  let changedAt = 0;
  let renewedAt = 0;
  let credentials: Credentials | undefined;
  let capture:
    | { readonly credentials: Credentials; readonly at: number; readonly sign: Promise<Capture> }
    | undefined;

  async function start(): Promise<void> {
    const named = entry.region ?? (secret && readKeys(await secret.read(), secret.name).region);
    region = checkRegion(named ?? regionOf(environment) ?? (await regionOfProfile()) ?? FIRST_GUESS);
  }

  // Where the keys come from a profile, so does the region; where they do not, nothing is loaded to look for one.
  async function regionOfProfile(): Promise<string | undefined> {
    if (source.peek() || endpoint.custom !== undefined) return undefined;
    return (await source.get()) && (await configuredRegion());
  }

  async function current(): Promise<Credentials | undefined> {
    const found = source.peek() ?? (await source.get());
    if (found !== credentials) {
      if (credentials) changedAt = renewedAt = performance.now();
      credentials = found;
    }
    return found;
  }

  async function sign<Name extends S3Operation>(operation: Name, input: S3Input<Name>): Promise<HttpTarget> {
    await (starting ??= start());
    const payer = entry.requesterPays ? { RequestPayer: "requester" as const } : {};
    const whole = { Bucket: place.bucket, ...payer, ...input } as Operations[Name];
    const found = await current();
    if (needsSdk(place, endpoint, region)) return signWithSdk(operation, whole, found);
    const request = toRequest(operation, whole, endpoint, region);
    if (!found) return request;
    const now = Date.now() + offsetMs;
    return {
      url: request.url,
      headers: signRequest({ ...request, region, service: "s3", credentials: found, now }),
    };
  }

  async function signWithSdk<Name extends S3Operation>(
    operation: Name,
    input: Operations[Name],
    found: Credentials | undefined,
    retried = false,
  ): Promise<HttpTarget> {
    if (!found) {
      const what = place.kind === "bucket" ? "this endpoint" : `a ${place.kind}`;
      throw new ColdframeError("WEIGHTS_FORBIDDEN", `${what} needs AWS credentials: ${source.absence}`, {
        fix: "Give the function a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID.",
      });
    }
    try {
      // A client of its own after each change: it would hold on to the session that was refused.
      if (capture?.credentials !== found || capture.at !== changedAt) {
        capture = { credentials: found, at: changedAt, sign: createCapture(captureSettings(found)) };
      }
      return await (await capture.sign)(operation, input);
    } catch (error) {
      capture = undefined;
      if (retried || !/^ExpiredToken/.test((error as Error).name)) throw sdkError(error, place);
      source.reject();
      return signWithSdk(operation, input, await current(), true);
    }
  }

  function captureSettings(found: Credentials) {
    const { custom, pathStyle, dualStack, fips } = endpoint;
    return {
      region,
      credentials: found,
      ...(custom !== undefined && { endpoint: custom }),
      ...(pathStyle && { pathStyle }),
      ...(dualStack && { dualStack }),
      ...(fips && { fips }),
      clockOffsetMs: offsetMs,
    };
  }

  return {
    sign,
    isCurrent(signedAt) {
      const limit = place.kind === "directory bucket" ? SESSION_SIGNATURE_MS : SIGNATURE_MS;
      const valid = signedAt > changedAt && performance.now() - signedAt < limit;
      return valid && source.peek() === credentials;
    },
    get region() {
      return region;
    },
    get anonymous() {
      return credentials ? undefined : source.absence;
    },
    renewCredentials() {
      if (renewedAt > 0 && performance.now() - renewedAt < LATE_MS) return;
      // A new session is enough; getting one tells when the credentials behind it have expired, too.
      if (place.kind === "directory bucket") changedAt = renewedAt = performance.now();
      else source.reject();
    },
    moveTo(there) {
      if (there === region) return true;
      if (place.kind !== "bucket") return false;
      checkRegion(there);
      access.warn?.(
        `the bucket ${place.bucket} is in ${there}, not in ${region}: \`region: ${there}\` in its entry of config.yaml saves a request.`,
      );
      region = there;
      changedAt = performance.now();
      return true;
    },
    now: () => Date.now() + offsetMs,
    setClock(serverTime) {
      offsetMs = serverTime - Date.now();
      changedAt = performance.now();
    },
  };
}
