// The secrets a model declared, read once per cold start from the environment, a mounted file or the default. Neither
// printing, nor JSON, nor an error ever shows a value.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ColdframeError } from "./errors.ts";

/** Where Kubernetes and Truss mount secrets, one file each. */
const SECRETS_FOLDER = "/secrets";

/** The environment variable that holds secret `name`: `hf-token` is `COLDFRAME_SECRET_HF_TOKEN`. */
export function secretVariable(name: string): string {
  return `COLDFRAME_SECRET_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/**
 * Read every declared secret: `COLDFRAME_SECRET_<NAME>`, then the file `/secrets/<name>` (one trailing newline is
 * dropped), then the default of config.yaml. An empty value counts as absent.
 * @throws SECRET_MISSING naming all that have no value
 */
export function readSecrets(
  declared: Readonly<Record<string, string | null>>,
  folder: string = SECRETS_FOLDER,
): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  const missing: string[] = [];
  for (const [name, fallback] of Object.entries(declared)) {
    const value = process.env[secretVariable(name)] || readFile(join(folder, name)) || fallback;
    if (value) values.set(name, value);
    else missing.push(name);
  }
  if (missing.length > 0) {
    throw new ColdframeError("SECRET_MISSING", `no value for the secrets ${missing.join(", ")}.`, {
      fix: `Set ${missing.map(secretVariable).join(", ")}, or mount them as files in ${folder}.`,
    });
  }
  return guard(values);
}

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}

// Getters, so that printing shows names; a Proxy around them, so that a name which is not declared says so.
function guard(values: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const shown = Object.fromEntries([...values.keys()].map((name) => [name, "[secret]"]));
  const secrets: Record<string, string> = Object.defineProperty({}, "toJSON", { value: () => shown });
  for (const [name, value] of values)
    Object.defineProperty(secrets, name, { get: () => value, enumerable: true });
  return new Proxy(Object.freeze(secrets), {
    get(target, name) {
      // Symbols, and `then`, are asked for by Node and by `await`, not by the model's author.
      if (typeof name === "symbol" || name === "then" || name in target) return Reflect.get(target, name);
      throw new ColdframeError("SECRET_UNDECLARED", `the secret "${name}" is not declared in config.yaml.`, {
        fix: `Add \`${name}: null\` under \`secrets:\` and set ${secretVariable(name)}.`,
      });
    },
  });
}
