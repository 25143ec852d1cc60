// The order of a download: which file is opened next and which part is fetched next. Small files get a tenth of the
// connections, so that they are there when the large ones are; parts are taken across files, because the kernel lets one
// writer at a time into one file; lazy files come last, in their order. Fetches nothing itself.

/** A file as the queue sees it. */
export interface Queued {
  readonly size: number;
  readonly lazy: boolean;
  /** Is one part. */
  readonly small: boolean;
  /** Indices of parts that nobody has taken, in order; filled when the file is opened. */
  readonly free: number[];
}

type Class = "urgent" | "small" | "large" | "lazy";

/** Of the connections, for small files as long as there are others. */
const SMALL_SHARE = 0.1;
/** Files of one class that are open and have parts nobody has taken: two descriptors each, of Lambda's 1024. */
const MAX_WINDOW = 128;

export class FileQueue<F extends Queued> {
  /** Not open yet. */
  readonly #waiting: Readonly<Record<Class, F[]>> = { urgent: [], small: [], large: [], lazy: [] };
  /** Open, with parts to take. */
  readonly #open: Readonly<Record<Class, F[]>> = { urgent: [], small: [], large: [], lazy: [] };
  readonly #classes = new Map<F, Class>();
  /** In the order of `add`, then of `hurry`. */
  readonly #order = new Map<F, number>();
  readonly #opening: Record<Class, number> = { urgent: 0, small: 0, large: 0, lazy: 0 };
  #turn = 0;
  #count = 0;

  /** Nothing is left to take or to open. */
  get empty(): boolean {
    return (
      this.#all().every((files) => files.length === 0) && Object.values(this.#opening).every((n) => n === 0)
    );
  }

  add(...files: readonly F[]): void {
    for (const file of files) {
      const kind = file.lazy ? "lazy" : file.small ? "small" : "large";
      this.#classes.set(file, kind);
      this.#order.set(file, this.#count++);
      this.#waiting[kind].push(file);
    }
    // From the end is the largest.
    this.#waiting.large.sort((a, b) => a.size - b.size);
  }

  /** What is missing of it comes first. */
  hurry(file: F): void {
    const kind = this.#classes.get(file);
    if (kind === undefined || kind === "urgent") return;
    this.#classes.set(file, "urgent");
    this.#order.set(file, this.#count++);
    for (const files of [this.#waiting, this.#open]) {
      const at = files[kind].indexOf(file);
      if (at >= 0) files.urgent.push(...files[kind].splice(at, 1));
    }
  }

  /** The next file to open, while `connections` could be short of parts. Followed by `opened` or `forget`. */
  nextToOpen(connections: number): F | undefined {
    const window = Math.min(connections, MAX_WINDOW);
    const eager =
      this.#waiting.small.length + this.#waiting.large.length + this.#opening.small + this.#opening.large;
    for (const kind of ["urgent", "small", "large", "lazy"] as const) {
      if (kind === "lazy" && eager > 0) return undefined;
      if (this.#open[kind].length + this.#opening[kind] >= window) continue;
      const file = kind === "large" ? this.#waiting.large.pop() : this.#waiting[kind].shift();
      if (!file) continue;
      this.#opening[kind]++;
      // It may be hurried while it is opened.
      this.#openingAs.set(file, kind);
      return file;
    }
    return undefined;
  }

  readonly #openingAs = new Map<F, Class>();

  /** Its parts can be taken, if it has any. */
  opened(file: F): void {
    this.#endOpening(file);
    this.#offer(file);
  }

  /**
   * @param smallRunning how many parts being fetched are of small files
   * @param connections how many may be
   * @param large whether it may be one of a large file
   */
  take(
    smallRunning: number,
    connections: number,
    large = true,
  ): { readonly file: F; readonly index: number } | undefined {
    const preferSmall = smallRunning < Math.ceil(connections * SMALL_SHARE);
    const eager = preferSmall ? (["small", "large"] as const) : (["large", "small"] as const);
    for (const kind of ["urgent", ...eager, "lazy"] as const) {
      const files = this.#open[kind];
      const at =
        kind === "large" && large
          ? this.#turn++ % (files.length || 1)
          : files.findIndex(({ small }) => small || large);
      if (at < 0 || files.length === 0) continue;
      const file = files[at] as F;
      const index = file.free.shift() as number;
      if (file.free.length === 0) files.splice(at, 1);
      return { file, index };
    }
    return undefined;
  }

  /** A part that was taken has to be taken again. */
  putBack(file: F, index: number): void {
    file.free.unshift(index);
    this.#offer(file);
  }

  /** It is complete, or was given up. */
  forget(file: F): void {
    this.#endOpening(file);
    for (const files of this.#all()) {
      const at = files.indexOf(file);
      if (at >= 0) files.splice(at, 1);
    }
    this.#classes.delete(file);
    this.#order.delete(file);
  }

  #offer(file: F): void {
    const kind = this.#classes.get(file);
    if (kind === undefined) return;
    const files = this.#open[kind];
    if (file.free.length === 0 || files.includes(file)) return;
    files.push(file);
    const rank = (other: F) => (kind === "large" ? -other.size : (this.#order.get(other) ?? 0));
    files.sort((a, b) => rank(a) - rank(b));
  }

  #endOpening(file: F): void {
    const kind = this.#openingAs.get(file);
    if (kind === undefined) return;
    this.#openingAs.delete(file);
    this.#opening[kind]--;
  }

  #all(): F[][] {
    return [...Object.values(this.#waiting), ...Object.values(this.#open)];
  }
}
