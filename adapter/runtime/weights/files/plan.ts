// Which file goes where: entries and the lists of their sources become planned files. A name that is not safe on every
// file system, or that two files want, is refused before the first byte; nothing is normalised, because a model that
// asks for the name it knows must find exactly that.

import { createHash } from "node:crypto";
import { ColdframeError } from "../../errors.ts";
import type { PlannedFile, RemoteFile, WeightsEntry, WeightsSource } from "../_contracts.ts";
import { matcher } from "./patterns.ts";
import { foldCase, pathProblem } from "./paths.ts";

const MAX_FILES = 100_000;

/** Hex digits of an id: 128 bits. */
const ID_DIGITS = 32;

/** Grows while the lists of the sources come in. */
export interface Plan {
  /**
   * Plan one page of what `source` has for `entry`.
   * @returns the files that are new to the plan; those the patterns leave out are not in it
   * @throws WEIGHTS_INVALID naming the object, its source and the way out
   */
  add(entry: WeightsEntry, source: WeightsSource, files: readonly RemoteFile[]): PlannedFile[];
  /**
   * Everything, when all lists have ended.
   * @throws WEIGHTS_NOT_FOUND when an entry matched no file
   */
  end(): readonly PlannedFile[];
}

/** Who wants a name of the data directory: a planned file, or the path of a file shipped in data_dir. */
type Claim = PlannedFile | string;

/**
 * A plan for `entries`, which are told apart by identity.
 * @param shipped paths of the files of data_dir in the artifact, which keep their names: see shippedFiles of files/tree.ts
 */
export function createPlan(entries: readonly WeightsEntry[], shipped: Iterable<string> = []): Plan {
  const planned: PlannedFile[] = [];
  const counts = new Map(entries.map((entry) => [entry, { seen: 0, matched: 0, wants: wanted(entry) }]));
  // By name without its case.
  const files = new Map<string, Claim>();
  const folders = new Map<string, Claim>();

  function claim(path: string, claimant: Claim): void {
    const name = foldCase(path);
    const rival = files.get(name) ?? folders.get(name);
    if (rival !== undefined) throw collision(claimant, rival);
    files.set(name, claimant);
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
      const folder = name.slice(0, at);
      const file = files.get(folder);
      if (file !== undefined) throw collision(claimant, file);
      // Its own folders are known with it.
      if (folders.has(folder)) return;
      folders.set(folder, claimant);
    }
  }

  for (const path of shipped) claim(path, path);

  return {
    add(entry, source, page) {
      let count = counts.get(entry);
      if (count === undefined) counts.set(entry, (count = { seen: 0, matched: 0, wants: wanted(entry) }));
      const added: PlannedFile[] = [];
      for (const file of page) {
        count.seen++;
        if (!count.wants(file) || isFolderMarker(entry, file)) continue;
        count.matched++;
        const next: PlannedFile = { path: pathOf(entry, file), file, source, entry, id: fileId(entry, file) };
        claim(next.path, next);
        if (planned.push(next) > MAX_FILES) throw tooMany(entry);
        added.push(next);
      }
      return added;
    },
    end() {
      for (const [entry, { seen, matched }] of counts) if (matched === 0) throw nothingFound(entry, seen);
      return planned;
    },
  };
}

/**
 * The name of a file's content: 32 hex digits. Two sources share it when a cryptographic checksum says that their
 * bytes are the same; otherwise it names the place and the version as well, and CRCs only make it narrower.
 */
export function fileId(entry: WeightsEntry, file: RemoteFile): string {
  const { checksum, blocks, size } = file;
  const sha256 = entry.sha256 ?? (checksum?.algorithm === "sha256" ? checksum.value : undefined);
  let facts: unknown[];
  if (sha256 !== undefined) facts = ["sha256", sha256.toLowerCase(), size];
  else if (checksum?.algorithm === "git-sha1") facts = ["git-sha1", checksum.value, size];
  else if (blocks?.algorithm === "sha256") facts = ["blocks", blocks.size, blocks.values, size];
  else {
    const { source, endpoint } = entry;
    const { key, versionId, etag } = file;
    facts = ["place", source, endpoint, key, versionId, etag, size, checksum, blocks];
  }
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, ID_DIGITS);
}

/** A source or a key as messages may show it: an address loses its credentials and its query, which may sign it. */
export const nameOf = (source: string): string =>
  source.replace(/^(https?:\/\/)(?:[^/?#]*@)?([^?#]*).*$/is, "$1$2");

function wanted(entry: WeightsEntry): (file: RemoteFile) => boolean {
  const matches = matcher(entry.allowPatterns, entry.ignorePatterns);
  // A source that is one file has no names to choose from.
  return ({ path, key }) => (path === "" && !key.endsWith("/")) || matches(path);
}

/** `dir/`, as consoles make folders: nothing when it is empty. */
function isFolderMarker(entry: WeightsEntry, file: RemoteFile): boolean {
  if (!file.path.endsWith("/") && !(file.path === "" && file.key.endsWith("/"))) return false;
  if (file.size === 0) return true;
  throw unsafe(entry, file, `it has ${file.size} bytes and the name of a folder`);
}

function pathOf(entry: WeightsEntry, file: RemoteFile): string {
  const path = [entry.mount, file.path].filter((part) => part !== "").join("/");
  const problem = pathProblem(path);
  if (problem !== undefined) throw unsafe(entry, file, problem);
  if (!Number.isSafeInteger(file.size) || file.size < 0)
    throw unsafe(entry, file, `${file.size} is not a number of bytes`);
  if (entry.sha256 !== undefined && file.path !== "")
    throw new ColdframeError("WEIGHTS_INVALID", `${nameOf(entry.source)} is many files and has one sha256.`, {
      fix: "Name one file in source, or take sha256 away and pin the files with a lock file.",
    });
  return path;
}

function unsafe(entry: WeightsEntry, file: RemoteFile, problem: string): ColdframeError {
  const message = `${nameOf(entry.source)}: the object ${show(file.key)} cannot be a file of the data directory: ${problem}.`;
  const fix =
    file.path === ""
      ? "Change its mount_location."
      : `Leave it out with \`ignore_patterns: [${show(file.path)}]\`, or rename the object.`;
  return new ColdframeError("WEIGHTS_INVALID", message, { fix });
}

function collision(claimant: Claim, rival: Claim): ColdframeError {
  const [one, other] = [pathOfClaim(claimant), pathOfClaim(rival)];
  const folded = [foldCase(one), foldCase(other)] as const;
  let what = `would both be the file ${show(one)} of the data directory`;
  if (folded[0] !== folded[1]) what = `need ${show(shorter(one, other))} as a file and as a folder`;
  else if (one !== other)
    what = "would be one file where names ignore case or accents are written in two ways";
  const way =
    typeof claimant === "string" || claimant.file.path === ""
      ? ""
      : `leave one out with \`ignore_patterns: [${show(claimant.file.path)}]\`, `;
  const fix = typeof rival === "string" ? "rename the file in data_dir" : "change a mount_location";
  const sentence = `${way}or ${fix}.`.replace(/^or /, "");
  return new ColdframeError("WEIGHTS_INVALID", `${describe(rival)} and ${describe(claimant)} ${what}.`, {
    fix: sentence.charAt(0).toUpperCase() + sentence.slice(1),
  });
}

function nothingFound(entry: WeightsEntry, seen: number): ColdframeError {
  const { source, allowPatterns, ignorePatterns } = entry;
  const name = nameOf(source);
  if (seen === 0)
    return new ColdframeError("WEIGHTS_NOT_FOUND", `${name} has no files.`, {
      fix: "Check the spelling of source; a folder of a bucket ends with `/`, and an object's key is its whole name.",
    });
  const patterns = [
    allowPatterns ? `allow_patterns ${allowPatterns.map(show).join(", ")}` : "",
    ignorePatterns?.length ? `ignore_patterns ${ignorePatterns.map(show).join(", ")}` : "",
  ].filter((part) => part !== "");
  const objects = seen === 1 ? "the only object" : `any of the ${seen} objects`;
  return new ColdframeError(
    "WEIGHTS_NOT_FOUND",
    patterns.length === 0
      ? `${name} has no files, only ${seen} empty ${seen === 1 ? "folder" : "folders"}.`
      : `${name}: ${patterns.join(" and ")} keep${patterns.length === 1 ? "s" : ""} not ${objects} found there.`,
    { fix: "Patterns match the whole path below the source; `*` also stands for `/`." },
  );
}

const tooMany = (entry: WeightsEntry): ColdframeError =>
  new ColdframeError(
    "WEIGHTS_INVALID",
    `${nameOf(entry.source)} brings the weights over ${MAX_FILES} files.`,
    { fix: "Name a smaller folder, choose with allow_patterns, or pack the small files into one." },
  );

const pathOfClaim = (claim: Claim): string => (typeof claim === "string" ? claim : claim.path);

const describe = (claim: Claim): string =>
  typeof claim === "string"
    ? `${show(claim)} of data_dir`
    : `${show(claim.file.key)} of ${nameOf(claim.entry.source)}`;

const shorter = (one: string, other: string): string => (one.length <= other.length ? one : other);

/** In quotes, with what is not printable escaped, and at most 300 characters of it. */
function show(text: string): string {
  const name = nameOf(text);
  const shown = JSON.stringify(name.length > 300 ? `${name.slice(0, 300)}...` : name);
  // JSON leaves these, and a terminal takes them for commands.
  return shown.replace(/[\u007f-\u009f]/g, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);
}
