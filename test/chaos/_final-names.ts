// Watches a data root from outside: whatever is under a final name, at any moment, has to be the right bytes. A final
// name is blobs/<id> and every path of the tree; what is being fetched has other names.

import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export class FinalNames {
  readonly #root: string;
  readonly #expected: ReadonlyMap<string, Buffer>;
  /** What has been looked at, by name, and what it was then. */
  readonly #seen = new Map<string, string>();
  readonly #wrong: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param expected by path below the data directory */
  constructor(root: string, expected: ReadonlyMap<string, Buffer>) {
    this.#root = root;
    this.#expected = expected;
  }

  /** Look again and again, until `stop`. */
  watch(everyMs: number): void {
    this.#timer = setInterval(() => this.look(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What was wrong so far, each as a sentence. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  look(): void {
    const contents = [...this.#expected.values()];
    for (const name of namesIn(join(this.#root, "blobs"))) {
      // blobs/<id> and nothing behind it.
      if (!/^[0-9a-f]+$/.test(name)) continue;
      const file = join(this.#root, "blobs", name);
      this.#compare(file, (bytes) => contents.some((content) => content.equals(bytes)));
    }
    for (const tree of namesIn(join(this.#root, "trees"))) {
      const folder = join(this.#root, "trees", tree);
      if (!isFolder(folder) || /\.\w+$/.test(tree)) continue;
      for (const path of filesIn(folder)) {
        const expected = this.#expected.get(path);
        if (path.split("/").at(-1)?.startsWith(".")) continue;
        this.#compare(join(folder, path), (bytes) => expected?.equals(bytes) ?? false);
      }
    }
  }

  /** What is missing of the data directory at `folder`, or is not what it should be. */
  missing(folder: string): string[] {
    const there = new Set(filesIn(folder));
    const missing = [...this.#expected.keys()].filter((path) => !there.has(path));
    const others = [...there].filter((path) => !this.#expected.has(path));
    return [...missing.map((path) => `${path} is missing`), ...others.map((path) => `${path} is not wanted`)];
  }

  /**
   * What is left that should not outlive a good start.
   * @param misled starts asked for lists, of which an answer that was changed or refused on its way may have named another
   *   content, or one with fewer checksums: what was begun of it stays until its room is needed, as of an older version
   */
  leftovers(misled = false): string[] {
    const all = namesIn(join(this.#root, "blobs"));
    const complete = new Set(all.filter((name) => /^[0-9a-f]+$/.test(name)));
    const isKept = (name: string) => {
      const id = /^([0-9a-f]+)\.(part|journal)$/.exec(name)?.[1];
      return misled && id !== undefined && !complete.has(id);
    };
    return all.filter((name) => !complete.has(name) && !isKept(name));
  }

  #compare(file: string, isRight: (bytes: Buffer) => boolean): void {
    try {
      const { ino, size, mtimeNs } = lstatSync(file, { bigint: true });
      const now = `${ino} ${size} ${mtimeNs}`;
      if (this.#seen.get(file) === now) return;
      if (!isRight(readFileSync(file))) this.#wrong.push(`${file} has wrong bytes`);
      this.#seen.set(file, now);
    } catch (error) {
      // Taken away between two looks.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function filesIn(folder: string, below = ""): string[] {
  return namesIn(join(folder, below)).flatMap((name) => {
    const path = below === "" ? name : `${below}/${name}`;
    return isFolder(join(folder, path)) ? filesIn(folder, path) : [path];
  });
}
