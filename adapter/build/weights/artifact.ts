// What the artifact carries of weights: weights.json, the manifest that the cold start follows, weights.cjs and
// weights-thread.cjs, the engine with the sources that are used, and aws-sdk.cjs where S3 is one of them. A deployment without weights has none of them.

import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type {
  ManifestSource,
  RemoteFile,
  WeightsEntry,
  WeightsManifest,
  WeightsOptions,
} from "../../runtime/weights/_contracts.ts";
import type { Config } from "../config-schema.ts";
import type { ConfiguredWeights } from "./config.ts";
import { asking } from "./lock.ts";
import type { PinnedEntry } from "./pin.ts";

/** Of what a digest is made; another number for another way of making it. */
const DIGEST_VERSION = 1;

export interface ManifestInput {
  readonly entries: readonly PinnedEntry[];
  readonly config: Config;
  /** Paths of the files of data_dir, relative to it: they lie in the data directory too. */
  readonly data: readonly string[];
  /** The project, when its local folders stand in for buckets. */
  readonly localIn?: string;
}

/** weights.json. The digest comes first: the cold start reads it without parsing the rest. */
export function weightsManifest({ entries, config, data, localIn }: ManifestInput): WeightsManifest {
  const sources = entries.map(({ entry, files }) => {
    const local = localIn !== undefined && entry.local !== undefined;
    return local ? toLocal(entry) : { ...toEntry(entry), ...(files !== undefined && { files }) };
  });
  const facts = entries.map(({ entry }, i) => {
    const local = localIn !== undefined && entry.local !== undefined;
    const source = sources[i] as ManifestSource;
    return [...deciding(source), local ? folderFacts(join(localIn, entry.local)) : null];
  });
  const options = manifestOptions(config);
  return {
    version: 1,
    digest: digestOf([DIGEST_VERSION, facts, data.toSorted()]),
    ...(Object.keys(options).length > 0 && { options }),
    sources,
  };
}

/** weights.json as text. */
export function manifestText(manifest: WeightsManifest): string {
  return `${JSON.stringify(manifest)}\n`;
}

function manifestOptions({ serverless }: Config): WeightsOptions {
  const { verify, verify_warm, connections } = serverless.weights;
  return {
    ...(verify === "size" && { verify: false }),
    ...(verify_warm === "full" && { verifyWarm: verify_warm }),
    ...(connections !== "auto" && { connections }),
  };
}

/** Without what only the build knows. */
function toEntry({
  scheme: _scheme,
  local: _local,
  place: _place,
  ...entry
}: ConfiguredWeights): WeightsEntry {
  return entry;
}

/** A local folder has no versions, regions or rights, and is not held against a checksum of the real file. */
function toLocal(entry: ConfiguredWeights): ManifestSource {
  const { source, mount, allowPatterns, ignorePatterns, lazy } = entry;
  return {
    source,
    mount,
    ...(allowPatterns !== undefined && { allowPatterns }),
    ...(ignorePatterns !== undefined && { ignorePatterns }),
    ...(lazy !== undefined && { lazy }),
  };
}

/** Everything of a source that decides which bytes lie where. How they are reached does not. */
function deciding(source: ManifestSource): unknown[] {
  const { files } = source;
  return [source.mount, asking(source), files === undefined ? null : files.map(fileFacts)];
}

function fileFacts({ path, key, size, etag, versionId, checksum }: RemoteFile): unknown[] {
  return [path, key, size, etag ?? null, versionId ?? null, checksum?.algorithm, checksum?.value];
}

/** A folder that is edited between two starts is another source each time. */
function folderFacts(folder: string): unknown[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((found) => !found.isDirectory())
    .map((found) => {
      const path = join(found.parentPath, found.name);
      const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
      return [path.slice(folder.length), size, mtimeMs];
    })
    .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}

function digestOf(facts: unknown): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
