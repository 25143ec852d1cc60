// The rules Lambda has for environment variables, and the one that a server's platforms have. Source: AWS Lambda developer
// guide, "Working with Lambda environment variables" and its list of reserved names.

import type { Problem } from "./config-problems.ts";
import type { Target } from "./runtime-files.ts";

/** Names and values together. */
const LIMIT_BYTES = 4096;

const LEGAL_NAME = /^[A-Za-z][A-Za-z0-9_]+$/;
const RESERVED =
  /^(_HANDLER|_X_AMZN_.*|LAMBDA_.*|AWS_LAMBDA_.*|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_ACCESS_KEY(_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)$/;
/** Reserved by prefix, yet meant to be set. */
const SETTABLE = new Set(["AWS_LAMBDA_EXEC_WRAPPER"]);
const SECRET = /^COLDFRAME_SECRET_/;

/** Problems of `environment_variables`; anything that is not a mapping is left to the schema. */
export function checkEnvironment(variables: unknown, target: Target): Problem[] {
  if (variables === null || typeof variables !== "object" || Array.isArray(variables)) return [];
  const problems = Object.keys(variables).flatMap((name) => {
    const sentence = refusal(name, target);
    return sentence === undefined ? [] : [{ path: ["environment_variables", name], sentence }];
  });
  const bytes = Object.entries(variables).reduce(
    (sum, pair) => sum + Buffer.byteLength(pair.map(String).join("")),
    0,
  );
  if (bytes > LIMIT_BYTES) {
    const sentence = `found ${bytes} bytes of names and values, allowed ${LIMIT_BYTES}; put large values in data/.`;
    problems.push({ path: ["environment_variables"], sentence });
  }
  return problems;
}

function refusal(name: string, target: Target): string | undefined {
  if (name === "PORT" && target === "server")
    return "is how a platform says where the server has to listen; give it another name, or run it as on Lambda: coldframe dev --lambda.";
  if (RESERVED.test(name) && !SETTABLE.has(name))
    return "is set by Lambda itself and cannot be changed; remove it.";
  if (SECRET.test(name)) {
    return "would put a secret in the configuration; declare it under secrets and set the variable on the function.";
  }
  if (!LEGAL_NAME.test(name)) {
    return "is not a name Lambda takes: at least two letters, digits and '_', the first a letter.";
  }
  return undefined;
}
