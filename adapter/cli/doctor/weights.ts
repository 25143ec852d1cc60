// Every source of weights: can it be listed and read with the credentials of this machine, is it pinned, is it still what
// weights.lock.json says, and does it fit. Sources are looked up as the build does it; nothing of a file is fetched.

import type { LoadedConfig } from "../../build/config.ts";
import type { ConfiguredWeights } from "../../build/weights/config.ts";
import { storageWarnings, weightsFacts } from "../../build/weights/facts.ts";
import { hasLock, type LockSource, matchLock, readLock, REFRESH } from "../../build/weights/lock.ts";
import { type Resolution, resolveEntry } from "../../build/weights/resolve.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import type { RemoteFile } from "../../runtime/weights/_contracts.ts";
import { nameOf } from "../../runtime/weights/files/plan.ts";
import { type Finding, findingsOf, listed, refusedAs, splitAdvice } from "./finding.ts";
import { LIMIT_MS } from "./limits.ts";
import { isOffline } from "./network.ts";
import { buildCommandOf, type Project } from "./project.ts";

const { ok, warning, problem, skipped } = findingsOf("weights");

/** As resolve.ts says it: a large list takes longer than a check may. */
const SLOW = /was not listed within/;

export async function checkWeights(project: Project): Promise<Finding[]> {
  const { config, folder, target } = project;
  if (config instanceof ColdframeError) return [skipped("config.yaml cannot be read.")];
  if (config.weights.length === 0) {
    if (!hasLock(folder)) return [ok("none are declared.")];
    return [warning("weights.lock.json pins nothing, since config.yaml names no weights.", "Remove it.")];
  }
  const lock = readLockOf(config);
  const looked = await lookUpWeights(project);
  const pins = config.config.serverless.weights.lock && lock.flaw === undefined;
  const told = await Promise.all(
    looked.map((one) => checkSource(one, matchLock(lock.sources, one.entry), pins, project)),
  );
  const found = [
    ...(lock.flaw === undefined ? [] : [refusedAs(problem, lock.flaw)]),
    ...told.flat(),
    ...(target === "lambda" ? checkRoom(looked, lock.sources, config) : []),
  ];
  if (found.some(({ state }) => state !== "skipped")) return found;
  const read = looked.filter(({ resolution }) => resolution !== undefined && "files" in resolution);
  if (read.length === 0) return found;
  return [...found, ok(`${listed(read.map(({ entry }) => nameOf(entry.source)))}: can be read.`)];
}

const lookUps = new WeakMap<Project, Promise<readonly Looked[]>>();

/** What each source of config.yaml has now; asked once. */
export function lookUpWeights(project: Project): Promise<readonly Looked[]> {
  let looked = lookUps.get(project);
  if (looked === undefined) lookUps.set(project, (looked = lookUp(project)));
  return looked;
}

async function lookUp({ config, environment }: Project): Promise<readonly Looked[]> {
  if (config instanceof ColdframeError) return [];
  const options = {
    environment: { ...environment, ...config.config.environment_variables },
    secrets: config.settings.secrets,
    limitMs: LIMIT_MS,
  };
  const resolve = (entry: ConfiguredWeights) =>
    // A path of the function's machine: what lies there on this one is something else.
    entry.scheme === "file" ? undefined : resolveEntry(entry, options);
  return Promise.all(config.weights.map(async (entry) => ({ entry, resolution: await resolve(entry) })));
}

export interface Looked {
  readonly entry: ConfiguredWeights;
  /** Absent of a path of the function's machine. */
  readonly resolution: Resolution | undefined;
}

function readLockOf({ project, config }: LoadedConfig): {
  sources: readonly LockSource[] | undefined;
  flaw: ColdframeError | undefined;
} {
  if (!config.serverless.weights.lock) return { sources: undefined, flaw: undefined };
  try {
    return { sources: readLock(project), flaw: undefined };
  } catch (error) {
    if (error instanceof ColdframeError) return { sources: undefined, flaw: error };
    throw error;
  }
}

async function checkSource(
  { entry, resolution }: Looked,
  locked: readonly RemoteFile[] | undefined,
  pins: boolean,
  project: Project,
): Promise<Finding[]> {
  const name = nameOf(entry.source);
  if (resolution === undefined) return [skipped(`${name} is a path of the function's machine.`)];
  if ("refused" in resolution)
    return [refusedAs(problem, resolution.refused, "Check the spelling of source.")];
  const unpinned =
    pins && locked === undefined
      ? [
          warning(
            `${name} is not pinned.`,
            `Run \`${buildCommandOf(project)}\`, and commit weights.lock.json.`,
          ),
        ]
      : [];
  if ("unreachable" in resolution) return [await unreachable(name, resolution.unreachable), ...unpinned];
  const told = resolution.warnings.map((sentence) => warning(sentence));
  return [...told, ...unpinned, ...(locked === undefined ? [] : compare(name, locked, resolution.files))];
}

async function unreachable(name: string, error: ColdframeError): Promise<Finding> {
  const { message } = error;
  if (SLOW.test(message)) return warning(message, `Try again; \`${REFRESH}\` is more patient.`);
  if (await isOffline(message)) return skipped(`${name} was not asked, for want of a network: ${message}`);
  return refusedAs(
    problem,
    error,
    "Check its address and this machine's network; a function in a VPC needs a route to it as well.",
  );
}

/** What of the pinned files is not there any more as it was pinned, and what is new. */
function compare(name: string, locked: readonly RemoteFile[], files: readonly RemoteFile[]): Finding[] {
  const now = new Map(files.map((file) => [file.key, file]));
  const replaced = locked.filter((file) => !isSame(file, now.get(file.key))).map(({ key }) => key);
  const fix = `Run \`${REFRESH}\`, and commit weights.lock.json.`;
  if (replaced.length > 0) {
    return [problem(`${name} is not what weights.lock.json pins: ${listed(replaced)} changed or went.`, fix)];
  }
  const pinned = new Set(locked.map(({ key }) => key));
  const added = files.filter(({ key }) => !pinned.has(key)).map(({ key }) => key);
  if (added.length === 0) return [];
  return [warning(`${name} has more than weights.lock.json pins: ${listed(added)}.`, fix)];
}

/** A pinned version stays there when the object is replaced. */
function isSame(locked: RemoteFile, now: RemoteFile | undefined): boolean {
  if (locked.versionId !== undefined && now?.versionId !== locked.versionId) return now !== undefined;
  return now !== undefined && now.size === locked.size && now.etag === locked.etag;
}

function checkRoom(
  looked: readonly Looked[],
  lock: readonly LockSource[] | undefined,
  { config }: LoadedConfig,
): Finding[] {
  const entries = looked.map(({ entry, resolution }) => ({
    entry,
    files: resolution && "files" in resolution ? resolution.files : matchLock(lock, entry),
  }));
  const facts = weightsFacts(entries, config.environment_variables);
  return storageWarnings(facts, config).map((sentence) => warning(...splitAdvice(sentence)));
}
