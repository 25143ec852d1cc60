// Whose credentials this machine has for AWS, and whether AWS still accepts them; never what they are. AWS is asked with
// sts:GetCallerIdentity, which needs no permission.
// Source: docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html.

import { hasReferences } from "../../build/weights/sdk-use.ts";
import { findCredentials, regionOf } from "../../runtime/aws/credentials.ts";
import { domainOf } from "../../runtime/aws/partition.ts";
import { configuredRegion } from "../../runtime/aws/sdk.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { nameOf } from "../../runtime/weights/files/plan.ts";
import { createAsk, elsewhere, type Silence, silenceOf } from "./aws.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { Late, withinLimit } from "./limits.ts";
import type { Project } from "./project.ts";
import { lookUpWeights } from "./weights.ts";

const { ok, warning, problem, skipped } = findingsOf("credentials");

const SIGN_IN =
  "Sign in with `aws sso login` or `aws configure`, and name the profile in AWS_PROFILE where it is not the default one.";

/** STS answers in any region. */
const ANY_REGION = "us-east-1";

export async function checkCredentials(project: Project): Promise<Finding[]> {
  // Both may wait for a network.
  const [user, found] = await Promise.all([userOf(project), examine(project.environment)]);
  if (found === "none" && user === undefined && project.target !== "lambda")
    return [ok("none here, and nothing of the project needs them.")];
  const need = user === undefined ? "; whoever deploys needs some" : `, and ${user} need them`;
  const findings = found === "none" ? [problem(`there are no AWS credentials here${need}.`, SIGN_IN)] : found;
  // Nobody is kept from anything by what nobody needs.
  return findings.map((finding) =>
    user === undefined && finding.state === "problem" ? { ...finding, state: "warning" } : finding,
  );
}

async function examine(environment: Project["environment"]): Promise<Finding[] | "none"> {
  const half = halfOf(environment);
  if (half !== undefined)
    return [problem(`${half} is not set, and its other half is.`, "Set both, or neither.")];
  const found = await search(environment);
  if ("silence" in found) return [problem(`they cannot be read: ${found.silence}`, found.fix ?? SIGN_IN)];
  if (!found.any) return "none";
  const region = regionOf(environment) ?? (await withinLimit(configuredRegion()).catch(() => undefined));
  const regionless =
    region === undefined
      ? [
          warning(
            "no region is set; S3 and the tools that deploy want one.",
            "Set AWS_REGION, or `region` of the profile.",
          ),
        ]
      : [];
  return [...shadowed(environment), ...regionless, await accepted(environment, region)];
}

/** What of a project asks AWS for something. */
async function userOf(project: Project): Promise<string | undefined> {
  const { config } = project;
  if (config instanceof ColdframeError) return undefined;
  if (hasReferences(config)) return "secrets that AWS keeps";
  // A public bucket answers anybody.
  const needy = (await lookUpWeights(project)).find(
    ({ entry: { scheme, auth }, resolution }) =>
      scheme === "s3" && auth?.secret === undefined && resolution !== undefined && !("files" in resolution),
  );
  return needy && `weights from ${nameOf(needy.entry.source)}`;
}

async function search(environment: Project["environment"]): Promise<{ any: boolean } | Silence> {
  try {
    const source = findCredentials(environment, { code: "SECRET_UNREADABLE" });
    return { any: (await withinLimit(source.get())) !== undefined };
  } catch (error) {
    if (error instanceof ColdframeError || error instanceof Late) return silenceOf(error);
    throw error;
  }
}

/** The variable that is missing of the pair. */
function halfOf(environment: Project["environment"]): string | undefined {
  const pair = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
  const missing = pair.filter((name) => !environment[name]);
  return missing.length === 1 ? missing[0] : undefined;
}

function shadowed(environment: Project["environment"]): Finding[] {
  if (!environment["AWS_ACCESS_KEY_ID"] || !environment["AWS_PROFILE"]) return [];
  return [
    warning(
      `AWS_ACCESS_KEY_ID is set, so the profile ${environment["AWS_PROFILE"]} of AWS_PROFILE is not used.`,
      "Unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE.",
    ),
  ];
}

async function accepted(environment: Project["environment"], region: string | undefined): Promise<Finding> {
  const from = placeOf(environment);
  const other = elsewhere(environment, "STS");
  if (other !== undefined) return skipped(`found ${from}; whether AWS accepts them was not asked: ${other}.`);
  const answer = await createAsk(environment)({
    method: "POST",
    url: endpointOf(environment, region ?? ANY_REGION),
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "Action=GetCallerIdentity&Version=2011-06-15",
    service: "sts",
    region: region ?? ANY_REGION,
  });
  if ("silence" in answer) {
    const refused = answer.silence.startsWith("AWS refuses");
    if (refused) return problem(`found ${from}: ${answer.silence}`, renewal(environment));
    return skipped(`found ${from}; whether AWS accepts them is not known: ${answer.silence}`);
  }
  if (answer.status !== 200)
    return problem(`found ${from}: AWS refuses them, ${answer.status} ${answer.code}.`, renewal(environment));
  const who = /<Arn>([^<]+)<\/Arn>/.exec(answer.body.toString())?.[1] ?? "somebody";
  return ok(`found ${from}: ${who}${region === undefined ? "" : `, in ${region}`}.`);
}

function endpointOf(environment: Project["environment"], region: string): URL {
  const ignored = environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true";
  const configured = environment["AWS_ENDPOINT_URL_STS"] || environment["AWS_ENDPOINT_URL"];
  return new URL(configured && !ignored ? configured : `https://sts.${region}.${domainOf(region)}/`);
}

/** Where they come from, in the order in which they are looked for. */
function placeOf(environment: Project["environment"]): string {
  if (environment["AWS_ACCESS_KEY_ID"]) return "in AWS_ACCESS_KEY_ID";
  if (environment["AWS_PROFILE"]) return `in the profile ${environment["AWS_PROFILE"]}`;
  if (environment["AWS_WEB_IDENTITY_TOKEN_FILE"]) return "by AWS_WEB_IDENTITY_TOKEN_FILE";
  const container = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  if (container.some((name) => environment[name])) return "of this container's role";
  return "in the default profile, or of this machine's role";
}

const renewal = (environment: Project["environment"]): string =>
  environment["AWS_ACCESS_KEY_ID"]
    ? "Put new ones into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or unset them to use a profile."
    : SIGN_IN;
