// CloudFront in front of a function URL, as a distribution describes it: which methods it takes, what of a request it hands
// on, whether and how it signs. The function URL behind it checks every signature as AWS does.
// Source: CloudFront's Developer Guide, "Restrict access to an AWS Lambda function URL origin".

import { createHash } from "node:crypto";
import { request as send } from "node:http";
import type { TestContext } from "node:test";
import { OriginRequestPolicy } from "aws-cdk-lib/aws-cloudfront";
import { startServer, startSignedUrl, type Answering, type StandIn } from "../clients/_function-url.ts";
import { sdkSigner } from "../../runtime/aws/_signatures.ts";
import type { Evaluated } from "../cfn/_evaluate.ts";
import { distributionOf } from "./_edge.ts";

const REGION = "eu-west-1";
const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

/** Start both; the URL is CloudFront's. */
export async function startEdge(t: TestContext, made: Evaluated, answer: Answering): Promise<StandIn> {
  const origin = await startSignedUrl(t, { ...KEYS, region: REGION }, answer);
  const { DefaultCacheBehavior: behaviour } = distributionOf(made);
  const { OriginAccessControlConfig: access } = made.resources["OriginAccess"]?.Properties as {
    OriginAccessControlConfig: Record<string, string>;
  };
  const keepsHost =
    behaviour["OriginRequestPolicyId"] !==
    OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER.originRequestPolicyId;
  const signer = sdkSigner({ service: "lambda", region: REGION, credentials: KEYS });

  return startServer(t, async ({ method, path, headers, body }, response) => {
    if (!behaviour.AllowedMethods.includes(method)) return void response.writeHead(403).end();
    const { host: own = "", connection: _, authorization: __, ...others } = headers;
    const { host } = new URL(origin.url);
    // It has the body's hash from the caller, or takes it that there is no body.
    const hash = headers["x-amz-content-sha256"] ?? createHash("sha256").digest("hex");
    const onward = { ...others, host: keepsHost ? own : host, "x-amz-content-sha256": hash };
    const signed =
      access["SigningBehavior"] === "always"
        ? await signer.sign({
            ...{ method, path, headers: { ...onward, host }, protocol: "https:", hostname: host, query: {} },
          })
        : { headers: onward };
    const outgoing = { method, path, headers: { ...signed.headers, host: onward.host } };
    const call = send(origin.url, outgoing, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    call.on("error", (error) => response.destroy(error));
    call.end(body);
  });
}
