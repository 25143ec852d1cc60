// A model that streams: what `predict` yields reaches the caller at once. Put yours in place of the one below.

import type { Invocation } from "coldframe";
import { z } from "zod";

const TEXT =
  "once upon a time there was a small model that lived in a cold frame and every day it grew a little " +
  "until one day it was a model that a lot of people asked and it had a word for every one of them";

/** Which words follow a word: the whole model. A larger one comes from S3, as `weights` of config.yaml. */
type Followers = Map<string, string[]>;

export default class Model {
  static input = z.object({
    prompt: z.string().min(1).max(10_000),
    max_words: z.number().int().min(1).max(500).default(20),
  });

  #followers: Followers = new Map();

  /** Once per cold start. */
  async load() {
    const words = TEXT.split(" ");
    for (const [i, word] of words.entries()) {
      const next = words[i + 1] ?? (words[0] as string);
      this.#followers.set(word, [...(this.#followers.get(word) ?? []), next]);
    }
  }

  /** `signal` aborts when the caller has left, and before the function's timeout. */
  async *predict({ prompt, max_words }: z.infer<typeof Model.input>, { signal }: Pick<Invocation, "signal">) {
    let word =
      prompt
        .toLowerCase()
        .match(/\p{L}+/gu)
        ?.at(-1) ?? "";
    for (let i = 0; i < max_words; i++) {
      signal.throwIfAborted();
      const followers = this.#followers.get(word) ?? [...this.#followers.keys()];
      word = followers[i % followers.length] as string;
      yield ` ${word}`;
    }
  }
}
