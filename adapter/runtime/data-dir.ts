// The story of a data directory: from a manifest to files that are complete and verified. Warm, nothing but lstat; else
// one process of the machine takes the turn and fetches (data-dir-fetch.ts), and the others wait and hear of it.

import { fetchTree } from "./data-dir-fetch.ts";
import { writeLog } from "./log.ts";
import type { WeightsManifest } from "./weights/_contracts.ts";
import type { Engine, Progress } from "./weights/download/engine.ts";
import type { EarlyLane } from "./weights/download/lanes.ts";
import { NOTHING, progressFields, toFacts } from "./weights/download/report.ts";
import type { Timing } from "./weights/download/timing.ts";
import { readReady, type ReadyTree } from "./weights/files/ready.ts";
import { treeFolder } from "./weights/files/tree.ts";
import { type OthersTurn, type OwnTurn, takeTurn } from "./weights/files/turn.ts";
import { useTree } from "./weights/files/users.ts";
import type { SourceAccess } from "./weights/sources/open-source.ts";
import type { WeightsFacts } from "./weights-wire.ts";

export interface FillOptions extends SourceAccess {
  readonly manifest: WeightsManifest;
  /** Absolute; see `dataRoot`. */
  readonly root: string;
  /** The directory's name below `trees/`; see `treeName`. */
  readonly tree: string;
  /** Absolute path of the data files that came with the artifact; they appear in the directory too. */
  readonly shipped?: string;
  /** What a further thread of the download runs; see `EngineOptions`. */
  readonly laneFile: string;
  readonly earlyLane?: EarlyLane | undefined;
  /** Other time limits than the usual ones. */
  readonly timing?: Partial<Timing>;
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

/** What the one that fetches tells those that wait. */
interface Line {
  readonly tree: string;
  readonly file?: string;
  readonly progress?: Progress;
  /** What has been fetched: all that is not lazy, or, with `done`, all. */
  readonly facts?: WeightsFacts;
  readonly done?: true;
}

/** Fill the data directory of a manifest, once on this machine however many ask for it at the same time. */
export function fillDataDir(options: FillOptions): Filling {
  const { manifest, root, tree, shipped } = options;
  const path = treeFolder(root, tree);
  const began = performance.now();
  const sinceBegan = () => performance.now() - began;
  const eager = Promise.withResolvers<WeightsFacts>();
  const hurried = new Set<string>();
  let engine: Engine | undefined;

  async function fill(): Promise<WeightsFacts> {
    useTree(root, tree);
    const full = manifest.options?.verifyWarm === "full";
    let heard: WeightsFacts | undefined;
    for (let waited = false; ; waited = true) {
      const ready = readReady(root, tree, { full, shipped });
      if (ready) return heard ?? warm(ready, waited);
      // One for the whole root: two deployments may share a file that is being fetched.
      const turn = await takeTurn(root, "fetch");
      if (!turn.first) {
        heard = await follow(turn);
        // It is done, or gone: see for oneself.
        continue;
      }
      try {
        // Somebody may have finished between the look and the turn.
        const meanwhile = readReady(root, tree, { full, shipped, repair: true });
        return meanwhile ? warm(meanwhile, waited) : await fetch(turn);
      } finally {
        await turn.release();
      }
    }
  }

  function warm({ files }: ReadyTree, waited: boolean): WeightsFacts {
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const facts = toFacts({ ...NOTHING, files: files.length, bytes }, sinceBegan(), true);
    return waited ? { ...facts, waited } : facts;
  }

  /** @returns what the other one has fetched of this tree, when it said that it had all */
  async function follow(turn: OthersTurn): Promise<WeightsFacts | undefined> {
    let all: WeightsFacts | undefined;
    turn.onLine((line) => {
      const { tree: theirs, file, progress, facts, done } = line as Line;
      if (progress)
        writeLog("info", "waiting for weights that another process fetches", progressFields(progress));
      if (theirs !== tree) return;
      if (file !== undefined) options.onFile?.(file);
      if (!facts) return;
      // The figures are the other's, the time is one's own.
      const known: WeightsFacts = { ...facts, ms: Math.round(sinceBegan()), waited: true };
      if (done) all = known;
      else eager.resolve(known);
    });
    await turn.over;
    return all;
  }

  async function fetch(turn: OwnTurn): Promise<WeightsFacts> {
    const tell = (line: Omit<Line, "tree">, passing?: boolean) => turn.tell({ tree, ...line }, passing);
    try {
      const stats = await fetchTree({
        ...options,
        lost: turn.lost,
        started(fetching) {
          engine = fetching;
          for (const file of hurried) fetching.hurry(file);
        },
        onFile(file) {
          tell({ file });
          options.onFile?.(file);
        },
        onEager(stats) {
          const facts = toFacts(stats, sinceBegan(), false);
          tell({ facts });
          eager.resolve(facts);
        },
        onProgress(progress, bytesPerMs) {
          tell({ progress }, true);
          writeLog("info", "fetching weights", progressFields(progress, bytesPerMs));
        },
      });
      const facts = toFacts(stats, sinceBegan(), false);
      tell({ facts, done: true });
      return facts;
    } finally {
      engine = undefined;
    }
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
