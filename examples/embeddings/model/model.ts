// Turns texts into vectors: a text becomes pieces of words, and a small transformer makes one vector of them. Whoever asks,
// one caller with a list or many at once, all texts go through the network together.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ColdframeError, type ModelContext } from "coldframe";
import { createSession, type Session } from "coldframe/onnx";
import { Tensor, type TypedTensor } from "onnxruntime-node";
import { z } from "zod";
import { type Packing, packTexts } from "./rows.ts";
import { createTokenizer } from "./tokenizer.ts";

const DIMENSIONS = 512;

/** The network has read nothing longer, and what is longer is cut off. */
const MAX_TOKENS = 128;

/** What the network takes for the text of an empty slot. */
const NO_TEXT = -1;

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

/** One text as the network has it. */
interface Embedded {
  readonly vector: Float32Array;
  readonly tokens: readonly number[];
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
    const lists = inputs.map(({ text }) => [text].flat());
    const embedded = await this.#embedLists(lists);
    return embedded.map((list) => ({ embeddings: list.map(({ vector }) => toNumbers(vector)) }));
  }

  /** The same for the clients of OpenAI, in whose encodings the vectors leave. */
  async embeddings(request: unknown) {
    const [answer] = await this.embeddingsBatch([request]);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** What many of those clients sent, in one go. */
  async embeddingsBatch(requests: readonly unknown[]) {
    const parsed = requests.map((request) => Request.safeParse(request));
    const embedded = await this.#embedLists(parsed.map(({ data }) => (data ? [data.input].flat() : [])));
    return parsed.map(({ error }, i) => {
      if (error) return refusal(error);
      const list = embedded[i] as Embedded[];
      const tokens = list.reduce((sum, { tokens }) => sum + tokens.length, 0);
      return {
        data: list.map(({ vector }) => vector),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      };
    });
  }

  /** Each list's own texts, of all lists that go through the network together. */
  async #embedLists(lists: readonly (readonly string[])[]): Promise<Embedded[][]> {
    const embedded = await this.#embed(lists.flat());
    let from = 0;
    return lists.map(({ length }) => embedded.slice(from, (from += length)));
  }

  async #embed(texts: readonly string[]): Promise<Embedded[]> {
    const tokens = texts.map((text) => this.#tokensOf(text).slice(0, MAX_TOKENS));
    const embedded: Embedded[] = [];
    for (const packing of packTexts(tokens.map(({ length }) => length))) {
      const { data } = await this.#run(tokens, packing);
      for (const [i, { text }] of packing.placed.entries()) {
        const vector = data.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
        embedded[text] = { vector, tokens: tokens[text] as number[] };
      }
    }
    return embedded;
  }

  async #run(tokens: readonly number[][], { rows, width, placed }: Packing): Promise<TypedTensor<"float32">> {
    const ids = new Int32Array(rows * width);
    const texts = new Int32Array(rows * width).fill(NO_TEXT);
    const places = new Int32Array(rows * width);
    const lengths = new Int32Array(placed.length);
    for (const [i, { text, slot }] of placed.entries()) {
      const own = tokens[text] as number[];
      ids.set(own, slot);
      texts.fill(i, slot, slot + own.length);
      for (let place = 0; place < own.length; place++) places[slot + place] = place;
      lengths[i] = own.length;
    }
    const inSlots = (values: Int32Array) => new Tensor("int32", values, [rows, width]);
    const { embedding } = (await this.#network.run({
      ids: inSlots(ids),
      texts: inSlots(texts),
      places: inSlots(places),
      lengths: new Tensor("int32", lengths, [placed.length]),
    })) as Result;
    return embedding;
  }
}

function refusal({ issues }: z.ZodError): ColdframeError {
  const told = issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const sentence = told.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new ColdframeError("INPUT_INVALID", sentence, { issues: told });
}

/** A vector as JSON has it. By hand: `Array.from` with a function takes 15 times as long, for each of 512 numbers. */
function toNumbers(vector: Float32Array): number[] {
  const numbers = new Array<number>(vector.length);
  for (let i = 0; i < vector.length; i++)
    numbers[i] = Math.round((vector[i] as number) * PRECISION) / PRECISION;
  return numbers;
}
