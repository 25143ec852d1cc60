// What examples/embeddings is made of, and Baseten's client for embeddings against it.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as fc from "fast-check";
import { build } from "../../adapter/build/build.ts";
import { hostArchitecture } from "../../adapter/cli/build.ts";
import { startLocalWeights } from "../../adapter/cli/local-weights.ts";
import { startFunctionUrl } from "../../adapter/local/function-url.ts";
import { startLocalLambda } from "../../adapter/local/local-lambda.ts";
import { packTexts } from "../../examples/embeddings/model/rows.ts";
import { createTokenizer } from "../../examples/embeddings/model/tokenizer.ts";
import { startServer } from "../runtime/targets/_server.ts";
import { startHttp2Front } from "./_http2-front.ts";

const PROJECT = join(import.meta.dirname, "..", "..", "examples", "embeddings");
const VOCABULARY = join(PROJECT, "weights", "vocabulary.json");

const noWeights =
  !existsSync(VOCABULARY) && "its weights are made first: npm run weights --prefix examples/embeddings";

// The tokenizer

test("of all ways to write a text, the one whose scores add up to most", () => {
  const reserved = Array.from({ length: 6 }, () => ["", 0] as const);
  const pieces = [
    ["▁", -3],
    ["a", -3],
    ["b", -3],
    ["▁a", -4],
    ["ab", -2],
    ["bb", -9],
    ["ba", -1],
  ] as const;
  const tokens = createTokenizer([...reserved, ...pieces]);
  const written = (text: string) => tokens(text).map((id) => pieces[id - 6]?.[0] ?? "?");
  assert.deepEqual(written("ab"), ["▁", "ab"]);
  assert.deepEqual(written("aba"), ["▁a", "ba"]);
  assert.deepEqual(written("abb"), ["▁", "ab", "b"]);
  assert.deepEqual(written("a b"), ["▁a", "▁", "b"]);
  assert.deepEqual(written("a?!b"), ["▁a", "?", "b"], "one for all that is unknown in a row");
});

/** What the package's own tokenizer makes of them. */
const REFERENCE: readonly (readonly [string, readonly number[]])[] = [
  ["How old are you?", [728, 446, 31, 19, 54]],
  ["It's so sunny outside!", [75, 13, 7, 63, 1839, 1168, 1080, 78]],
  ["  two  spaces ", [30, 30, 174, 30, 1016, 7, 30]],
  ["naïve café — 20 €", [1216, 0, 105, 976, 209, 1133, 405, 514, 30, 5853]],
  [
    "Sphinx of black quartz, judge my vow",
    [114, 1341, 97, 152, 14, 798, 3884, 93, 3611, 8, 1868, 69, 2743, 202],
  ],
  ["日本語 text", [30, 0, 1515]],
  ["👍🏽 great", [30, 0, 318]],
  ["ｆｕｌｌ ｗｉｄｔｈ", [650, 7916]],
  ["\n\ttabs", [30, 0, 17, 1112, 7]],
  ["antidisestablishmentarianism", [1531, 3175, 281, 1112, 2873, 284, 3619, 639]],
];

test("the same pieces as the tokenizer that the network was published with", { skip: noWeights }, () => {
  const tokens = createTokenizer(JSON.parse(readFileSync(VOCABULARY, "utf8")));
  for (const [text, ids] of REFERENCE) assert.deepEqual(tokens(text), ids, text);
});

// Rows

test("every text has slots of its own, all in one row, and few slots are empty", () => {
  const lengthsOf = fc.array(fc.integer({ min: 1, max: 128 }), { maxLength: 600 });
  fc.assert(
    fc.property(lengthsOf, (lengths) => {
      const placedTexts: number[] = [];
      for (const { rows, width, placed } of packTexts(lengths)) {
        const taken = new Set<number>();
        let longest = 0;
        for (const { text, slot } of placed) {
          const length = lengths[text] as number;
          longest = Math.max(longest, length);
          const end = slot + length;
          assert.equal(Math.floor(slot / width), Math.floor((end - 1) / width), "in one row");
          for (let i = slot; i < end; i++) assert.equal(taken.has(i), false, `two texts in slot ${i}`);
          for (let i = slot; i < end; i++) taken.add(i);
          assert.ok(end <= rows * width);
        }
        assert.ok(taken.size <= 512, `${taken.size} tokens in one call`);
        assert.ok(width <= 2 * Math.max(longest, 64), `rows of ${width}, texts of ${longest}`);
        placedTexts.push(...placed.map(({ text }) => text));
      }
      assert.deepEqual(
        placedTexts.sort((a, b) => a - b),
        [...lengths.keys()],
      );
    }),
  );
});

test("short texts leave hardly a slot empty, and a text alone none", () => {
  const [packing, ...others] = packTexts(Array.from({ length: 64 }, (_, i) => 2 + (i % 8)));
  assert.equal(others.length, 0);
  assert.ok(packing && packing.rows * packing.width <= 1.05 * 352, JSON.stringify(packing));
  assert.deepEqual(packTexts([7]), [{ rows: 1, width: 7, placed: [{ text: 0, slot: 0 }] }]);
});

// Baseten's client

type Client = import("@basetenlabs/performance-client").PerformanceClient;

const { PerformanceClient, noClient } = await import("@basetenlabs/performance-client").then(
  (module) => ({ PerformanceClient: module.PerformanceClient, noClient: false as const }),
  (error) => ({ PerformanceClient: undefined, noClient: `no client for this platform: ${error}` }),
);

const TEXTS = ["How old are you?", "What is your age?", "The weather is lovely today."];

describe("@basetenlabs/performance-client", { skip: noWeights || noClient }, () => {
  let folder: string;
  let weights: Awaited<ReturnType<typeof startLocalWeights>>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "coldframe-example-"));
    weights = await startLocalWeights(PROJECT);
  });
  after(async () => {
    await weights.close();
    await rm(folder, { recursive: true });
  });

  async function artifactOf(target: "lambda" | "server"): Promise<string> {
    const { directory } = await build({
      project: PROJECT,
      target,
      outDir: join(folder, target),
      architecture: hostArchitecture(),
      zip: false,
      localWeights: true,
    });
    return directory;
  }
  const environmentOf = (target: string) => ({
    ...weights.environment,
    COLDFRAME_DATA_DIR: join(folder, `${target}-weights`),
  });

  /** The client speaks HTTP/2 only, as do the load balancers that it is made for. */
  async function withClient(origin: string, use: (client: Client) => Promise<void>): Promise<void> {
    const front = await startHttp2Front(origin);
    try {
      assert.ok(PerformanceClient);
      await use(new PerformanceClient(front.url, "no key"));
    } finally {
      await front.close();
    }
  }

  test("against a function URL", async () => {
    const artifact = await artifactOf("lambda");
    const lambda = await startLocalLambda({ artifact, environment: environmentOf("lambda") });
    const url = await startFunctionUrl({ lambda: () => lambda });
    try {
      await withClient(url.url, exercise);
    } finally {
      await url.close();
      await lambda.close();
    }
  });

  test("against the server, which batches", async (t) => {
    const server = await startServer(t, await artifactOf("server"), { env: environmentOf("server") });
    await withClient(server.url, exercise);
  });
});

async function exercise(client: Client): Promise<void> {
  // Two texts a request, at most four requests at a time.
  const answer = await client.embed(TEXTS, "embeddings", "float", null, null, 4, 2);
  const vectors = answer.data.map(({ embedding }: { embedding: number[] }) => embedding);
  assert.deepEqual(
    answer.data.map(({ index, embedding }: { index: number; embedding: number[] }) => [
      index,
      embedding.length,
    ]),
    [
      [0, 512],
      [1, 512],
      [2, 512],
    ],
  );
  assert.ok(cosine(vectors[0], vectors[1]) > 0.8, "the same question");
  assert.ok(cosine(vectors[0], vectors[2]) < 0.4, "another matter");
  assert.equal(answer.usage.total_tokens, 5 + 5 + 7);

  // Its embed() for Node takes base64, and leaves it out of what it returns: asked for by hand, it is the same vector.
  const empty = await client.embed(TEXTS, "embeddings", "base64");
  assert.deepEqual(
    empty.data.map(({ embedding }: { embedding: number[] }) => embedding),
    [[], [], []],
  );
  const request = { model: "embeddings", input: TEXTS, encoding_format: "base64" };
  const { data } = await client.batchPost("/v1/embeddings", [request, request]);
  assert.equal(data.length, 2);
  for (const [i, { embedding }] of data[0].data.entries()) {
    const bytes = Buffer.from(embedding, "base64");
    assert.equal(bytes.length, 512 * 4);
    const vector = Array.from({ length: 512 }, (_, n) => bytes.readFloatLE(n * 4));
    assert.ok(cosine(vector, vectors[i]) > 0.99999);
  }

  await assert.rejects(client.embed([""], "embeddings"), /400 Bad Request.*input\.0: Too small/);
  const answers = await client.batchPost(
    "/predict",
    TEXTS.map((text) => ({ text })),
    3,
  );
  for (const [i, { embeddings }] of answers.data.entries()) {
    assert.ok(cosine(embeddings[0], vectors[i]) > 0.99999);
  }
}

/** Of vectors of length 1. */
function cosine(one: readonly number[] = [], other: readonly number[] = []): number {
  return one.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0);
}
