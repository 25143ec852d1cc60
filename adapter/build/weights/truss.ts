// Truss's older keys for weights, `external_data` and `model_cache`, as entries of `weights`. They go on working; the
// build prints what to write today. Source: truss/base/truss_config.py.

import { stringify } from "yaml";
import { nameOf } from "../../runtime/weights/files/plan.ts";
import type { Problem } from "../config-problems.ts";
import type { AskedWeights } from "./config.ts";
import {
  type ExternalDataItem,
  externalDataItem,
  type ModelCacheItem,
  modelCacheItem,
  type WeightsItem,
} from "./schema.ts";

/** Without a file in runtime/weights/. */
const OTHER_CLOUDS: ReadonlyMap<string | undefined, string> = new Map([
  [
    "gcs",
    "gs:// is not fetched; copy the files to S3 and list them under weights as s3://<bucket>/<prefix>/.",
  ],
  [
    "azure",
    "azure:// is not fetched; copy the files to S3 and list them under weights as s3://<bucket>/<prefix>/.",
  ],
]);

/** What the older keys of a config mean today. */
export function fromTruss(written: Readonly<Record<string, unknown>>): {
  asked: AskedWeights[];
  problems: Problem[];
  notes: Problem[];
} {
  const problems: Problem[] = [];
  const cache = valid(written["model_cache"], modelCacheItem).flatMap(([i, item]) => {
    const path = ["model_cache", i];
    const refusal = OTHER_CLOUDS.get(item.kind);
    if (refusal === undefined) return [fromModelCache(path, item)];
    problems.push({ path: [...path, "kind"], sentence: refusal });
    return [];
  });
  if (cache.length > 0 && listOf(written["weights"]).length > 0) {
    const sentence =
      "weights are listed too, and Truss takes only one of the two; move the entries to weights.";
    problems.push({ path: ["model_cache"], sentence });
  }
  const data = valid(written["external_data"], externalDataItem).map(([i, item]) =>
    fromExternalData(["external_data", i], item),
  );
  const notes = [cache, data].filter((asked) => asked.length > 0).map(note);
  return { asked: [...cache, ...data], problems, notes };
}

function fromModelCache(path: PropertyKey[], item: ModelCacheItem): AskedWeights {
  const { repo_id: repository, revision, kind, allow_patterns, ignore_patterns } = item;
  const source =
    kind === "s3" || /^s3:/i.test(repository)
      ? repository.replace(/\/*$/, "/")
      : `hf://${repository}${revision ? `@${revision}` : ""}`;
  return {
    path,
    item: {
      source,
      mount_location: item.volume_folder ?? repository.replace(/\/+$/, "").replace(/^.*\//, ""),
      ...(allow_patterns !== undefined && { allow_patterns }),
      ...(ignore_patterns !== undefined && { ignore_patterns }),
      ...(item.runtime_secret_name !== undefined && { auth_secret_name: item.runtime_secret_name }),
    },
    keys: { source: "repo_id", mount_location: "volume_folder", auth_secret_name: "runtime_secret_name" },
  };
}

function fromExternalData(path: PropertyKey[], { url, local_data_path }: ExternalDataItem): AskedWeights {
  return {
    path,
    item: { source: url, mount_location: local_data_path.replace(/^\/app\/data\//, "") },
    keys: { source: "url", mount_location: "local_data_path" },
  };
}

function note(asked: readonly AskedWeights[]): Problem {
  const items: WeightsItem[] = asked.map(({ item }) => ({ ...item, source: printable(item.source) }));
  const today = stringify({ weights: items }, { lineWidth: 0 }).trimEnd().replace(/^/gm, "  ");
  return { path: asked[0]?.path.slice(0, 1) ?? [], sentence: `is read as weights. Written today:\n${today}` };
}

/** A query may hold a signature. */
function printable(source: string): string {
  const shown = nameOf(source);
  return shown === source ? source : `${shown}?...`;
}

function listOf(list: unknown): readonly unknown[] {
  return Array.isArray(list) ? list : [];
}

/** What its schema takes, with its place in the list. */
function valid<T>(list: unknown, schema: { safeParse(value: unknown): { data?: T } }): [number, T][] {
  return listOf(list).flatMap((value, i): [number, T][] => {
    const { data } = schema.safeParse(value);
    return data === undefined ? [] : [[i, data]];
  });
}
