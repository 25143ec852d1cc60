// What a request has to carry to be let in: of a function URL with AuthType AWS_IAM a signature, of a CloudFront that
// signs with origin access control the hash of its body, of anything else nothing.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-auth.html; for CloudFront, its Developer Guide, "Restrict access to an
// AWS Lambda function URL origin".

import { functionUrlRegion } from "./address.ts";
import { ColdframeClientError } from "./client-error.ts";
import { type AwsCredentials, type CredentialProvider, remembered } from "./credentials.ts";
import { createSigner, sha256 } from "./signature.ts";

/** A request whose body is in memory: a signature covers all of it. */
export interface PreparedRequest {
  readonly method: string;
  readonly url: URL;
  /** Lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface AuthorizationOptions {
  readonly url: URL;
  readonly credentials?: AwsCredentials | CredentialProvider | undefined;
  readonly region?: string | undefined;
  readonly hashBody?: boolean | undefined;
}

export interface Authorization {
  /** Where requests are signed for; `undefined`: they are not signed. */
  readonly region: string | undefined;
  /** The headers to send. @throws OPTION_INVALID, CREDENTIALS_FAILED, what a provider of credentials throws */
  headersOf(request: PreparedRequest): Promise<Record<string, string>>;
  /** AWS says what time it is. @returns whether that makes a difference to the next signature */
  setClock(time: number): boolean;
}

/** What AWS tolerates between its clock and ours is 5 minutes. */
const MAX_SKEW_MS = 4 * 60_000;

/** @throws OPTION_INVALID */
export function createAuthorization(options: AuthorizationOptions): Authorization {
  const { url, credentials } = options;
  if (credentials !== undefined) return signing(regionFor(options), remembered(credentials));
  const hashes = options.hashBody ?? (url.protocol === "https:" && functionUrlRegion(url) === undefined);
  return {
    region: undefined,
    async headersOf({ method, headers, body }) {
      // CloudFront itself hashes the body that a GET has not.
      if (!hashes || method === "GET" || method === "HEAD") return headers;
      return { ...headers, "x-amz-content-sha256": await sha256(body) };
    },
    setClock: () => false,
  };
}

/** An application's own key has no place in the header that holds the signature. @throws OPTION_INVALID */
export function refuseAuthorization(headers: Readonly<Record<string, string>>): void {
  if (!Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) return;
  throw new ColdframeClientError(
    "OPTION_INVALID",
    "`credentials` and an authorization header were both given, and AWS reads its signature from that header: " +
      "send a key of your own in another one, such as x-api-key. " +
      "(OpenAI's SDK sends none with `defaultHeaders: { authorization: null }`.)",
  );
}

function signing(region: string, credentialsNow: () => Promise<AwsCredentials>): Authorization {
  const sign = createSigner();
  // Added to this machine's clock.
  let offsetMs = 0;
  return {
    region,
    async headersOf({ method, url, headers, body }) {
      refuseAuthorization(headers);
      const bodyHash = await sha256(body);
      return sign({
        method,
        url,
        headers: { ...headers, "x-amz-content-sha256": bodyHash },
        region,
        service: "lambda",
        credentials: await credentialsNow(),
        now: Date.now() + offsetMs,
        bodyHash,
      });
    },
    setClock(time) {
      const skewMs = time - Date.now();
      if (Number.isNaN(skewMs) || Math.abs(skewMs - offsetMs) < MAX_SKEW_MS) return false;
      offsetMs = skewMs;
      return true;
    },
  };
}

function regionFor({ url, region }: AuthorizationOptions): string {
  const own = functionUrlRegion(url);
  if (own !== undefined && region !== undefined && own !== region) {
    throw new ColdframeClientError(
      "OPTION_INVALID",
      `region is ${region}, and ${url.host} is in ${own}: leave it out.`,
    );
  }
  if (own !== undefined || region !== undefined) return own ?? (region as string);
  throw new ColdframeClientError(
    "OPTION_INVALID",
    `credentials were given, and ${url.host} is no function URL (<id>.lambda-url.<region>.on.aws): ` +
      "behind CloudFront leave them out, since origin access control signs; anywhere else give `region` too.",
  );
}
