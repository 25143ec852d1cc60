// Text that arrives in pieces, as lines.

/** Keeps what is not a whole line yet. */
export class Lines {
  readonly #breaks: RegExp;
  #held = "";
  #afterReturn = false;

  /** @param breaks global; a lone "\r" ends a line only where it says so */
  constructor(breaks: RegExp) {
    this.#breaks = breaks;
  }

  /** The lines that `text` completes. @param text not empty */
  push(text: string): string[] {
    const lines: string[] = [];
    // The other half of a "\r\n" that ended a line already.
    let start = this.#afterReturn && text.startsWith("\n") ? 1 : 0;
    this.#afterReturn = false;
    // Only the new text is searched: a line of megabytes arrives in hundreds of pieces.
    this.#breaks.lastIndex = start;
    for (let found = this.#breaks.exec(text); found !== null; found = this.#breaks.exec(text)) {
      lines.push(this.#held + text.slice(start, found.index));
      this.#held = "";
      start = this.#breaks.lastIndex;
      this.#afterReturn = found[0] === "\r";
    }
    // Of a "\r" in the middle, the other half is not what comes next.
    if (start < text.length) this.#afterReturn = false;
    this.#held += text.slice(start);
    return lines;
  }

  /** What came after the last line. */
  get rest(): string {
    return this.#held;
  }
}
