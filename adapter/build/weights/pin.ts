// Decides which files of which entry are pinned: by weights.lock.json, or by looking the source up now. What cannot be
// looked up from here is left to the cold start, and said so.

import { ColdframeError } from "../../runtime/errors.ts";
import type { LocalSource, RemoteFile } from "../../runtime/weights/_contracts.ts";
import { createPlan, nameOf } from "../../runtime/weights/files/plan.ts";
import type { ConfiguredWeights } from "./config.ts";
import { knowsSource, lockText, matchLock, readLock, sortFiles } from "./lock.ts";
import { type Resolution, type ResolveOptions, resolveEntry } from "./resolve.ts";

export interface PinOptions extends ResolveOptions {
  readonly project: string;
  /** `serverless.weights.lock`: whether anything is pinned at all. */
  readonly lock: boolean;
  /** Look every source up, whatever the lock says. */
  readonly refresh?: boolean;
  /** Take what the lock has, ask no source and write nothing. */
  readonly offline?: boolean;
  /** Paths of the files of data_dir, relative to it. */
  readonly data?: readonly string[];
}

export interface PinnedEntry {
  readonly entry: ConfiguredWeights;
  /** Sorted by path; undefined of an entry that is looked up at the cold start. */
  readonly files: readonly RemoteFile[] | undefined;
}

export interface Pinned {
  readonly entries: readonly PinnedEntry[];
  /** What weights.lock.json has to say from now on; undefined when it is not to be touched. */
  readonly lock: string | undefined;
  readonly warnings: readonly string[];
}

/**
 * Pin what can be pinned.
 * @throws CONFIG_INVALID for a corrupt lock; WEIGHTS_NOT_FOUND, WEIGHTS_CORRUPT and WEIGHTS_INVALID for what no function
 * could load
 */
export async function pinWeights(
  entries: readonly ConfiguredWeights[],
  options: PinOptions,
): Promise<Pinned> {
  if (!options.lock) return { entries: entries.map(unpinned), lock: undefined, warnings: [] };
  const before = options.refresh ? lenientLock(options.project) : readLock(options.project);
  const found = entries.map((entry) => (isElsewhere(entry) ? undefined : matchLock(before, entry)));
  if (options.offline) return { entries: pair(entries, found, options), lock: undefined, warnings: [] };

  const answers = await Promise.all(
    entries.map((entry, i) =>
      !isElsewhere(entry) && (found[i] === undefined || options.refresh)
        ? resolveEntry(entry, options)
        : undefined,
    ),
  );
  refuse(entries, answers);
  const files = answers.map((answer, i) =>
    answer !== undefined && "files" in answer ? keepChecksums(answer.files, found[i]) : found[i],
  );
  const pinned = pair(entries, files, options);
  const locked = pinned.flatMap(({ entry, files }) => (files === undefined ? [] : [[entry, files] as const]));
  return {
    entries: pinned,
    lock: locked.length === 0 && before === undefined ? undefined : lockText(locked),
    warnings: entries.flatMap((entry, i) => warning(entry, answers[i], found[i], knowsSource(before, entry))),
  };
}

/** A path of the function's machine, such as a mounted volume: what lies there on this one is something else. */
const isElsewhere = ({ scheme }: ConfiguredWeights): boolean => scheme === "file";

const unpinned = (entry: ConfiguredWeights): PinnedEntry => ({ entry, files: undefined });

/** A lock that is being made anew need not be readable. */
function lenientLock(project: string): ReturnType<typeof readLock> {
  try {
    return readLock(project);
  } catch (error) {
    if (error instanceof ColdframeError) return undefined;
    throw error;
  }
}

/** Entries with their files, planned as the cold start will: unsafe paths and collisions are found now. */
function pair(
  entries: readonly ConfiguredWeights[],
  files: readonly (readonly RemoteFile[] | undefined)[],
  { data = [] }: PinOptions,
): PinnedEntry[] {
  const pinned = entries.map((entry, i) => {
    const found = files[i];
    return { entry, files: found && sortFiles(found) };
  });
  const plan = createPlan([], data);
  for (const { entry, files } of pinned) if (files !== undefined) plan.add(entry, NOWHERE, files);
  return pinned;
}

/** Planning asks no source. */
const NOWHERE: LocalSource = { kind: "local", async *list() {} };

/** What `push-weights` knew of an object, and the object's store does not tell, holds for as long as it is the same one. */
function keepChecksums(files: readonly RemoteFile[], before: readonly RemoteFile[] = []): RemoteFile[] {
  const known = new Map(before.map((file) => [file.key, file]));
  return files.map((file) => {
    const { etag, size, checksum, blocks } = known.get(file.key) ?? {};
    if (file.etag === undefined || etag !== file.etag || size !== file.size) return file;
    return { ...(checksum && { checksum }), ...(blocks && { blocks }), ...file };
  });
}

/** All that no function could load, at once. */
function refuse(entries: readonly ConfiguredWeights[], answers: readonly (Resolution | undefined)[]): void {
  const refused = answers.flatMap((answer, i) =>
    answer !== undefined && "refused" in answer ? [{ place: entries[i]?.place, error: answer.refused }] : [],
  );
  const [first] = refused;
  if (first === undefined) return;
  const issues = refused.map(({ place, error }) => ({
    path: "weights",
    message: `${place}: ${error.message}`,
  }));
  throw new ColdframeError(first.error.code, issues.map(({ message }) => message).join("\n"), {
    issues,
    cause: first.error,
    ...(first.error.fix !== undefined && { fix: first.error.fix }),
  });
}

function warning(
  entry: ConfiguredWeights,
  answer: Resolution | undefined,
  found: readonly RemoteFile[] | undefined,
  known: boolean,
): string[] {
  if (answer !== undefined && "files" in answer) {
    return [...answer.warnings, ...prefixWarning(entry, answer.files)];
  }
  if (answer === undefined || !("unreachable" in answer)) return [];
  const { message } = answer.unreachable;
  const why = message.replace(/\.$/, "");
  const name = nameOf(entry.source);
  if (found !== undefined) {
    return [`${entry.place}: ${name} could not be looked up, and stays as weights.lock.json has it: ${why}.`];
  }
  const stale = known ? "weights.lock.json has it as it was asked for before. " : "";
  return [
    `${entry.place}: ${name} is not pinned, and will be looked up at the cold start: ${why}. ${stale}Build where it can be reached to pin it.`,
  ];
}

/** One object was asked for, and there is a folder of that name: the cold start would have to find that out each time. */
function prefixWarning(entry: ConfiguredWeights, files: readonly RemoteFile[]): string[] {
  if (entry.source.endsWith("/") || !files.some(({ path }) => path !== "")) return [];
  if (entry.scheme !== "s3") return [];
  return [
    `${entry.place}: ${nameOf(entry.source)} is a prefix, and no object; write it with a "/" at the end.`,
  ];
}
