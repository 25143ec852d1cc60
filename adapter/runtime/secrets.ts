// The secrets a model declared, read once per cold start from the environment, a mounted file or the default. Values
// live in a closure: neither printing, nor JSON, nor an error ever shows them.

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
    const value =
      process.env[`COLDFRAME_SECRET_${name}`] ||
      process.env[secretVariable(name)] ||
      readFile(folder, name) ||
      fallback;
    if (value) values.set(name, value);
    else missing.push(name);
  }
  if (missing.length > 0) {
    throw new ColdframeError(
      "SECRET_MISSING",
      `no value for ${missing.map((name) => `"${name}"`).join(", ")}.`,
      {
        fix: missing.map((name) => `Set ${secretVariable(name)} or mount ${join(folder, name)}.`).join(" "),
      },
    );
  }
  return guard(values);
}

function readFile(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}

function guard(values: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const shown = Object.fromEntries([...values.keys()].map((name) => [name, "[secret]"]));
  // util.inspect looks through a Proxy at its target: the target holds no value.
  const target = { [Symbol.for("nodejs.util.inspect.custom")]: () => shown };
  return new Proxy(target as unknown as Record<string, string>, {
    get(_target, name) {
      if (typeof name === "symbol") return Reflect.get(target, name);
      if (values.has(name)) return values.get(name);
      if (name === "toJSON") return () => shown;
      // Asked by `await` and by string conversion, not by the model's author.
      if (name === "then" || name in Object.prototype) return undefined;
      throw new ColdframeError("SECRET_UNDECLARED", `the secret "${name}" is not declared in config.yaml.`, {
        fix: `Add \`${name}: null\` under \`secrets:\` and set ${secretVariable(name)}.`,
      });
    },
    has: (_target, name) => typeof name === "string" && values.has(name),
    ownKeys: () => [...values.keys()],
    getOwnPropertyDescriptor: (_target, name) =>
      typeof name === "string" && values.has(name)
        ? { value: values.get(name), enumerable: true, configurable: true }
        : undefined,
    set: readOnly,
    defineProperty: readOnly,
    deleteProperty: readOnly,
  });
}

function readOnly(): never {
  throw new TypeError("secrets are read-only");
}
