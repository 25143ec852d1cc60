// The declared secrets: is there a value for them on this machine, and are those without a default where the templates
// tell the function to look for them. Their values are printed nowhere, and what AWS keeps for a deployment is only described.
// Source: docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html.

import type { LoadedConfig } from "../../build/config.ts";
import { secretEnvironment } from "../../build/deployment/iam.ts";
import { toLabel } from "../../build/deployment/names.ts";
import { regionOf } from "../../runtime/aws/credentials.ts";
import { partitionOf } from "../../runtime/aws/partition.ts";
import { configuredRegion } from "../../runtime/aws/sdk.ts";
import { explain } from "../../runtime/aws/secret-failures.ts";
import { endpointOf, type StoredSecret } from "../../runtime/aws/secret-store.ts";
import { allow } from "../../runtime/aws/signed-exchange.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { referenceOf } from "../../runtime/secret-references.ts";
import { readSecrets, secretVariable } from "../../runtime/secrets.ts";
import { type Ask, createAsk, elsewhere } from "./aws.ts";
import { type Finding, findingsOf, refusedAs } from "./finding.ts";
import { Late, withinLimit } from "./limits.ts";
import type { Project } from "./project.ts";

const { ok, warning, problem, skipped } = findingsOf("secrets");

export async function checkSecrets({ config, environment, target }: Project): Promise<Finding[]> {
  if (config instanceof ColdframeError) return [skipped("config.yaml cannot be read.")];
  const { secrets } = config.settings;
  const names = Object.keys(secrets);
  if (names.length === 0) return [ok("none are declared.")];
  const ask = createAsk(environment);
  const stored = target === "lambda" ? storedOf(config) : [];
  const found = await Promise.all([
    ...names.map((name) => checkHere(name, secrets[name] ?? null)),
    ...stored.map((secret) => checkStored(secret, environment, ask)),
  ]);
  const told = found.flat();
  return told.length > 0 ? told : [ok(`${names.join(", ")}: each has a value.`)];
}

/** As `dev` and `invoke` read it on this machine. */
async function checkHere(name: string, fallback: string | null): Promise<Finding[]> {
  try {
    await withinLimit(Promise.resolve(readSecrets({ [name]: fallback })));
    return [];
  } catch (error) {
    if (error instanceof Late) return [skipped(`"${name}" is a reference to AWS; ${error.message}`)];
    if (!(error instanceof ColdframeError)) throw error;
    if (error.code !== "SECRET_MISSING") return [refusedAs(warning, error)];
    const variable = secretVariable(name);
    return [
      warning(
        `"${name}" has no value here, so dev and invoke will not start.`,
        `Set ${variable}, or give it a default under secrets in config.yaml.`,
      ),
    ];
  }
}

interface Expected {
  readonly name: string;
  readonly id: string;
}

/** Where the templates tell a function to look, unless somebody sets another SecretsPrefix. */
function storedOf({ config }: LoadedConfig): Expected[] {
  const prefix = `${toLabel(config.model_name)}/`;
  const byVariable = secretEnvironment(config.secrets);
  return Object.keys(config.secrets).flatMap((name) => {
    const text = byVariable[secretVariable(name)]?.replace("${SecretsPrefix}", prefix);
    const id = text === undefined ? undefined : referenceOf(text)?.id;
    return id === undefined ? [] : [{ name, id }];
  });
}

async function checkStored(
  { name, id }: Expected,
  environment: Project["environment"],
  ask: Ask,
): Promise<Finding[]> {
  const create = `Run \`aws secretsmanager create-secret --name ${id} --secret-string file://${name}.txt\`, with the value in that file.`;
  const where = `"${name}" of a deployment is the secret ${id} of Secrets Manager`;
  const other = elsewhere(environment, "SECRETS_MANAGER");
  if (other !== undefined) return [skipped(`${where}; it was not looked for: ${other}.`, create)];
  const region = regionOf(environment) ?? (await withinLimit(configuredRegion()).catch(() => undefined));
  if (region === undefined) return [skipped(`${where}; no region is set to look for it in.`, create)];
  const answer = await ask({
    method: "POST",
    url: endpointOf("secretsmanager", region, environment),
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "secretsmanager.DescribeSecret",
    },
    body: JSON.stringify({ SecretId: id }),
    service: "secretsmanager",
    region,
  });
  if ("silence" in answer)
    return [skipped(`${where}; it was not found out whether it is there: ${answer.silence}`, create)];
  if (answer.status === 200) {
    if (!/"DeletedDate"\s*:\s*\d/.test(answer.body.toString())) return [];
    return [
      problem(
        `${where}, which is about to be deleted.`,
        `Run \`aws secretsmanager restore-secret --secret-id ${id}\`.`,
      ),
    ];
  }
  if (/NotFound/.test(answer.code)) return [problem(`${where}, and there is none in ${region}.`, create)];
  if (/AccessDenied|NotAuthorized/.test(answer.code)) {
    const arn = `arn:${partitionOf(region)}:secretsmanager:${region}:*:secret:${id}-??????`;
    return [
      skipped(
        `${where}; whether it is there may not be asked.`,
        allow("secretsmanager:DescribeSecret", arn, answer),
      ),
    ];
  }
  const secret: StoredSecret = { service: "secretsmanager", id, subject: `"${name}" (${id})` };
  return [refusedAs(warning, explain(secret, region, answer))];
}
