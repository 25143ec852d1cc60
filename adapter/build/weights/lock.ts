// weights.lock.json: what each source of config.yaml had when it was last looked up, so that every deployment made from
// one commit loads the same bytes. Lies beside config.yaml, is committed with it, and holds no time and no place of a
// machine. Looking sources up is resolve.ts.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ColdframeError } from "../../runtime/errors.ts";
import type { RemoteFile, WeightsEntry } from "../../runtime/weights/_contracts.ts";
import { matcher } from "../../runtime/weights/files/patterns.ts";

const LOCK_NAME = "weights.lock.json";
const VERSION = 1;

/** How to make the file anew. */
export const REFRESH = "coldframe build --refresh-weights";

/** What decides which files an entry has. The rest of it says how to reach them, or where they go. */
const ASKING = ["source", "endpoint", "versionId", "sha256", "allowPatterns", "ignorePatterns"] as const;

const size = z.int().min(0);

const file: z.ZodType<RemoteFile> = z.strictObject({
  path: z.string(),
  key: z.string(),
  size,
  etag: z.string().exactOptional(),
  versionId: z.string().exactOptional(),
  checksum: z
    .strictObject({
      algorithm: z.enum(["crc32", "crc32c", "crc64nvme", "sha256", "sha1", "md5", "git-sha1"]),
      value: z.string().regex(/^[0-9a-f]+$/),
    })
    .exactOptional(),
  blocks: z
    .strictObject({
      algorithm: z.enum(["crc32", "crc32c", "crc64nvme", "sha256", "sha1"]),
      size: z.int().min(1),
      values: z.base64(),
    })
    .exactOptional(),
  partSize: z.int().min(1).exactOptional(),
  ranges: z.literal(false).exactOptional(),
});

const lockSource = z.strictObject({
  source: z.string(),
  mount: z.string(),
  endpoint: z.string().exactOptional(),
  versionId: z.string().exactOptional(),
  sha256: z.string().exactOptional(),
  allowPatterns: z.array(z.string()).exactOptional(),
  ignorePatterns: z.array(z.string()).exactOptional(),
  files: z.array(file).min(1),
});

const lockDocument = z.strictObject({ version: z.literal(VERSION), sources: z.array(lockSource) });

/** One source as it was looked up. */
export type LockSource = z.output<typeof lockSource>;

/** Where a project's lock lies. */
export function lockFile(project: string): string {
  return join(project, LOCK_NAME);
}

export function hasLock(project: string): boolean {
  return existsSync(lockFile(project));
}

/**
 * The sources of a project's lock, or undefined when it has none.
 * @throws CONFIG_INVALID for what is not a lock
 */
export function readLock(project: string): readonly LockSource[] | undefined {
  if (!hasLock(project)) return undefined;
  const text = readFileSync(lockFile(project), "utf8");
  const conflict = /^(<{7}|>{7}) /m.exec(text);
  if (conflict !== null) {
    throw refused(`has a merge conflict in line ${text.slice(0, conflict.index).split("\n").length}.`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw refused(`is not JSON: ${(cause as Error).message}.`, cause);
  }
  const version = (parsed as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version > VERSION) {
    throw refused(`is of version ${version}, written by a newer coldframe; this one knows ${VERSION}.`);
  }
  const { data, error } = lockDocument.safeParse(parsed);
  if (data !== undefined) return data.sources.map(checkSource);
  const [issue] = error.issues;
  throw refused(`is not what a build wrote: ${z.core.toDotPath(issue?.path ?? [])}: ${issue?.message}.`);
}

/** By hand, or by a merge, a lock may come to say what no build would have. */
function checkSource(source: LockSource): LockSource {
  const wanted = matcher(source.allowPatterns, source.ignorePatterns);
  const stray = source.files.find(({ path }) => path !== "" && !wanted(path));
  if (stray !== undefined)
    throw refused(`has ${stray.path} of ${source.source}, which the patterns leave out.`);
  return source;
}

function refused(sentence: string, cause?: unknown): ColdframeError {
  return new ColdframeError("CONFIG_INVALID", `${LOCK_NAME} ${sentence}`, {
    fix: `Restore it from version control, or make it anew with \`${REFRESH}\`.`,
    ...(cause !== undefined && { cause }),
  });
}

/** The files of an entry, when the lock has it as it is asked for now. */
export function matchLock(
  lock: readonly LockSource[] | undefined,
  entry: WeightsEntry,
): readonly RemoteFile[] | undefined {
  const asked = asking(entry);
  return lock?.find((source) => asking(source) === asked)?.files;
}

/** Whether the lock knows the source, asked for in whichever way. */
export function knowsSource(lock: readonly LockSource[] | undefined, entry: WeightsEntry): boolean {
  return lock?.some(({ source }) => source === entry.source) ?? false;
}

/** What decides which files an entry has, as one text. */
export function asking(entry: WeightsEntry): string {
  return JSON.stringify(ASKING.map((key) => entry[key] ?? null));
}

/** The lock of entries that were looked up: two spaces, one key a line, so that a diff shows what changed. */
export function lockText(entries: readonly (readonly [WeightsEntry, readonly RemoteFile[]])[]): string {
  const sources = entries.map(([entry, files]) => ({
    source: entry.source,
    mount: entry.mount,
    endpoint: entry.endpoint,
    versionId: entry.versionId,
    sha256: entry.sha256,
    allowPatterns: entry.allowPatterns,
    ignorePatterns: entry.ignorePatterns,
    files: sortFiles(files).map(toLocked),
  }));
  return `${JSON.stringify({ version: VERSION, sources }, null, 2)}\n`;
}

/** Write it unless it says the same already. @returns whether it was written */
export function writeLock(project: string, text: string): boolean {
  const place = lockFile(project);
  if (existsSync(place) && readFileSync(place, "utf8") === text) return false;
  const half = `${place}.${process.pid}`;
  writeFileSync(half, text);
  renameSync(half, place);
  return true;
}

/** In an order that depends on nothing but the names. */
export function sortFiles(files: readonly RemoteFile[]): RemoteFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Keys in one order, whatever order a source gave them. */
function toLocked(file: RemoteFile): RemoteFile {
  const { path, key, size, etag, versionId, checksum, blocks, partSize, ranges } = file;
  return JSON.parse(
    JSON.stringify({
      ...{ path, key, size, etag, versionId },
      checksum: checksum && { algorithm: checksum.algorithm, value: checksum.value },
      blocks: blocks && { algorithm: blocks.algorithm, size: blocks.size, values: blocks.values },
      ...{ partSize, ranges },
    }),
  ) as RemoteFile;
}
