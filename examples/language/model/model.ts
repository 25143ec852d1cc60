// Names the language of a text: the frequencies of its n-grams go in, a probability for each of 50 languages comes out.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelContext } from "coldframe";
import { InferenceSession, Tensor, type TypedTensor } from "onnxruntime-node";
import { z } from "zod";
import { frequencies } from "./features.ts";

const Language = z.string().length(3).describe("ISO 639-3");

type Input = z.infer<typeof Model.input>;
type Output = z.infer<typeof Model.output>;
type Result = Record<"probabilities", TypedTensor<"float32">>;

export default class Model {
  static input = z.strictObject({
    text: z.string().min(1).max(10_000),
    top: z.int().min(1).max(50).default(3).describe("how many candidates to return"),
  });

  static output = z.object({
    language: Language.describe("ISO 639-3; und when the text holds nothing to judge by"),
    confidence: z.number(),
    candidates: z.array(z.object({ language: Language, probability: z.number() })),
  });

  #dataDir: string;
  #languages!: string[];
  #vocabulary!: string[];
  #network!: InferenceSession;

  constructor({ dataDir }: ModelContext) {
    this.#dataDir = dataDir;
  }

  async load() {
    const { langs, ngrams } = JSON.parse(await readFile(join(this.#dataDir, "lande.json"), "utf8"));
    this.#languages = langs;
    this.#vocabulary = [...ngrams.unigrams, ...ngrams.bigrams, ...ngrams.trigrams, ...ngrams.quadgrams];
    this.#network = await InferenceSession.create(join(this.#dataDir, "lande.onnx"), {
      intraOpNumThreads: 1,
    });
  }

  async predict({ text, top }: Input): Promise<Output> {
    const ranking = await this.#rank(frequencies(text, this.#vocabulary));
    const best = ranking[0] ?? { language: "und", probability: 0 };
    return { language: best.language, confidence: best.probability, candidates: ranking.slice(0, top) };
  }

  /** All languages, likeliest first; none when the text has no n-gram of the vocabulary but the first, the space. */
  async #rank(features: Float32Array) {
    if (features.subarray(1).every((frequency) => frequency === 0)) return [];

    const ngrams = new Tensor("float32", features, [1, features.length]);
    const { probabilities } = (await this.#network.run({ ngrams })) as Result;
    return this.#languages
      .map((language, i) => ({ language, probability: probabilities.data[i]! }))
      .sort((a, b) => b.probability - a.probability);
  }
}
