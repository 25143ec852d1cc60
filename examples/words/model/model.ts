// Turns texts into vectors: the words of a text become rows of a table, and a network of three operators adds these rows
// up. The table is 137 MB of weights, which come from S3 at the cold start and are mapped into memory, not read.

import { readFile } from "node:fs/promises";
import type { ModelContext } from "coldframe";
import { createSession, type Session } from "coldframe/onnx";
import { Tensor, type TypedTensor } from "onnxruntime-node";
import { z } from "zod";
import { wordsOf } from "./tokens.ts";

const DIMENSIONS = 100;

const Vector = z.array(z.number()).length(DIMENSIONS);

type Input = z.infer<typeof Model.input>;
type Output = z.infer<typeof Model.output>;
type Result = Record<"embedding", TypedTensor<"float32">>;

export default class Model {
  static input = z.strictObject({
    texts: z.array(z.string().min(1).max(2000)).min(1).max(64),
    similarities: z.boolean().default(false).describe("compare each text with each"),
  });

  static output = z.object({
    embeddings: z.array(Vector.nullable()).describe("of length 1; null for a text without a known word"),
    similarities: z.array(z.array(z.number().nullable())).optional().describe("cosines, -1 to 1"),
  });

  #rows!: Map<string, number>;
  #network!: Session;

  async load({ weights }: ModelContext) {
    const words = await readFile(await weights.ready("words.txt"), "utf8");
    this.#rows = new Map(words.split("\n").map((word, row) => [word, row]));
    await weights.ready("words.onnx.data");
    this.#network = await createSession(await weights.ready("words.onnx"), { device: "cpu", warmUp: true });
  }

  async predict({ texts, similarities }: Input): Promise<Output> {
    const embeddings = await this.#embed(texts.map((text) => this.#rowsOf(text)));
    return {
      embeddings,
      ...(similarities && { similarities: embeddings.map((one) => embeddings.map((it) => cosine(one, it))) }),
    };
  }

  /** The rows of a text's known words. A compound that is not known is taken apart: "low-cost" has two. */
  #rowsOf(text: string): number[] {
    return wordsOf(text)
      .flatMap((word) => (this.#rows.has(word) ? word : word.split(/[-']/)))
      .map((word) => this.#rows.get(word))
      .filter((row) => row !== undefined);
  }

  async #embed(rows: number[][]): Promise<(number[] | null)[]> {
    const width = Math.max(1, ...rows.map(({ length }) => length));
    // The row behind the last word is all zeros, and adds nothing.
    const ids = new BigInt64Array(rows.length * width).fill(BigInt(this.#rows.size));
    for (const [i, row] of rows.entries()) ids.set(row.map(BigInt), i * width);

    const { embedding } = (await this.#network.run({
      ids: new Tensor("int64", ids, [rows.length, width]),
    })) as Result;
    return rows.map(({ length }, i) =>
      length === 0 ? null : [...embedding.data.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS)],
    );
  }
}

/** Of vectors of length 1. */
function cosine(one: number[] | null, other: number[] | null): number | null {
  if (one === null || other === null) return null;
  return one.reduce((sum, value, i) => sum + value * (other[i] as number), 0);
}
