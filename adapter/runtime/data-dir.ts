// The story of a data directory: from a manifest to files that are complete and verified. Warm, nothing but lstat; else
// one process of the machine takes the turn, lists what is not pinned, plans, makes room and fetches, and each file
// appears in the tree the moment it is whole. How bytes move is weights/download/engine.ts, where they lie weights/files/tree.ts.

import { statSync } from "node:fs";
import { ColdframeError } from "./errors.ts";
import { writeLog } from "./log.ts";
import { setSdkFile } from "./aws/sdk.ts";
import type {
  Access,
  FetchStats,
  ManifestSource,
  PlannedFile,
  RemoteFile,
  WeightsManifest,
  WeightsSource,
} from "./weights/_contracts.ts";
import { createEngine, type Engine } from "./weights/download/engine.ts";
import { removeParts } from "./weights/files/part-claim.ts";
import { createPlan, fileId } from "./weights/files/plan.ts";
import { readReady, type ReadyTree, writeReady } from "./weights/files/ready.ts";
import { createFetch } from "./weights/download/request.ts";
import { openRoom } from "./weights/files/room.ts";
import {
  blobFile,
  place,
  prepareTree,
  removeOthers,
  shippedFiles,
  treeFolder,
} from "./weights/files/tree.ts";
import { type OwnTurn, takeTurn } from "./weights/files/turn.ts";
import { useTree } from "./weights/files/users.ts";
import type { SourceFiles, WeightsFacts } from "./weights-thread.ts";

export interface FillOptions {
  readonly manifest: WeightsManifest;
  /** Absolute; see `dataRoot`. */
  readonly root: string;
  /** The directory's name below `trees/`; see `treeName`. */
  readonly tree: string;
  /** Absolute path of the data files that came with the artifact; they appear in the directory too. */
  readonly shipped?: string;
  /** aws-sdk.cjs of the artifact; need not exist. */
  readonly sdkFile?: string;
  readonly sources: SourceFiles;
  /** What a further thread of the download runs; see `EngineOptions`. */
  readonly laneFile: string;
  readonly environment: Access["environment"];
  secret(name: string): Promise<string | undefined>;
  /** A file is in place; its path is relative to the directory. */
  onFile?(path: string): void;
}

/** A data directory on its way. */
export interface Filling {
  /** Absolute path of the directory. */
  readonly path: string;
  /** Settles when all is there that is not lazy. @throws every code of WEIGHTS_* */
  readonly eager: Promise<WeightsFacts>;
  readonly done: Promise<WeightsFacts>;
  /** Fetch this file next. */
  hurry(path: string): void;
}

/** Between two lines of progress in the log. */
const PROGRESS_MS = 1000;

const NOTHING: FetchStats = { files: 0, bytes: 0, fetchedBytes: 0, requests: 0, retries: 0, unverified: 0 };

/** Fill the data directory of a manifest, once on this machine however many ask for it at the same time. */
export function fillDataDir(options: FillOptions): Filling {
  const { manifest, root, tree } = options;
  const path = treeFolder(root, tree);
  const began = performance.now();
  const eager = Promise.withResolvers<WeightsFacts>();
  const hurried = new Set<string>();
  let engine: Engine | undefined;

  const facts = (stats: FetchStats, warm: boolean) => factsOf(stats, performance.now() - began, warm);

  async function fill(): Promise<WeightsFacts> {
    useTree(root, tree);
    const { shipped } = options;
    const full = manifest.options?.verifyWarm === "full";
    for (;;) {
      const ready = readReady(root, tree, { full, shipped });
      if (ready) return warm(ready);
      // One for the whole root: two deployments may share a file that is being fetched.
      const turn = await takeTurn(root, "fetch");
      if (!turn.first) {
        turn.onLine((line) => follow(line as Line));
        await turn.over;
        // It is done, or gone: see for oneself.
        continue;
      }
      try {
        // Somebody may have finished between the look and the turn.
        const meanwhile = readReady(root, tree, { full, shipped, repair: true });
        return meanwhile ? warm(meanwhile) : await fetchAll(turn);
      } finally {
        await turn.release();
      }
    }
  }

  function warm({ files }: ReadyTree): WeightsFacts {
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    return facts({ ...NOTHING, files: files.length, bytes }, true);
  }

  function follow(line: Line): void {
    if (line.tree !== tree) return;
    if (line.file !== undefined) options.onFile?.(line.file);
    if (line.eager) eager.resolve(facts(NOTHING, false));
  }

  async function fetchAll(turn: OwnTurn): Promise<WeightsFacts> {
    prepareTree(root, tree, options.shipped);
    const plan = createPlan(manifest.sources, shippedFiles(options.shipped));
    const room = openRoom(root, tree, options.environment);
    const placed: PlannedFile[] = [];
    const pinned = new Set<WeightsSource>();
    let eagerLeft = 0;
    let eagerListed = false;
    let kept: FetchStats = NOTHING;

    function arrived(planned: PlannedFile): void {
      placed.push(planned);
      turn.tell({ tree, file: planned.path });
      options.onFile?.(planned.path);
      if (!planned.entry.lazy) eagerLeft--;
      settleEager();
    }

    function settleEager(): void {
      if (!eagerListed || eagerLeft > 0) return;
      turn.tell({ tree, eager: true });
      eager.resolve(facts(sum(kept, fetching.stats()), false));
    }

    // A pinned object that changed is another model than the one that was tested; any other is looked up once more.
    async function lookAgain(planned: PlannedFile): Promise<PlannedFile | undefined> {
      if (pinned.has(planned.source)) return undefined;
      for await (const page of planned.source.list()) {
        const file = page.find(({ path }) => path === planned.file.path);
        if (file) return { ...planned, file, id: fileId(planned.entry, file) };
      }
      return undefined;
    }

    const fetching = createEngine({
      root,
      laneFile: options.laneFile,
      verify: manifest.options?.verify ?? true,
      ...(manifest.options?.connections !== undefined && { connections: manifest.options.connections }),
      onFile(planned) {
        if (place(root, tree, planned)) return arrived(planned);
        // Only who has the turn removes blobs.
        throw new Error(`${planned.path} was removed as soon as it was complete`);
      },
      onChanged: lookAgain,
    });
    engine = fetching;
    for (const path of hurried) fetching.hurry(path);

    async function list(entry: ManifestSource): Promise<void> {
      const source = await openSource(entry, options);
      if (entry.files) pinned.add(source);
      for await (const page of pages(entry, source)) {
        const planned = plan.add(entry, source, page);
        if (!entry.lazy) eagerLeft += planned.length;
        room.need(planned);
        const missing: PlannedFile[] = [];
        for (const file of planned) {
          if (!isComplete(root, file) || !place(root, tree, file)) missing.push(file);
          else {
            kept = sum(kept, { ...NOTHING, files: 1, bytes: file.file.size });
            arrived(file);
          }
        }
        fetching.add(missing);
      }
    }

    async function listAll(): Promise<void> {
      const lazy = manifest.sources.filter((entry) => entry.lazy);
      await Promise.all(manifest.sources.filter((entry) => !entry.lazy).map(list));
      eagerListed = true;
      settleEager();
      // One after another: they arrive in the order of config.yaml.
      for (const entry of lazy) await list(entry);
      plan.end();
      fetching.end();
    }

    const progress = reportProgress(fetching);
    const lost = new Error("another process took over the fetch of the weights");
    turn.lost.addEventListener("abort", () => fetching.stop(lost));
    try {
      await Promise.all([
        listAll().catch((error) => {
          fetching.stop(error);
          throw error;
        }),
        fetching.done,
      ]);
    } finally {
      clearInterval(progress);
      engine = undefined;
    }
    const paths = placed.map((file) => file.path);
    removeOthers(root, tree, paths, options.shipped);
    removeParts(root, new Set(placed.map(({ id }) => id)));
    writeReady(root, tree, placed, options.shipped);
    return facts(sum(kept, await fetching.done), false);
  }

  const done = fill();
  done.then(eager.resolve, eager.reject);
  return {
    path,
    eager: eager.promise,
    done,
    hurry(file) {
      hurried.add(file);
      engine?.hurry(file);
    },
  };
}

/** What the one that fetches tells those that wait. */
interface Line {
  readonly tree: string;
  readonly file?: string;
  readonly eager?: true;
}

function factsOf(stats: FetchStats, ms: number, warm: boolean): WeightsFacts {
  const { files, bytes, fetchedBytes, requests, retries, unverified } = stats;
  const mb_per_s = Math.round(fetchedBytes / ms / 100) / 10;
  return {
    files,
    bytes,
    fetched_bytes: fetchedBytes,
    ms: Math.round(ms),
    mb_per_s,
    requests,
    retries,
    unverified,
    warm,
  };
}

/** By the scheme of its URL; `http:` is read by weights/https.ts, which says when that is allowed. */
async function openSource(entry: ManifestSource, options: FillOptions): Promise<WeightsSource> {
  const scheme = /^[a-z\d]+/.exec(entry.source)?.[0].replace(/^http$/, "https") ?? "";
  const load = options.sources[scheme];
  if (!load) {
    const there = Object.keys(options.sources).join(", ");
    throw new ColdframeError(
      "WEIGHTS_INVALID",
      `${entry.source}: this artifact fetches from ${there}, not from ${scheme}.`,
      { fix: "Build it again with `coldframe build`." },
    );
  }
  if (options.sdkFile !== undefined) setSdkFile(options.sdkFile);
  const { environment, secret } = options;
  const warn = (sentence: string) => writeLog("warn", sentence);
  return (await load()).default(entry, { fetch: createFetch({ environment }), secret, environment, warn });
}

/** The files as they were pinned, else as they are listed now. */
async function* pages(entry: ManifestSource, source: WeightsSource): AsyncIterable<readonly RemoteFile[]> {
  if (entry.files) yield entry.files;
  else yield* source.list();
}

/** Left by another deployment, or by a fetch that ended before its tree was whole: verified before it got its name. */
function isComplete(root: string, { id, file }: PlannedFile): boolean {
  const stats = statSync(blobFile(root, id), { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size === file.size;
}

function reportProgress(engine: Engine): NodeJS.Timeout {
  let before = 0;
  return setInterval(() => {
    const { bytes, totalBytes, files, totalFiles, connections } = engine.progress();
    writeLog("info", "fetching weights", {
      bytes,
      total_bytes: totalBytes,
      files,
      total_files: totalFiles,
      mb_per_s: Math.round((bytes - before) / PROGRESS_MS / 100) / 10,
      connections,
    });
    before = bytes;
  }, PROGRESS_MS);
}

function sum(a: FetchStats, b: FetchStats): FetchStats {
  return {
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    fetchedBytes: a.fetchedBytes + b.fetchedBytes,
    requests: a.requests + b.requests,
    retries: a.retries + b.retries,
    unverified: a.unverified + b.unverified,
  };
}
