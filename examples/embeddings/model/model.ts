// Turns texts into vectors: a text becomes pieces of words, and a small transformer makes one vector of them. Whoever asks,
// one caller with a list or many at once, all texts go through the network together, in groups of about one length.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ColdframeError, type ModelContext } from "coldframe";
import { createSession, type Session } from "coldframe/onnx";
import { Tensor, type TypedTensor } from "onnxruntime-node";
import { z } from "zod";
import { groupsOf } from "./groups.ts";
import { createTokenizer } from "./tokenizer.ts";

const DIMENSIONS = 512;

/** The network has read nothing longer, and what is longer is cut off. */
const MAX_TOKENS = 128;

/** More digits than this a float32 of such a size does not have, and JSON would write twice as many. */
const PRECISION = 1e7;

const Text = z.string().min(1).max(8000);
const Texts = z.union([Text, z.array(Text).min(1).max(512)]);

const Request = z.object({
  input: Texts,
  dimensions: z.literal(DIMENSIONS).optional(),
});

type Input = z.infer<typeof Model.input>;

/** Without a schema: it would look at each of the 512 numbers, which takes half as long again as to write them. */
interface Output {
  /** One for each text, of length 1. */
  readonly embeddings: number[][];
}

type Result = Record<"embedding", TypedTensor<"float32">>;

export default class Model {
  static input = z.strictObject({ text: Texts });

  #tokensOf!: (text: string) => number[];
  #network!: Session;

  async load({ dataDir }: ModelContext) {
    const vocabulary = await readFile(join(dataDir, "vocabulary.json"), "utf8");
    this.#tokensOf = createTokenizer(JSON.parse(vocabulary));
    this.#network = await createSession(join(dataDir, "use-lite.onnx"), { device: "cpu", warmUp: true });
  }

  async predict(input: Input): Promise<Output> {
    const [output] = await this.predictBatch([input]);
    return output as Output;
  }

  /** What many callers sent, in one go. */
  async predictBatch(inputs: readonly Input[]): Promise<Output[]> {
    const texts = inputs.map(({ text }) => [text].flat());
    const { vectors } = await this.#embed(texts.flat());
    const rounded = vectors.map(toNumbers);
    return texts.map(({ length }) => ({ embeddings: rounded.splice(0, length) }));
  }

  /** The same for the clients of OpenAI, in whose encodings the vectors leave. */
  async embeddings(request: unknown) {
    const { success, data, error } = Request.safeParse(request);
    if (!success) {
      const issues = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
      throw new ColdframeError(
        "INPUT_INVALID",
        issues.map(({ path, message }) => `${path}: ${message}`).join("; "),
        { issues },
      );
    }
    const { vectors, tokens } = await this.#embed([data.input].flat());
    return { data: vectors, usage: { prompt_tokens: tokens, total_tokens: tokens } };
  }

  async #embed(texts: readonly string[]): Promise<{ vectors: Float32Array[]; tokens: number }> {
    const tokens = texts.map((text) => this.#tokensOf(text).slice(0, MAX_TOKENS));
    const vectors: Float32Array[] = [];
    for (const group of groupsOf(tokens)) {
      const { data } = await this.#run(group.map((place) => tokens[place] as number[]));
      for (const [i, place] of group.entries()) {
        vectors[place] = data.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
      }
    }
    return { vectors, tokens: tokens.reduce((sum, { length }) => sum + length, 0) };
  }

  async #run(tokens: readonly number[][]): Promise<TypedTensor<"float32">> {
    const lengths = tokens.map(({ length }) => length);
    const width = Math.max(...lengths);
    // What is behind the end of a text, the network does not look at.
    const ids = new BigInt64Array(tokens.length * width);
    for (const [i, row] of tokens.entries()) ids.set(row.map(BigInt), i * width);

    const { embedding } = (await this.#network.run({
      ids: new Tensor("int64", ids, [tokens.length, width]),
      lengths: new Tensor("int64", BigInt64Array.from(lengths, BigInt), [tokens.length]),
    })) as Result;
    return embedding;
  }
}

/** A vector as JSON has it. By hand: `Array.from` with a function takes 15 times as long, for each of 512 numbers. */
function toNumbers(vector: Float32Array): number[] {
  const numbers = new Array<number>(vector.length);
  for (let i = 0; i < vector.length; i++)
    numbers[i] = Math.round((vector[i] as number) * PRECISION) / PRECISION;
  return numbers;
}
