// The server target beside what people write by hand: the same trivial model behind node:http alone, hono, fastify and
// ours, over loopback. All contenders run at once and take turns in short rounds; then all of them are started anew,
// since a process may be lucky with its memory for as long as it lives. The callers are a process of their own.
// BENCH_STARTS (default 4) and BENCH_ROUNDS (default 8).

import { join } from "node:path";
import { type Answers, percentile, startLoad } from "./_load.ts";
import { bundlePeer, scratchFolder, writeProject } from "./_peers.ts";
import { type BenchServer, buildServer, startServer } from "./_server.ts";
import { median, round, shuffle } from "./_statistics.ts";
import type { Result } from "./run.ts";

const STARTS = Number(process.env["BENCH_STARTS"] ?? 4);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 8);
const ROUND_MS = 500;
const WARM_UP_MS = 1_500;
const CONNECTIONS = [1, 16, 64];

const NAMES = ["coldframe", "bare", "hono", "fastify"] as const;
const PEERS = ["hono", "fastify"] as const;

/** At least 0.8 of what node:http alone does. */
const BARE_BAR = 1.25;

type Name = (typeof NAMES)[number];

/** One value a round, for each contender: those of one round are at the same place. */
type Values = Record<Name, number[]>;

const BODY = '{"text":"Once upon a time"}';

/** Ours has one way to the model, and the input says what is asked of it. */
const STREAM_BODY = '{"text":"Once upon a time","stream":true}';

const OWED = {
  json: '{"length":16}',
  stream: Array.from({ length: 8 }, (_, i) => `Once ${i}\n`).join(""),
};

export async function run(): Promise<Result> {
  const artifacts = await buildContenders(scratchFolder());
  const load = startLoad();
  const newValues = (): Values => ({ coldframe: [], bare: [], hono: [], fastify: [] });
  const perSecond = new Map(CONNECTIONS.map((connections) => [connections, newValues()]));
  const slow = new Map(CONNECTIONS.map((connections) => [connections, newValues()]));
  const firstChunk = newValues();
  const cpuShares: number[] = [];

  async function ask(server: BenchServer, name: Name, connections: number, isStream: boolean, ms = ROUND_MS) {
    const answers: Answers = await load.run({
      port: server.port,
      path: pathOf(name, isStream),
      bodies: [isStream ? STREAM_BODY : BODY],
      connections,
      milliseconds: ms,
    });
    const { failures, firstFailure } = answers;
    if (failures > 0) throw new Error(`${name}: ${failures} calls failed, the first with ${firstFailure}`);
    return answers;
  }

  for (let start = 0; start < STARTS; start++) {
    const servers = {} as Record<Name, BenchServer>;
    for (const name of shuffle(NAMES)) {
      const server = await startServer(
        artifacts[name],
        {},
        name === "coldframe" ? "cold start" : "listening",
      );
      servers[name] = server;
      await assertAnswers(server, name);
      for (const isStream of [false, true]) await ask(server, name, 16, isStream, WARM_UP_MS);
    }
    // Once more: after some seconds without a call V8 collects what the compiled code was made for, and the code with it,
    // so that whoever was warmed up first would be cold again.
    for (const isStream of [true, false]) {
      for (const name of shuffle(NAMES)) await ask(servers[name], name, 16, isStream, WARM_UP_MS);
    }
    for (let i = 0; i < ROUNDS; i++) {
      for (const connections of CONNECTIONS) {
        for (const name of shuffle(NAMES)) {
          const answers = await ask(servers[name], name, connections, false);
          perSecond.get(connections)?.[name].push(answers.perSecond);
          slow.get(connections)?.[name].push(percentile(answers.times, 0.99));
          cpuShares.push(answers.cpuShare);
        }
      }
      for (const name of shuffle(NAMES)) {
        const { firstChunks } = await ask(servers[name], name, 1, true);
        firstChunk[name].push(percentile(firstChunks, 0.5));
      }
    }
    for (const name of NAMES) servers[name].end();
  }
  load.end();

  const figures: Record<string, number> = {};
  const bars: Result["bars"][number][] = [];
  for (const connections of CONNECTIONS) {
    const values = perSecond.get(connections) as Values;
    for (const name of NAMES) figures[`rps.${connections}.${name}`] = round(median(values[name]), 0);
    const at = `at ${connections} connection${connections > 1 ? "s" : ""}`;
    bars.push({
      says: `${at}, calls a second of bare node:http, of ours`,
      value: ratio(values.bare, values.coldframe),
      limit: BARE_BAR,
    });
    for (const name of PEERS) {
      bars.push({
        says: `${at}, calls a second of ${name}, of ours`,
        value: ratio(values[name], values.coldframe),
        limit: 1,
      });
    }
  }
  for (const [connections, values] of slow) {
    for (const name of NAMES) figures[`p99_ms.${connections}.${name}`] = round(median(values[name]), 2);
  }
  for (const name of NAMES) {
    figures[`first_chunk_ms.${name}`] = round(median(firstChunk[name]), 3);
    if (name !== "coldframe") {
      const value = ratio(firstChunk.coldframe, firstChunk[name]);
      const limit = name === "bare" ? BARE_BAR : 1;
      bars.push({ says: `our first chunk, of the time of ${name}'s`, value, limit });
    }
  }
  const busiest = Math.round(Math.max(...cpuShares) * 100);
  return {
    figures,
    bars,
    notes: [
      `${STARTS} starts of ${ROUNDS} rounds of ${ROUND_MS / 1000} s each in turns, medians; ratios are medians of each round's own.`,
      `The callers took ${Math.round(median(cpuShares) * 100)} % of a core, at most ${busiest} %.`,
    ],
  };
}

/** The machine's load is in both of a round. */
const ratio = (values: readonly number[], others: readonly number[]): number =>
  round(median(values.map((value, i) => value / (others[i] as number))), 3);

async function buildContenders(folder: string): Promise<Record<Name, string>> {
  const peers = join(import.meta.dirname, "peers");
  const work = JSON.stringify(join(peers, "server-work.mjs"));
  const model = `import { answer, pieces } from ${work};
export default class Model { predict(input) { return input.stream ? pieces(input) : answer(input); } }
`;
  const peer = (name: Name) => bundlePeer(join(peers, `server-${name}.mjs`), join(folder, name));
  return {
    coldframe: await buildServer(writeProject(join(folder, "coldframe"), model)),
    bare: await peer("bare"),
    hono: await peer("hono"),
    fastify: await peer("fastify"),
  };
}

const pathOf = (name: Name, isStream: boolean): string =>
  isStream && name !== "coldframe" ? "/stream" : "/predict";

// A server that fails is fast: each is asked once for the answers all of them owe.
async function assertAnswers({ port }: BenchServer, name: Name): Promise<void> {
  for (const isStream of [false, true]) {
    const answer = await fetch(`http://127.0.0.1:${port}${pathOf(name, isStream)}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: isStream ? STREAM_BODY : BODY,
    });
    const text = await answer.text();
    if (text !== OWED[isStream ? "stream" : "json"]) {
      throw new Error(`${name} answered ${answer.status} ${JSON.stringify(text)}`);
    }
  }
}
