// What dynamic batching brings: examples/embeddings as a server with 64 callers, each of which waits for its answer before
// it asks again; with `runtime.batch` and without, the same model with as many threads, in turns. And what it costs who
// is alone.

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
  const many: Record<Name, number[]> = { batched: [], unbatched: [] };
  const slow: Record<Name, number[]> = { batched: [], unbatched: [] };
  const alone: Record<Name, number[]> = { batched: [], unbatched: [] };
  const ask = async (name: Name, connections: number, milliseconds: number) => {
    const answers = await load.run(roundOf(servers[name], connections, milliseconds));
    if (answers.failures > 0) throw new Error(`${name}: ${answers.failures} calls failed`);
    return answers;
  };
  const names: Name[] = ["batched", "unbatched"];
  for (const name of names) await ask(name, CALLERS, WARM_UP_MS);
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of shuffle(names)) {
      const answers = await ask(name, CALLERS, ROUND_MS);
      many[name].push(answers.perSecond);
      slow[name].push(percentile(answers.times, 0.99));
      alone[name].push(percentile((await ask(name, 1, ROUND_MS / 4)).times, 0.5));
    }
  }
  load.end();
  for (const name of names) servers[name].end();
  await weights.close();

  const figures: Record<string, number> = {
    throughput_ratio: round(median(many.batched.map((value, i) => value / (many.unbatched[i] as number))), 2),
  };
  for (const name of names) {
    figures[`per_second.${name}`] = round(median(many[name]), 0);
    figures[`p99_ms.${name}`] = round(median(slow[name]));
    figures[`alone_ms.${name}`] = round(median(alone[name]), 2);
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
    ],
  };
}

function roundOf({ port }: BenchServer, connections: number, milliseconds: number): Round {
  const bodies = TEXTS.map((text) => JSON.stringify({ text }));
  return { port, path: "/predict", bodies, connections, milliseconds };
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
