// What compressing a whole answer saves and costs, by size and coding, for the two kinds of answers that models give:
// rows of words and numbers, and embeddings. The codings, levels and the smallest size that bodies/compress.ts and
// targets/_compression.ts chose come from here.

import * as zlib from "node:zlib";
import { compressReply } from "../adapter/runtime/bodies/compress.ts";
import type { Result } from "./run.ts";
import { median, round } from "./_statistics.ts";

const SIZES = [1_024, 2_048, 8_192, 65_536, 1_048_576];

/** Work of one measurement, so that small answers are measured as long as large ones. */
const BYTES_PER_MEASUREMENT = 4 * 1024 * 1024;
const MIN_RUNS = 7;
const MAX_RUNS = 400;

const CHOSEN = ["zstd", "br", "gzip"];

const { BROTLI_PARAM_QUALITY, ZSTD_c_compressionLevel } = zlib.constants;

/** The next levels up, which were not chosen. */
const OTHERS: Readonly<Record<string, (content: string) => Uint8Array>> = {
  "zstd-3": (content) => zlib.zstdCompressSync(content, { params: { [ZSTD_c_compressionLevel]: 3 } }),
  "br-4": (content) => zlib.brotliCompressSync(content, { params: { [BROTLI_PARAM_QUALITY]: 4 } }),
  "gzip-6": (content) => zlib.gzipSync(content, { level: 6 }),
};

export async function run(): Promise<Result> {
  const figures: Record<string, number> = {};
  for (const [kind, answer] of Object.entries({ rows, embeddings })) {
    for (const size of SIZES) {
      const content = answer(size);
      for (const coding of CHOSEN)
        measure(`${kind}.${size}.${coding}`, content, () => chosen(content, coding));
      for (const [name, compress] of Object.entries(OTHERS))
        measure(`${kind}.${size}.${name}`, content, () => compress(content));
    }
  }

  function measure(name: string, content: string, compress: () => Uint8Array): void {
    const runs = Math.min(MAX_RUNS, Math.max(MIN_RUNS, BYTES_PER_MEASUREMENT / content.length));
    const times: number[] = [];
    let bytes = 0;
    for (let i = 0; i < runs; i++) {
      const before = performance.now();
      bytes = compress().length;
      times.push((performance.now() - before) * 1000);
    }
    figures[`us.${name}`] = round(median(times));
    figures[`percent.${name}`] = round((bytes / Buffer.byteLength(content)) * 100);
  }

  const slowest = Math.max(...CHOSEN.map((coding) => figures[`us.rows.65536.${coding}`] ?? 0));
  return {
    figures,
    bars: [{ says: "microseconds for 64 KB of rows, the slowest coding", value: slowest, limit: 2_000 }],
    notes: ["us: median time on this machine; percent: of the size before."],
  };
}

function chosen(content: string, coding: string): Uint8Array {
  const reply = { status: 200, headers: { "content-type": "application/json" }, body: content };
  const { body } = compressReply({ "accept-encoding": coding }, reply, content);
  return typeof body === "string" ? Buffer.from(body) : body;
}

/** What a detector answers. */
function rows(bytes: number): string {
  const LABELS = ["cat", "dog", "bird"];
  return json(bytes, (id) => ({
    id,
    label: LABELS[id % LABELS.length],
    score: Math.sin(id) / 2 + 0.5,
    box: [id % 640, (id * 7) % 480, (id * 13) % 640, (id * 3) % 480],
  }));
}

function embeddings(bytes: number): string {
  return json(bytes, (index) => Math.fround(Math.sin(index * index)));
}

/** An array of about so many bytes. */
function json(bytes: number, item: (index: number) => unknown): string {
  const items: string[] = [];
  for (let length = 0; length < bytes; length += (items.at(-1)?.length ?? 0) + 1)
    items.push(JSON.stringify(item(items.length)));
  return `[${items.join()}]`;
}
