// What dynamic batching brings: examples/embeddings as a server with 64 callers, each of which waits for its answer before
// it asks again; with `runtime.batch` and without, the same model with as many threads, in turns. They ask as the clients of
// OpenAI do, for base64, and also for JSON's numbers, which cost both servers more to write. And what it costs who is alone.

import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startLocalWeights } from "../adapter/cli/local-weights.ts";
import { percentile, type Round, startLoad } from "./_load.ts";
import { scratchFolder } from "./_peers.ts";
import { type BenchServer, buildServer, startServer } from "./_server.ts";
import { median, round, shuffle } from "./_statistics.ts";
import type { Result } from "./run.ts";

const CALLERS = 64;
const ROUNDS = 9;
const ROUND_MS = 2_000;
const WARM_UP_MS = 1_500;
const BAR = 2.5;

/** What comes from many callers at once is searched for: queries of one to five words, 2 to 9 pieces. Documents come in lists. */
const TEXTS = [
  "cheap flights to Paris",
  "best pizza near me",
  "how old is the universe",
  "reset my password",
  "king",
  "stock market news",
  "return policy",
  "weather tomorrow in Berlin",
  "who wrote hamlet",
  "sourdough bread recipe",
  "used cars under 5000",
  "python read csv file",
  "symptoms of flu",
  "train from Rome to Naples",
  "guitar chords for beginners",
  "what is a cold frame",
];

const EXAMPLE = join(import.meta.dirname, "..", "examples", "embeddings");

type Name = "batched" | "unbatched";

/** How a text is asked for. Source of the first: lib/embeddings.ts of the `openai` package 7, which asks for base64. */
const WAYS = {
  openai: {
    path: "/v1/embeddings",
    toBody: (text: string) => ({ model: "embeddings", input: text, encoding_format: "base64" }),
  },
  predict: { path: "/predict", toBody: (text: string) => ({ text }) },
} as const;

type Way = keyof typeof WAYS;

export async function run(): Promise<Result> {
  if (!existsSync(join(EXAMPLE, "weights"))) {
    throw new Error("its weights are made first: npm run weights --prefix examples/embeddings");
  }
  const folder = scratchFolder();
  const weights = await startLocalWeights(EXAMPLE);
  const env = { ...weights.environment, COLDFRAME_DATA_DIR: join(folder, "weights") };
  const load = startLoad();
  const servers: Record<Name, BenchServer> = {
    batched: await startServer(await buildServer(copyOfExample(folder, "batched")), env),
    unbatched: await startServer(await buildServer(copyOfExample(folder, "unbatched")), env),
  };
  const ask = async (way: Way, name: Name, connections: number, milliseconds: number) => {
    const answers = await load.run(roundOf(servers[name], way, connections, milliseconds));
    if (answers.failures > 0) throw new Error(`${name}: ${answers.failures} calls failed`);
    return answers;
  };
  const names: Name[] = ["batched", "unbatched"];
  const ways = Object.keys(WAYS) as Way[];
  const listOf = <Key extends string>(keys: readonly Key[]) =>
    Object.fromEntries(keys.map((key) => [key, [] as number[]])) as Record<Key, number[]>;
  const series = names.flatMap((name) => ways.map((way) => `${way}.${name}` as const));
  const [many, slow, alone] = [listOf(series), listOf(series), listOf(series)];
  for (const way of ways) for (const name of names) await ask(way, name, CALLERS, WARM_UP_MS);
  for (let i = 0; i < ROUNDS; i++) {
    for (const way of shuffle(ways)) {
      for (const name of shuffle(names)) {
        const key = `${way}.${name}` as const;
        const answers = await ask(way, name, CALLERS, ROUND_MS);
        many[key].push(answers.perSecond);
        slow[key].push(percentile(answers.times, 0.99));
        alone[key].push(percentile((await ask(way, name, 1, ROUND_MS / 4)).times, 0.5));
      }
    }
  }
  load.end();
  for (const name of names) servers[name].end();
  await weights.close();

  const ratio = (way: Way) => {
    const [batched, unbatched] = [many[`${way}.batched`], many[`${way}.unbatched`]];
    return round(median(batched.map((value, i) => value / (unbatched[i] as number))), 2);
  };
  const figures: Record<string, number> = {
    throughput_ratio: ratio("openai"),
    "throughput_ratio.predict": ratio("predict"),
  };
  for (const key of series) {
    figures[`per_second.${key}`] = round(median(many[key]), 0);
    figures[`p99_ms.${key}`] = round(median(slow[key]));
    figures[`alone_ms.${key}`] = round(median(alone[key]), 2);
  }
  return {
    figures,
    bars: [
      {
        says: "answers a second with batching, of those without",
        value: figures["throughput_ratio"] as number,
        limit: BAR,
        atLeast: true,
      },
    ],
    notes: [
      `${CALLERS} callers, medians of ${ROUNDS} rounds of ${ROUND_MS / 1000} s in turns; alone: one caller.`,
      "openai: POST /v1/embeddings for base64, as OpenAI's SDK asks; predict: POST /predict, whose answer is 512 numbers in JSON.",
    ],
  };
}

function roundOf({ port }: BenchServer, way: Way, connections: number, milliseconds: number): Round {
  const { path, toBody } = WAYS[way];
  const bodies = TEXTS.map((text) => JSON.stringify(toBody(text)));
  return { port, path, bodies, connections, milliseconds };
}

/** The example; the one without batching differs in its config.yaml alone. */
function copyOfExample(folder: string, name: Name): string {
  const copy = join(folder, name);
  cpSync(EXAMPLE, copy, {
    recursive: true,
    filter: (file) => !/[/\\](node_modules|dist|\.cache|\.coldframe)$/.test(file),
  });
  symlinkSync(join(import.meta.dirname, "..", "node_modules"), join(copy, "node_modules"));
  const config = join(copy, "config.yaml");
  const text = readFileSync(config, "utf8");
  const unbatched = text.replace(/^runtime:\n( .*\n)+/m, "");
  if (unbatched === text) throw new Error(`${config} has no section "runtime" to leave out`);
  if (name === "unbatched") writeFileSync(config, unbatched);
  return copy;
}
