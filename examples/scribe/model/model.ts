// Continues a text, one character at a time. A recurrent network reads the prompt; each character it then writes is
// yielded, which streams it to the caller, and read back to write the next.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ColdframeError, type Invocation, type ModelContext } from "coldframe";
import { InferenceSession, Tensor, type TypedTensor } from "onnxruntime-node";
import { z } from "zod";
import { readChat } from "./chat.ts";
import { randomFrom, sample } from "./sample.ts";
import { untilStop } from "./stop.ts";

const HIDDEN = 256;

type Input = z.infer<typeof Model.input>;
type Limits = Omit<Input, "prompt">;
type Step = Record<"logits" | "h_out", TypedTensor<"float32">>;

export default class Model {
  static input = z.strictObject({
    prompt: z.string().min(1).max(2000).default("In the beginning "),
    max_characters: z.int().min(1).max(2000).default(300),
    temperature: z.number().min(0).max(2).default(0.5).describe("0 always writes the likeliest character"),
    seed: z.int().default(1).describe("the same seed writes the same text"),
  });

  #dataDir: string;
  #alphabet!: string;
  #network!: InferenceSession;

  constructor({ dataDir }: ModelContext) {
    this.#dataDir = dataDir;
  }

  async load() {
    this.#alphabet = JSON.parse(await readFile(join(this.#dataDir, "gru.chars.json"), "utf8"));
    this.#network = await InferenceSession.create(join(this.#dataDir, "gru.onnx"), { intraOpNumThreads: 1 });
  }

  async *predict({ prompt, ...rest }: Input, { signal }: Invocation) {
    yield* this.#write(this.#encode(prompt, "prompt"), rest, signal);
  }

  /** What OpenAI's clients call: the conversation is the text to continue, and a character is a token. */
  async *chatCompletions(request: unknown, { signal }: Invocation) {
    const { prompt, stop, ...rest } = readChat(request);
    const ids = this.#encode(prompt, "messages");
    const text = untilStop(this.#write(ids, rest, signal), stop);
    let piece = await text.next();
    let completion_tokens = 0;
    for (; !piece.done; piece = await text.next()) {
      completion_tokens += piece.value.length;
      yield piece.value;
    }
    const prompt_tokens = ids.length;
    yield {
      finish_reason: piece.value ? "stop" : "length",
      usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
    };
  }

  async *#write(prompt: number[], { max_characters, temperature, seed }: Limits, signal: AbortSignal) {
    const random = randomFrom(seed);
    let ids = prompt;
    let h = new Tensor("float32", new Float32Array(HIDDEN), [1, 1, HIDDEN]);

    for (let written = 0; written < max_characters; written++) {
      signal.throwIfAborted();
      const step = (await this.#network.run({ ids: new Tensor("int64", ids, [1, ids.length]), h })) as Step;
      const next = sample(step.logits.data.subarray(-this.#alphabet.length), temperature, random);
      yield this.#alphabet.charAt(next);
      ids = [next];
      h = step.h_out;
    }
  }

  #encode(prompt: string, path: string): number[] {
    const unknown = [...new Set(prompt)].filter((character) => !this.#alphabet.includes(character));
    if (unknown.length > 0) {
      const message = `the model cannot read ${JSON.stringify(unknown.join(""))}.`;
      const fix = `Use only ${JSON.stringify(this.#alphabet)}.`;
      throw new ColdframeError("INPUT_INVALID", message, { fix, issues: [{ path, message }] });
    }
    return Array.from(prompt, (character) => this.#alphabet.indexOf(character));
  }
}
