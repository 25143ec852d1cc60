// Looks up what the sources of config.yaml have now, with the code that the function would use: the files of
// runtime/weights/. What becomes of it is pin.ts.

import { pathToFileURL } from "node:url";
import { ColdframeError } from "../../runtime/errors.ts";
import { readSecrets } from "../../runtime/secrets.ts";
import type { Access, CreateSource, RemoteFile } from "../../runtime/weights/_contracts.ts";
import { createPlan, nameOf } from "../../runtime/weights/files/plan.ts";
import { adapterFile } from "../runtime-files.ts";
import type { ConfiguredWeights } from "./config.ts";

/** For one source, however many requests its listing takes. */
const LIMIT_MS = 30_000;

/** Of each request: who builds without a network is told so at once, and a lock or the cold start stands in. */
const TRIES = 2;

/** What a look-up came to. */
export type Resolution =
  | { readonly files: readonly RemoteFile[]; readonly warnings: readonly string[] }
  /** It cannot be told from here: the function may have the network or the rights that the builder lacks. */
  | { readonly unreachable: ColdframeError }
  /** No function could load this. */
  | { readonly refused: ColdframeError };

export interface ResolveOptions {
  readonly environment: Access["environment"];
  /** Declared secrets and their defaults. */
  readonly secrets: Readonly<Record<string, string | null>>;
  readonly limitMs?: number;
}

/** Codes that the deployment cannot recover from by running elsewhere. */
const FATAL: ReadonlySet<string> = new Set([
  "WEIGHTS_NOT_FOUND",
  "WEIGHTS_INVALID",
  "WEIGHTS_CHANGED",
  "WEIGHTS_CORRUPT",
]);

/** The files of one entry that its patterns choose. Never rejects for what a source says. */
export async function resolveEntry(entry: ConfiguredWeights, options: ResolveOptions): Promise<Resolution> {
  const { limitMs = LIMIT_MS } = options;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  try {
    const late = new Promise<never>((_resolve, reject) => {
      limit.signal.addEventListener("abort", () => reject(tooLate(entry, limitMs)), { once: true });
    });
    const warnings: string[] = [];
    const warn = (sentence: string) => void warnings.push(`${entry.place}: ${sentence}`);
    return { files: await Promise.race([list(entry, options, limit.signal, warn), late]), warnings };
  } catch (error) {
    if (!(error instanceof ColdframeError)) throw error;
    return FATAL.has(error.code) ? { refused: error } : { unreachable: error };
  } finally {
    clearTimeout(timer);
    // What is still being asked need not be answered.
    limit.abort();
  }
}

async function list(
  entry: ConfiguredWeights,
  options: ResolveOptions,
  signal: AbortSignal,
  warn: (sentence: string) => void,
): Promise<readonly RemoteFile[]> {
  const createSource = await importSource(entry.scheme);
  const source = createSource(entry, { ...(await access(entry, options, signal)), warn });
  const plan = createPlan([entry]);
  for await (const page of source.list()) {
    signal.throwIfAborted();
    plan.add(entry, source, page);
  }
  return plan.end().map(({ file }) => withOwnChecksum(entry, file));
}

async function importSource(scheme: string): Promise<CreateSource> {
  const url = pathToFileURL(adapterFile(`runtime/weights/${scheme}`)).href;
  return ((await import(url)) as { default: CreateSource }).default;
}

async function access(
  entry: ConfiguredWeights,
  { environment, secrets }: ResolveOptions,
  signal: AbortSignal,
): Promise<Access> {
  // Here and not above: most builds ask nothing over the network.
  const { createFetch } = await import("../../runtime/weights/download/request.ts");
  const fetch = createFetch({ environment, tries: TRIES });
  return {
    // Asked before each try: nothing is tried again that nobody waits for.
    fetch: (method, target, judge) => fetch(method, async () => (signal.throwIfAborted(), target()), judge),
    environment,
    async secret(name) {
      const declared = secrets[name];
      if (declared === undefined) return undefined;
      try {
        return (await readSecrets({ [name]: declared }))[name];
      } catch (error) {
        // Asked for by the source itself, a secret may be absent; named in config.yaml, it may not.
        if (entry.auth?.secret === name) throw error;
        return undefined;
      }
    },
  };
}

/** What config.yaml says of a file must be true, and is then the better pin. */
function withOwnChecksum(entry: ConfiguredWeights, file: RemoteFile): RemoteFile {
  if (entry.sha256 === undefined) return file;
  const { checksum } = file;
  if (checksum?.algorithm === "sha256" && checksum.value !== entry.sha256) {
    throw new ColdframeError(
      "WEIGHTS_CORRUPT",
      `${nameOf(entry.source)} has the SHA-256 ${checksum.value} there, and ${entry.sha256} in config.yaml.`,
      { fix: "Correct sha256, or put the right file there." },
    );
  }
  return { ...file, checksum: { algorithm: "sha256", value: entry.sha256 } };
}

function tooLate(entry: ConfiguredWeights, limitMs: number): ColdframeError {
  return new ColdframeError(
    "WEIGHTS_UNREACHABLE",
    `${nameOf(entry.source)} was not listed within ${limitMs / 1000} s.`,
  );
}
