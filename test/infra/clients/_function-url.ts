// A function URL with AuthType AWS_IAM, as strict as AWS's: each request's signature is made again by the signer of AWS's
// SDK, from the bytes that arrived. It shares no code with the client. What is refused is refused in AWS's words.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { sdkSigner } from "../../runtime/aws/_signatures.ts";

export interface Received {
  readonly method: string;
  /** With the query, as it arrived. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type Answering = (request: Received, response: ServerResponse) => void | Promise<void>;

export interface SignedUrlOptions {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
  /** AWS's clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

export interface StandIn {
  readonly url: string;
  readonly server: Server;
  /** All that arrived, refused or not. */
  readonly received: readonly Received[];
}

/** Anyone's requests. */
export async function startServer(t: TestContext, answer: Answering): Promise<StandIn> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const whole = await receive(request);
    received.push(whole);
    await answer(whole, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, received };
}

/** Only requests that AWS would let through get an answer. */
export function startSignedUrl(
  t: TestContext,
  options: SignedUrlOptions,
  answer: Answering,
): Promise<StandIn> {
  const { now = Date.now } = options;
  return startServer(t, async (request, response) => {
    response.setHeader("date", new Date(now()).toUTCString());
    const refusal = await check(request, options, now());
    if (refusal === undefined) return answer(request, response);
    response.writeHead(403, { "content-type": "application/json", "x-amzn-errortype": refusal.type });
    response.end(
      JSON.stringify({ [refusal.type === ACCESS_DENIED ? "Message" : "message"]: refusal.message }),
    );
  });
}

interface Refused {
  readonly type: string;
  readonly message: string;
}

const ACCESS_DENIED = "AccessDeniedException";
const FORBIDDEN: Refused = {
  type: ACCESS_DENIED,
  message:
    "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
};
const FIVE_MINUTES_MS = 5 * 60_000;

/** Why AWS would not let a request through. */
export async function check(
  request: Received,
  options: SignedUrlOptions,
  now: number,
): Promise<Refused | undefined> {
  const { headers, body } = request;
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/.exec(
      headers["authorization"] ?? "",
    );
  if (found === null) return FORBIDDEN;
  const [, accessKeyId, day = "", region, service, list = ""] = found;
  if (accessKeyId !== options.accessKeyId || headers["x-amz-security-token"] !== options.sessionToken) {
    return {
      type: "UnrecognizedClientException",
      message: "The security token included in the request is invalid.",
    };
  }
  if (region !== options.region) return invalid("Credential should be scoped to a valid region. ");
  if (service !== "lambda") return invalid("Credential should be scoped to correct service: 'lambda'. ");

  const date = headers["x-amz-date"] ?? "";
  const time = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (Number.isNaN(time) || !date.startsWith(day)) return invalid("Date in Credential scope does not match.");
  const skew = time - now;
  if (Math.abs(skew) > FIVE_MINUTES_MS) {
    const [edge, clock] = [stamp(now + Math.sign(skew) * FIVE_MINUTES_MS), stamp(now)];
    return skew < 0
      ? invalid(`Signature expired: ${date} is now earlier than ${edge} (${clock} - 5 min.)`)
      : invalid(`Signature not yet current: ${date} is still later than ${edge} (${clock} + 5 min.)`);
  }

  const signed = list.split(";");
  for (const name of Object.keys(headers)) {
    const must = name === "host" || name === "content-type" || name.startsWith("x-amz-");
    if (must && !signed.includes(name))
      return invalid(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
  }
  const hash = createHash("sha256").update(body).digest("hex");
  const mismatch = invalid(
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );
  if (headers["x-amz-content-sha256"] !== hash) return mismatch;
  const expected = await expectedAuthorization(request, signed, options, time);
  return expected === headers["authorization"] ? undefined : mismatch;
}

async function expectedAuthorization(
  { method, path, headers, body }: Received,
  signed: readonly string[],
  { accessKeyId, secretAccessKey, sessionToken, region }: SignedUrlOptions,
  time: number,
): Promise<string | undefined> {
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
  const [pathname = "", search = ""] = path.split("?");
  const query: Record<string, string[]> = {};
  for (const pair of search.split("&").filter((one) => one !== "")) {
    const [name = "", ...value] = pair.split("=");
    (query[decodeURIComponent(name)] ??= []).push(decodeURIComponent(value.join("=")));
  }
  const request = {
    ...{ method, path: pathname, query, body, protocol: "https:" },
    hostname: headers["host"] ?? "",
    headers: Object.fromEntries(signed.map((name) => [name, headers[name] ?? ""])),
  };
  const signer = sdkSigner({ service: "lambda", region, credentials });
  const again = await signer.sign(request, { signingDate: new Date(time) });
  return again.headers["authorization"];
}

const invalid = (message: string): Refused => ({ type: "InvalidSignatureException", message });

const stamp = (time: number): string => new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, "");

async function receive(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = "", url = "", headers } = request;
  // Whole where this is the proxy through which a function URL is reached.
  const path = url.replace(/^http:\/\/[^/]*/, "");
  return { method, path, headers: headers as Record<string, string>, body: Buffer.concat(chunks) };
}
