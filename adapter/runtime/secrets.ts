// The secrets a model declared, read once per cold start from the environment, a mounted file or the default; what
// begins with `aws-` is the address of a secret that AWS keeps. Neither printing, nor JSON, nor an error ever shows a
// value, and redaction.ts takes it out of what is printed otherwise.

import { readFileSync } from "node:fs";
import { ColdframeError } from "./errors.ts";
import { hide, REDACTED } from "./observe/redaction.ts";

export type Secrets = Readonly<Record<string, string>>;

/** Where Kubernetes and Truss mount secrets, one file each. */
const SECRETS_FOLDER = "/secrets";

/** The environment variable that holds secret `name`: `hf-token` is `COLDFRAME_SECRET_HF_TOKEN`. */
export const secretVariable = (name: string): string =>
  `COLDFRAME_SECRET_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;

const REFERENCE = /^aws-(secretsmanager|ssm):\/\//;

/**
 * Read every declared secret: `COLDFRAME_SECRET_<NAME>`, then the file `/secrets/<name>` (one trailing newline is
 * dropped), then the default of config.yaml. An empty value counts as absent.
 * @returns a promise when one of them is a reference to AWS
 * @throws SECRET_MISSING naming all that have no value; rejects with SECRET_UNREADABLE
 */
export function readSecrets(
  declared: Readonly<Record<string, string | null>>,
  folder: string = SECRETS_FOLDER,
): Secrets | Promise<Secrets> {
  const values = new Map<string, string>();
  for (const [name, fallback] of Object.entries(declared)) {
    const value = process.env[secretVariable(name)] || readFile(`${folder}/${name}`) || fallback;
    if (value) values.set(name, value);
  }
  const names = Object.keys(declared);
  const missing = names.filter((name) => !values.has(name));
  if (missing.length > 0) {
    const variables = missing.map(secretVariable).join(", ");
    throw new ColdframeError(
      "SECRET_MISSING",
      `no value for the secrets ${missing.join(", ")}: set ${variables}, or mount them as files in ${folder}.`,
    );
  }
  const references = new Map([...values].filter(([, value]) => REFERENCE.test(value)));
  if (references.size === 0) return record(names, (name) => values.get(name) as string);
  return readReferences(names, values, references);
}

async function readReferences(
  names: readonly string[],
  values: ReadonlyMap<string, string>,
  references: ReadonlyMap<string, string>,
): Promise<Secrets> {
  const { resolveReferences } = await import("./secret-references.ts");
  const resolved = await resolveReferences(references);
  return record(names, (name) => resolved.get(name)?.() ?? (values.get(name) as string));
}

function record(names: readonly string[], valueOf: (name: string) => string): Secrets {
  const secrets = {};
  const shown: Record<string, string> = {};
  for (const name of names) {
    shown[name] = REDACTED;
    // A getter, so that printing shows the name alone. What is read again may have changed.
    const get = () => hide(valueOf(name));
    get();
    Object.defineProperty(secrets, name, { get, enumerable: true });
  }
  Object.defineProperty(secrets, "toJSON", { value: () => shown });
  return guard(secrets);
}

/** The secrets of a model that declared none: reading one says how to declare it. */
export const noSecrets = (): Secrets => guard({});

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}

// A Proxy, so that a name which is not declared says so.
function guard(secrets: Record<string, string>): Secrets {
  return new Proxy(Object.freeze(secrets), {
    get(target, name) {
      // Symbols, `then` and `toJSON` are asked for by Node, `await` and JSON, not by the model's author.
      if (typeof name === "symbol" || /^(then|toJSON)$/.test(name) || name in target)
        return Reflect.get(target, name);
      throw new ColdframeError(
        "SECRET_UNDECLARED",
        `the secret "${name}" is not declared: add \`${name}: null\` under \`secrets:\` in config.yaml and set ${secretVariable(name)}.`,
      );
    },
  });
}
