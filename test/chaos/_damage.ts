// What happens to a data root between two starts when nobody looks: bytes of partial files and of their journals that
// are not what was written, cut off, gone, or somebody else's; and a record of a whole tree that is not to be trusted.
// Complete files are left alone: what a complete file is held against is decided when it is written.

import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { between, pick, type Random } from "./_random.ts";

const WAYS = {
  flip: (file: string, next: Random) => flip(file, next, 1),
  scatter: (file: string, next: Random) => flip(file, next, 20),
  cut: (file: string, next: Random) => truncateSync(file, between(next, 0, statSync(file).size)),
  grow: (file: string, next: Random) => truncateSync(file, statSync(file).size + between(next, 1, 5000)),
  zero: (file: string) => writeFileSync(file, Buffer.alloc(statSync(file).size)),
  remove: (file: string) => rmSync(file),
  /** Another version's, or an editor's: JSON, but not all of it. */
  strip(file: string, next: Random) {
    if (!file.endsWith(".ready")) return;
    const record = readJson(file);
    const names = Object.keys(record);
    // All of it may be gone already.
    if (names.length === 0) return;
    delete record[pick(next, names)];
    writeFileSync(file, JSON.stringify(record));
  },
} as const;

/** Does something to some of the files; what, as sentences. */
export function damage(root: string, next: Random): string[] {
  const targets = [...filesOf(root, "blobs", /\.(part|journal)$/), ...filesOf(root, "trees", /\.ready$/)];
  return targets
    .filter(() => next() < 0.5)
    .map((file) => {
      const way = pick(next, Object.keys(WAYS) as (keyof typeof WAYS)[]);
      WAYS[way](join(root, file), next);
      return `${way} ${file}`;
    });
}

/** Empty when it has been damaged before. */
function readJson(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch {
    return { nothing: true };
  }
}

function flip(file: string, next: Random, times: number): void {
  const bytes = readFileSync(file);
  if (bytes.length === 0) return;
  for (let i = 0; i < times; i++) {
    const at = between(next, 0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << between(next, 0, 7));
  }
  writeFileSync(file, bytes);
}

function filesOf(root: string, folder: string, names: RegExp): string[] {
  try {
    return readdirSync(join(root, folder))
      .filter((name) => names.test(name))
      .toSorted()
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}
