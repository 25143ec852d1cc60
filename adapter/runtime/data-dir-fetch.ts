// One fetch of a data directory by who has the turn: list what is not pinned, plan, make room, fetch, and let each file
// appear in the tree the moment it is whole. How bytes move is weights/download/engine.ts, where they lie weights/files/tree.ts.

import { statSync } from "node:fs";
import type { FillOptions } from "./data-dir.ts";
import type {
  FetchStats,
  ManifestSource,
  PlannedFile,
  RemoteFile,
  WeightsSource,
} from "./weights/_contracts.ts";
import { createEngine, type Engine, type Progress } from "./weights/download/engine.ts";
import { addStats, NOTHING, watchProgress } from "./weights/download/report.ts";
import { removeParts } from "./weights/files/part-claim.ts";
import { createPlan, fileId } from "./weights/files/plan.ts";
import { writeReady } from "./weights/files/ready.ts";
import { openRoom } from "./weights/files/room.ts";
import { blobFile, blobNames, place, prepareTree, removeOthers, shippedFiles } from "./weights/files/tree.ts";
import { openSource } from "./weights/sources/open-source.ts";

export interface FetchOptions extends FillOptions {
  /** Aborts when somebody else may have the turn. */
  readonly lost: AbortSignal;
  /** Before the first file is asked for. */
  started(engine: Engine): void;
  /** A file is in place. */
  onFile(path: string): void;
  /** All is there that is not lazy. Once. */
  onEager(stats: FetchStats): void;
  /** @param bytesPerMs since the last time */
  onProgress(progress: Progress, bytesPerMs: number): void;
}

/** @throws every code of WEIGHTS_* */
export async function fetchTree(options: FetchOptions): Promise<FetchStats> {
  const { manifest, root, tree, shipped, timing } = options;
  prepareTree(root, tree, shipped);
  const plan = createPlan(manifest.sources, shippedFiles(shipped));
  const room = openRoom(root, tree, options.environment);
  const placed: PlannedFile[] = [];
  const pinned = new Set<WeightsSource>();
  let eagerLeft = 0;
  let eagerListed = false;
  let kept: FetchStats = NOTHING;

  function arrived(planned: PlannedFile): void {
    placed.push(planned);
    options.onFile(planned.path);
    if (!planned.entry.lazy) eagerLeft--;
    settleEager();
  }

  function settleEager(): void {
    if (!eagerListed || eagerLeft > 0) return;
    eagerListed = false;
    options.onEager(addStats(kept, engine.stats()));
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

  const engine = createEngine({
    root,
    laneFile: options.laneFile,
    earlyLane: options.earlyLane,
    verify: manifest.options?.verify ?? true,
    ...(manifest.options?.connections !== undefined && { connections: manifest.options.connections }),
    ...(timing && { timing }),
    onFile(planned) {
      if (place(root, tree, planned)) return arrived(planned);
      // Only who has the turn removes blobs.
      throw new Error(`${planned.path} was removed as soon as it was complete`);
    },
    onChanged: lookAgain,
  });
  options.started(engine);

  async function list(entry: ManifestSource): Promise<void> {
    const source = await openSource(entry, options);
    if (entry.files) pinned.add(source);
    for await (const page of pages(entry, source)) {
      const planned = plan.add(entry, source, page);
      if (!entry.lazy) eagerLeft += planned.length;
      room.need(planned);
      const missing: PlannedFile[] = [];
      const names = blobNames(root);
      for (const file of planned) {
        if (!names.has(file.id) || !isComplete(root, file) || !place(root, tree, file)) missing.push(file);
        else {
          kept = addStats(kept, { ...NOTHING, files: 1, bytes: file.file.size });
          arrived(file);
        }
      }
      engine.add(missing);
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
    engine.end();
  }

  const watch = watchProgress(engine, options.onProgress);
  const lost = new Error("another process took over the fetch of the weights");
  options.lost.addEventListener("abort", () => engine.stop(lost));
  try {
    await Promise.all([
      listAll().catch((error) => {
        engine.stop(error);
        throw error;
      }),
      engine.done,
    ]);
  } finally {
    clearInterval(watch);
  }
  const paths = placed.map((file) => file.path);
  removeOthers(root, tree, paths, shipped);
  removeParts(root, new Set(placed.map(({ id }) => id)));
  writeReady(root, tree, placed, shipped);
  return addStats(kept, await engine.done);
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
