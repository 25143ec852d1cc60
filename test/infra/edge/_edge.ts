// The template of the edge with the facts of a sample deployment in it, and what must hold of what it makes: rules of which
// no validator knows, each with the failure that callers would see.

import { readFileSync } from "node:fs";
import {
  AllowedMethods,
  CachePolicy,
  OriginRequestPolicy,
  ResponseHeadersPolicy,
} from "aws-cdk-lib/aws-cloudfront";
import { renderTemplate } from "../../../adapter/build/deployment-tag.ts";
import { type Evaluated, evaluate } from "../cfn/_evaluate.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import type { Json, Template } from "../cfn/_parse.ts";
import { deploymentOf, FULL } from "../_facts.ts";

/** What the URL is of, and where it is. */
export const ALIAS = "arn:aws:lambda:eu-west-1:123456789012:function:sample-model:live";
export const HOST = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws";

/** Parameters without a default, as the stack of the function has them in its outputs. */
export const REQUIRED: Parameters = { FunctionUrl: `https://${HOST}/`, AliasArn: ALIAS };

/** Of the function behind it. */
export const DEPLOYMENT = deploymentOf(FULL, "lambda");

/** As `coldframe build` writes it. */
export const rendered = (): string =>
  renderTemplate(
    readFileSync(new URL("../../../infra/edge/cloudfront.yaml", import.meta.url), "utf8"),
    DEPLOYMENT,
  );

const OF_DISTRIBUTION = "arn:<AWS::Partition>:cloudfront::<AWS::AccountId>:distribution/<Distribution>";

/** Statuses that CloudFront keeps for a while. Source: its Developer Guide, "HTTP 4xx and 5xx status codes that CloudFront caches". */
const KEPT_ERRORS = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];

/** Of what AWS::CloudFront::Distribution has, what is looked at here. */
export interface DistributionConfig {
  readonly HttpVersion: string;
  readonly Aliases?: Json;
  readonly ViewerCertificate?: Json;
  readonly WebACLId?: Json;
  readonly Logging?: Json;
  readonly DefaultCacheBehavior: Readonly<Record<string, Json>> & { readonly AllowedMethods: string[] };
  readonly Origins: readonly {
    readonly Id: string;
    readonly DomainName: string;
    readonly OriginAccessControlId?: string;
    readonly CustomOriginConfig: Readonly<Record<string, Json>>;
  }[];
  readonly CustomErrorResponses?: readonly {
    readonly ErrorCode: number;
    readonly ErrorCachingMinTTL?: number;
  }[];
}

/** The one distribution. */
export const distributionOf = ({ resources }: Evaluated): DistributionConfig =>
  (resources["Distribution"]?.Properties as unknown as { DistributionConfig: DistributionConfig })
    .DistributionConfig;

/** What is wrong with it, as sentences. */
export function problems(template: Template, given: Parameters = {}): string[] {
  const made = evaluate(template, { ...REQUIRED, ...given });
  return [...permissionProblems(made), ...signingProblems(made), ...behaviourProblems(made)];
}

function permissionProblems({ resources }: Evaluated): string[] {
  const permissions = Object.values(resources).filter(({ Type }) => Type === "AWS::Lambda::Permission");
  const found = permissions.map(({ Properties }) =>
    JSON.stringify(Properties, Object.keys(Properties).sort()),
  );
  const both = [
    { Action: "lambda:InvokeFunctionUrl", FunctionUrlAuthType: "AWS_IAM" },
    { Action: "lambda:InvokeFunction", InvokedViaFunctionUrl: true },
  ].map((own) => {
    const wanted = {
      ...own,
      FunctionName: ALIAS,
      Principal: "cloudfront.amazonaws.com",
      SourceArn: OF_DISTRIBUTION,
    };
    return JSON.stringify(wanted, Object.keys(wanted).sort());
  });
  return [
    ...both
      .filter((one) => !found.includes(one))
      .map((one) => `every call is a 403: no permission is ${one}`),
    ...found.filter((one) => !both.includes(one)).map((one) => `a permission too many: ${one}`),
  ];
}

function signingProblems(made: Evaluated): string[] {
  const { OriginAccessControlConfig: config } = (made.resources["OriginAccess"]?.Properties ?? {}) as {
    OriginAccessControlConfig?: Record<string, string>;
  };
  const [origin, ...others] = distributionOf(made).Origins;
  return [
    ...(config?.["OriginAccessControlOriginType"] === "lambda"
      ? []
      : ["origin access control is not of lambda"]),
    ...(config?.["SigningBehavior"] === "always" ? [] : ["not every request is signed"]),
    ...(config?.["SigningProtocol"] === "sigv4" ? [] : ["not signed with SigV4"]),
    ...(config?.["Name"]?.includes("<AWS::StackId>") ? [] : ["the name may be another stack's"]),
    ...(others.length === 0 && origin?.DomainName === HOST ? [] : ["the origin is not the function's host"]),
    ...(origin?.OriginAccessControlId === "<OriginAccess.Id>"
      ? []
      : ["the origin's requests are not signed"]),
    ...(origin?.CustomOriginConfig["OriginProtocolPolicy"] === "https-only"
      ? []
      : ["plain HTTP to the origin"]),
  ];
}

function behaviourProblems(made: Evaluated): string[] {
  const {
    DefaultCacheBehavior: behaviour,
    CustomErrorResponses = [],
    Origins,
    HttpVersion,
  } = distributionOf(made);
  const unkept = new Set(
    CustomErrorResponses.filter((one) => one.ErrorCachingMinTTL === 0).map((one) => one.ErrorCode),
  );
  const methods = [...behaviour.AllowedMethods].sort().join();
  const policies = [
    ["CachePolicyId", CachePolicy.CACHING_DISABLED.cachePolicyId],
    ["OriginRequestPolicyId", OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER.originRequestPolicyId],
    ["ResponseHeadersPolicyId", ResponseHeadersPolicy.SECURITY_HEADERS.responseHeadersPolicyId],
  ] as const;
  return [
    ...(behaviour["TargetOriginId"] === Origins[0]?.Id ? [] : ["calls go to no origin"]),
    ...(behaviour["Compress"] === false ? [] : ["streams are compressed"]),
    ...(behaviour["ViewerProtocolPolicy"] === "https-only" ? [] : ["calls may come in the clear"]),
    ...(methods === [...AllowedMethods.ALLOW_ALL.methods].sort().join()
      ? []
      : [`allowed methods: ${methods}`]),
    ...policies.filter(([name, id]) => behaviour[name] !== id).map(([name]) => `${name} is another`),
    ...KEPT_ERRORS.filter((code) => !unkept.has(code)).map((code) => `CloudFront keeps a ${code}`),
    ...(HttpVersion === "http2and3" ? [] : ["no HTTP/3"]),
  ];
}
