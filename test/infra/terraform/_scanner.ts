// A text that is read from its beginning: the words and signs of HCL, without the blanks and comments between them.

export class Scanner {
  protected at = 0;
  protected readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** @throws when something is left */
  end(): void {
    this.space();
    if (this.at < this.text.length) this.fail("the end");
  }

  protected match(pattern: RegExp): string | undefined {
    this.space();
    const found = pattern.exec(this.text.slice(this.at))?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  protected take(token: string): boolean {
    this.space();
    if (!this.text.startsWith(token, this.at)) return false;
    const next = this.text.charAt(this.at + token.length);
    // `=` is not the beginning of `==` and `=>`, nor `!` of `!=`.
    if ((token === "=" && /[=>]/.test(next)) || (token === "!" && next === "=")) return false;
    this.at += token.length;
    return true;
  }

  protected expect(token: string): void {
    if (!this.take(token)) this.fail(token);
  }

  protected space(): void {
    const blank = /^(\s+|#.*|\/\/.*|\/\*[^]*?\*\/)+/.exec(this.text.slice(this.at))?.[0];
    this.at += blank?.length ?? 0;
  }

  protected fail(wanted: string): never {
    throw new SyntaxError(`expected ${wanted} at ${this.at} of ${this.text}`);
  }
}
