// What a push means for a project: weights.lock.json pins what was just uploaded, with checksums of blocks, which only
// who has read the files can know; and config.yaml may not name the prefix yet.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { RemoteFile } from "../../runtime/weights/_contracts.ts";
import { readS3Source } from "../../runtime/weights/sources/s3-address.ts";
import { type LoadedConfig, readConfig } from "../config.ts";
import type { FileFacts } from "./files.ts";
import type { WrittenObject } from "./upload.ts";
import type { ConfiguredWeights } from "../weights/config.ts";
import { lockText, matchLock, readLock, writeLock } from "../weights/lock.ts";
import { resolveEntry } from "../weights/resolve.ts";

/** An object of a push, however it came there. */
export interface PushedObject extends Pick<WrittenObject, "etag" | "versionId"> {
  readonly key: string;
  readonly size: number;
  readonly facts: FileFacts;
}

export interface PushSettings {
  /** `s3://bucket/prefix/`. */
  readonly destination: string;
  readonly region: string;
  readonly endpoint: string | undefined;
}

export interface LockOutcome {
  /** Whether config.yaml names the prefix, or something below or above it. */
  readonly named: boolean;
  /** Whether weights.lock.json is another one now. */
  readonly written: boolean;
  readonly warnings: readonly string[];
}

/** The project to keep up to date; undefined where there is none. @throws as `readConfig` does */
export function readProject(folder: string): LoadedConfig | undefined {
  return existsSync(join(folder, "config.yaml")) ? readConfig(folder) : undefined;
}

/** Pin what was uploaded in the project's lock. @throws CONFIG_INVALID for what is not a lock */
export async function lockPushed(
  loaded: LoadedConfig,
  pushed: readonly PushedObject[],
  settings: PushSettings,
): Promise<LockOutcome> {
  const affected = loaded.weights.filter((entry) => overlaps(entry, settings.destination));
  const named = affected.length > 0;
  if (!named) return { named, written: false, warnings: [] };
  if (!loaded.config.serverless.weights.lock)
    return { named, written: false, warnings: ["serverless.weights.lock is false: nothing is pinned."] };

  const before = readLock(loaded.project);
  const warnings: string[] = [];
  const locked: [ConfiguredWeights, readonly RemoteFile[]][] = [];
  for (const entry of loaded.weights) {
    const found = affected.includes(entry) ? await lookUp(entry, loaded, settings) : undefined;
    if (typeof found === "string") warnings.push(`${entry.place}: not pinned: ${found}`);
    const files =
      typeof found === "object" ? found.map((file) => withBlocks(entry, file, pushed)) : undefined;
    const kept = files ?? (found === undefined ? matchLock(before, entry) : undefined);
    if (kept !== undefined) locked.push([entry, kept]);
  }
  const written = locked.length > 0 && writeLock(loaded.project, lockText(locked));
  return { named, written, warnings };
}

/** Everything that is there for an entry, pushed now or before: a lock that lacked a file would hide it from the model. */
async function lookUp(
  entry: ConfiguredWeights,
  { config, settings: { secrets } }: LoadedConfig,
  { region, endpoint }: PushSettings,
): Promise<readonly RemoteFile[] | string> {
  const environment = {
    ...process.env,
    AWS_REGION: region,
    ...(endpoint !== undefined && { AWS_ENDPOINT_URL_S3: endpoint }),
    ...config.environment_variables,
  };
  const resolution = await resolveEntry(entry, { environment, secrets });
  if ("files" in resolution) return resolution.files;
  return ("refused" in resolution ? resolution.refused : resolution.unreachable).sentence;
}

/** The file with what reading it has told, if it is still the one that was pushed. */
function withBlocks(entry: ConfiguredWeights, file: RemoteFile, pushed: readonly PushedObject[]): RemoteFile {
  const own = pushed.find(({ key }) => key === file.key);
  const same =
    own !== undefined &&
    own.size === file.size &&
    (own.etag === undefined || own.etag === file.etag) &&
    (own.versionId === undefined || file.versionId === undefined || own.versionId === file.versionId);
  if (!same || file.size === 0) return file;
  const { crcs, blocks } = own.facts;
  return {
    ...file,
    // What config.yaml says of the file is the better pin.
    ...(entry.sha256 === undefined && { checksum: { algorithm: "crc32c", value: crcs.crc32c } }),
    ...(blocks !== undefined && { blocks }),
  };
}

/** Whether some key may belong to both. */
function overlaps(entry: ConfiguredWeights, destination: string): boolean {
  if (entry.scheme !== "s3") return false;
  const [own, pushed] = [readS3Source(entry.source), readS3Source(destination)];
  // Truss writes prefixes without the "/".
  const isPrefixOf = (one: string, other: string) =>
    one === "" || other === one || other.startsWith(one.replace(/\/?$/, "/"));
  return own.bucket === pushed.bucket && (isPrefixOf(own.key, pushed.key) || isPrefixOf(pushed.key, own.key));
}

/** What to put into config.yaml. */
export function configLines({ destination, region, endpoint }: PushSettings): string {
  const entry = {
    source: destination,
    ...(region !== "" && { region }),
    ...(endpoint !== undefined && { endpoint }),
  };
  return stringify({ weights: [entry] }).trimEnd();
}
