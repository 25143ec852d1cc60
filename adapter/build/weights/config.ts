// The weights of config.yaml as the runtime has them, whichever key they were written under. The keys are
// schema.ts, the URLs source.ts, the places mount.ts, what may stand beside what rules.ts,
// Truss's older shapes truss.ts.

import type { WeightsAuth, WeightsEntry } from "../../runtime/weights/_contracts.ts";
import type { Problem } from "../config-problems.ts";
import { type WeightsItem, weightsItem } from "./schema.ts";
import { readMount } from "./mount.ts";
import { itemProblems } from "./rules.ts";
import { readSource } from "./source.ts";
import { fromTruss } from "./truss.ts";

/** One entry of config.yaml, whichever key it was written under. */
export interface ConfiguredWeights extends WeightsEntry {
  /** The file of runtime/weights/ that fetches it. */
  readonly scheme: string;
  /** A folder of the project, relative: what `dev` and `invoke` serve in place of the bucket. */
  readonly local?: string;
  /** For messages: `config.yaml:4: weights[0]`. */
  readonly place: string;
}

/** An item of `weights`, or what an item of an older key means in today's words. */
export interface AskedWeights {
  readonly path: readonly PropertyKey[];
  readonly item: WeightsItem;
  /** Today's key -> the key it was written under. */
  readonly keys?: Readonly<Partial<Record<keyof WeightsItem, string>>>;
}

export interface ReadWeights {
  readonly entries: readonly Omit<ConfiguredWeights, "place">[];
  /** Of each entry, in the same order. */
  readonly paths: readonly (readonly PropertyKey[])[];
  readonly problems: readonly Problem[];
  /** No reason to refuse the config. */
  readonly notes: readonly Problem[];
}

/**
 * Read the weights of a config that need not be valid elsewhere: what its own schema refuses is left out.
 * @param written config.yaml as it is
 * @param project absolute
 * @param schemes the files of runtime/weights/
 */
export function readWeights(
  written: Readonly<Record<string, unknown>>,
  project: string,
  schemes: readonly string[],
): ReadWeights {
  const truss = fromTruss(written);
  const asked = [...itemsOf(written["weights"]), ...truss.asked];
  const secrets = new Set(Object.keys((written["secrets"] as object | undefined) ?? {}));
  const read = asked.map((one) => readItem(one, project, schemes, secrets));
  return {
    entries: read.flatMap(({ entry }) => entry ?? []),
    paths: asked.filter((_, i) => read[i]?.entry !== undefined).map(({ path }) => path),
    problems: [...truss.problems, ...read.flatMap(({ problems }) => problems)],
    notes: [...truss.notes, ...read.flatMap(({ notes }) => notes)],
  };
}

function itemsOf(list: unknown): AskedWeights[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((value, i) => {
    const { success, data } = weightsItem.safeParse(value);
    return success ? [{ path: ["weights", i], item: data }] : [];
  });
}

interface ReadItem {
  readonly entry?: Omit<ConfiguredWeights, "place">;
  readonly problems: Problem[];
  readonly notes: Problem[];
}

function readItem(
  { path, item, keys = {} }: AskedWeights,
  project: string,
  schemes: readonly string[],
  secrets: ReadonlySet<string>,
): ReadItem {
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const at = (key: keyof WeightsItem) => [...path, keys[key] ?? key];
  const refuse = (key: keyof WeightsItem, sentence: string) => problems.push({ path: at(key), sentence });

  const url = readSource(sourceOf(item), schemes);
  if (typeof url === "string") {
    refuse("source", url);
    return { problems, notes };
  }
  if (url.warning !== undefined) notes.push({ path: at("source"), sentence: url.warning });
  for (const [key, sentence] of itemProblems(item, url, { project, secrets })) refuse(key, sentence);
  const mount = readMount(item.mount_location, url);
  if (typeof mount === "string") refuse("mount_location", mount);
  else if (mount.note !== undefined && keys.mount_location === undefined) {
    notes.push({ path: at("mount_location"), sentence: mount.note });
  }
  if (problems.length > 0 || typeof mount === "string") return { problems, notes };
  return { entry: { ...toEntry(item, mount.mount), scheme: url.scheme }, problems, notes };
}

/** As Truss writes prefixes of S3: without the "/", where patterns say that it is one. */
function sourceOf({ source, allow_patterns: allow, ignore_patterns: ignore }: WeightsItem): string {
  const many = (allow?.length ?? 0) + (ignore?.length ?? 0) > 0;
  return many && /^s3:/i.test(source) ? source.replace(/(?<!\/)$/, "/") : source;
}

function toEntry(item: WeightsItem, mount: string): WeightsEntry & { local?: string } {
  const auth = toAuth(item);
  const region = item.region ?? item.auth?.aws_oidc_region;
  return {
    source: sourceOf(item),
    mount,
    ...(item.allow_patterns?.length && { allowPatterns: item.allow_patterns }),
    ...(item.ignore_patterns?.length && { ignorePatterns: item.ignore_patterns }),
    ...(item.sha256 !== undefined && { sha256: item.sha256.toLowerCase() }),
    ...(item.version_id !== undefined && { versionId: item.version_id }),
    ...(region !== undefined && { region }),
    ...(item.endpoint !== undefined && { endpoint: item.endpoint.replace(/\/$/, "") }),
    ...(item.path_style !== undefined && { pathStyle: item.path_style }),
    ...(item.dual_stack !== undefined && { dualStack: item.dual_stack }),
    ...(item.requester_pays !== undefined && { requesterPays: item.requester_pays }),
    ...(auth !== undefined && { auth }),
    ...(item.lazy !== undefined && { lazy: item.lazy }),
    ...(item.local !== undefined && { local: item.local.replace(/^\.\/|\/$/g, "") }),
  };
}

function toAuth({ auth, auth_secret_name: name }: WeightsItem): WeightsAuth | undefined {
  const secret = name ?? auth?.auth_secret_name;
  if (secret !== undefined) return { secret };
  return auth?.aws_oidc_role_arn === undefined ? undefined : { roleArn: auth.aws_oidc_role_arn };
}
