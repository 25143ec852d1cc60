// The only file that touches AWS's SDK, and only when somebody calls it: reading credentials from where AWS's tools
// keep them, and the address and signature of what is no plain bucket, by AWS's own rules. It never moves a file.

import { existsSync } from "node:fs";
import { ColdframeError } from "../errors.ts";
import type * as Sdk from "./sdk-entry.ts";
import type { Credentials } from "./sigv4.ts";

export type { Sdk };

/** One request as the SDK would send it. */
export interface SignedTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

export interface CaptureSettings {
  readonly region: string;
  readonly credentials: Credentials;
  readonly endpoint?: string;
  readonly pathStyle?: boolean;
  readonly dualStack?: boolean;
  readonly fips?: boolean;
  /** Added to this machine's clock, in milliseconds. */
  readonly clockOffsetMs?: number;
}

interface ObjectInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly VersionId?: string | undefined;
  readonly RequestPayer?: "requester" | undefined;
}

/** The operations weights need, by their names in AWS's reference. */
export interface Operations {
  readonly GetObject: ObjectInput;
  readonly HeadObject: ObjectInput & { readonly PartNumber?: number; readonly ChecksumMode?: "ENABLED" };
  readonly ListObjectsV2: {
    readonly Bucket: string;
    readonly Prefix?: string;
    readonly ContinuationToken?: string | undefined;
    readonly EncodingType?: "url";
    readonly RequestPayer?: "requester" | undefined;
  };
  readonly GetObjectAttributes: ObjectInput & {
    readonly ObjectAttributes: ("Checksum" | "ETag" | "ObjectParts" | "ObjectSize")[];
    readonly PartNumberMarker?: string | undefined;
    readonly MaxParts?: number;
  };
}

/** Signs one request as the SDK does, without sending it. @throws the SDK's own errors */
export type Capture = <Name extends keyof Operations>(
  operation: Name,
  input: Operations[Name],
) => Promise<SignedTarget>;

/** For what the SDK itself sends: STS, CreateSession. */
const CONNECT_LIMIT_MS = 3000;
const REQUEST_LIMIT_MS = 10_000;

let sdkFile: string | undefined;
let loading: Promise<typeof Sdk> | undefined;

/** Absolute path of aws-sdk.cjs beside the bundle; it need not exist. */
export function setSdkFile(file: string): void {
  if (file !== sdkFile) loading = undefined;
  sdkFile = file;
}

/**
 * AWS's SDK: of the artifact, else as it is installed.
 * @throws WEIGHTS_INVALID when it is neither
 */
export function loadSdk(): Promise<typeof Sdk> {
  loading ??= load();
  return loading;
}

// `createRequire`, because no bundler follows it: the SDK is a file of its own, or the platform's. Looked up here, because
// a cold start that needs no SDK would pay for node:module.
async function load(): Promise<typeof Sdk> {
  const { createRequire } = process.getBuiltinModule("node:module");
  if (sdkFile !== undefined && existsSync(sdkFile)) return createRequire(sdkFile)(sdkFile) as typeof Sdk;
  const require = createRequire(import.meta.url ?? `${process.cwd()}/`);
  try {
    return { ...require("@aws-sdk/client-s3"), ...require("@aws-sdk/credential-providers") } as typeof Sdk;
  } catch (cause) {
    throw new ColdframeError("WEIGHTS_INVALID", "AWS's SDK is needed, and it is not here.", {
      fix: "Run `npm install @aws-sdk/client-s3 @aws-sdk/credential-providers`, then build again.",
      cause,
    });
  }
}

/**
 * Follow AWS's rules of endpoints and authorisation: access points, directory buckets, object lambdas, FIPS. What is
 * behind a request, as CreateSession is, is really sent.
 */
export async function createCapture(settings: CaptureSettings): Promise<Capture> {
  const sdk = await loadSdk();
  const { endpoint } = settings;
  const client = new sdk.S3Client({
    region: settings.region,
    credentials: toSdkCredentials(settings.credentials),
    ...(endpoint !== undefined && { endpoint }),
    ...(settings.pathStyle !== undefined && { forcePathStyle: settings.pathStyle }),
    ...(settings.dualStack !== undefined && { useDualstackEndpoint: settings.dualStack }),
    ...(settings.fips !== undefined && { useFipsEndpoint: settings.fips }),
    // The region is in the ARN; the one given is where AWS_REGION points.
    useArnRegion: true,
    systemClockOffset: settings.clockOffsetMs ?? 0,
    // What they add is signed, and belongs to one request of the SDK.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: CONNECT_LIMIT_MS, requestTimeout: REQUEST_LIMIT_MS },
  });

  return async (operation, input) => {
    const command = new (sdk[`${operation}Command`] as CommandClass)(input);
    let target: SignedTarget | undefined;
    // Below the signature and above what reads an answer: there is none.
    command.middlewareStack.add(
      () => async (args) => {
        target = toTarget(args.request);
        return { response: {}, output: { $metadata: {} } };
      },
      { step: "deserialize", priority: "high", name: "captureSignedRequest" },
    );
    await client.send(command as never);
    if (target === undefined) throw new Error(`AWS's SDK signed no ${operation} request`);
    return target;
  };
}

/** The region of the profile in use, which only the SDK finds. */
export async function configuredRegion(): Promise<string | undefined> {
  const { S3Client } = await loadSdk();
  return new S3Client({}).config.region().catch(() => undefined);
}

/** The form in which the SDK takes and gives credentials. */
export interface SdkCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

export function toSdkCredentials(credentials: Credentials): SdkCredentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = credentials;
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiresAt !== undefined && { expiration: new Date(expiresAt) }),
  };
}

export function fromSdkCredentials(credentials: Readonly<SdkCredentials>): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials;
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiration !== undefined && { expiresAt: expiration.getTime() }),
  };
}

type CommandClass = new (
  input: object,
) => {
  readonly middlewareStack: {
    add(
      middleware: () => (args: { request: SdkRequest }) => Promise<object>,
      options: { step: "deserialize"; priority: "high"; name: string },
    ): void;
  };
};

interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
}

function toTarget({ protocol, hostname, port, path, query = {}, headers }: SdkRequest): SignedTarget {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}`);
  url.search = Object.entries(query)
    .flatMap(([name, value]) => [value].flat().map((one) => [name, one ?? ""] as const))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  // The URL says the host.
  const { host: _host, ...rest } = headers;
  return { url, headers: rest };
}
