// Who signs a request to a URL: the credentials that AWS's own tools would use on this machine, where the URL is one of a
// function. How it is signed is the client's.

import { functionUrlRegion } from "../../infra/clients/address.ts";
import type { SentRequest } from "../../infra/clients/forbidden.ts";
import { type AwsCredentials, createClient } from "../../infra/clients/index.ts";
import { findCredentials } from "../runtime/aws/credentials.ts";
import type { HttpRequest } from "./http-exchange.ts";
import { Refusal } from "./refusal.ts";

export interface Signing {
  readonly sent: SentRequest;
  /** What to do about AWS's 403 to a request that was not signed, where it could have been. */
  readonly fix: string | undefined;
  /** The same request, with what it has to carry. */
  authorize(url: URL, request: HttpRequest): Promise<{ readonly url: URL; readonly request: HttpRequest }>;
}

const NOT_SIGNED = "A URL with AuthType AWS_IAM takes signed requests only:";

/**
 * Look for credentials, where they are of use: nothing is asked and loaded for any other URL.
 * @param profile of --profile
 * @param headers of the request: an authorization of its own is what it is sent with
 * @throws OPTION_INVALID, CREDENTIALS_FAILED
 */
export async function findSigning(
  url: URL,
  profile: string | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Signing> {
  const region = functionUrlRegion(url);
  const hasOwn = "authorization" in headers;
  if (profile !== undefined && (region === undefined || hasOwn)) {
    const why = hasOwn
      ? "the request has an authorization header"
      : `${url.host} is not the URL of a function`;
    throw new Refusal("OPTION_INVALID", `--profile says who signs, and ${why}.`, {
      fix: "Leave one of them out; what is in front of a function, such as CloudFront, signs itself.",
    });
  }
  const found = region === undefined || hasOwn ? {} : await credentialsOf(profile, region);
  const { credentials } = found;
  const client = createClient({ url: url.origin, credentials });
  return {
    sent: { region: credentials && region, isFunctionUrl: region !== undefined },
    fix: region === undefined || credentials ? undefined : fixOf(hasOwn, found.absence),
    async authorize(address, { method, headers: given, body }) {
      const authorized = await client.authorize({ method, url: address, headers: given, body });
      return { url: authorized.url, request: { method, headers: authorized.headers, body } };
    },
  };
}

interface Found {
  readonly credentials?: AwsCredentials | undefined;
  /** Where was looked in vain. */
  readonly absence?: string | undefined;
}

async function credentialsOf(profile: string | undefined, region: string): Promise<Found> {
  try {
    if (profile === undefined) {
      const source = findCredentials(process.env, { region });
      return { credentials: await source.get(), absence: source.absence };
    }
    // Not the whole chain: it would go on to somebody else where there is no such profile.
    const { fromIni } = await import("@aws-sdk/credential-providers");
    return { credentials: await fromIni({ profile, clientConfig: { region } })() };
  } catch (error) {
    throw new Refusal("CREDENTIALS_FAILED", `cannot get AWS credentials: ${(error as Error).message}`, {
      fix: "Sign in, for example with `aws sso login`, or name another --profile.",
    });
  }
}

function fixOf(hasOwn: boolean, absence: string | undefined): string {
  if (hasOwn) return `${NOT_SIGNED} without an authorization header of its own, this one would be signed.`;
  const tried = absence === undefined ? "" : ` (${absence.replace(/\.$/, "")})`;
  return `${NOT_SIGNED} there are no AWS credentials here${tried}. Name a --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or sign in with \`aws sso login\`. One with AuthType NONE needs a policy of its function that allows lambda:InvokeFunctionUrl and lambda:InvokeFunction to everybody.`;
}
