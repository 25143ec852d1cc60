// What an adapter adds to one invocation: round trip through the Runtime API over that of a bare handler. All handlers
// of a mode run at once, each in its own process on the same runtime client, and take turns in short rounds; then all of
// them are started anew, since a process may be lucky with its memory for as long as it lives.

import { join } from "node:path";
import { type LocalLambda, startLocalLambda } from "../adapter/local/local-lambda.ts";
import { bundlePeer, buildOurs, scratchFolder, writeProject } from "./_peers.ts";
import type { Result } from "./run.ts";
import { median, round, shuffle } from "./_statistics.ts";
import { ricInstalled, runtimeClient } from "../test/conformance/_ric.ts";

const STARTS = 6;
const ROUNDS = 30;
const CALLS_PER_ROUND = 20;
const WARM_UP_CALLS = 800;

const BUFFERED = ["bare", "coldframe", "hono", "powertools", "middy", "serverless-http"];
const STREAMED = ["bare-stream", "coldframe", "hono", "powertools", "middy"];

type Mode = "buffered" | "stream";

interface Contender {
  readonly name: string;
  readonly lambda: LocalLambda;
  readonly event: unknown;
}

/** Milliseconds over the bare handler in the same round, by contender. */
type Added = Map<string, number[]>;

export async function run(): Promise<Result> {
  const folder = scratchFolder();
  const buffered: Added = new Map();
  const streamed: Added = new Map();
  for (let i = 0; i < STARTS; i++) {
    await measure(folder, "buffered", BUFFERED, buffered);
    await measure(folder, "stream", STREAMED, streamed);
  }
  const figures: Record<string, number> = {};
  for (const [name, values] of buffered) figures[`buffered_added_us.${name}`] = round(median(values) * 1000);
  for (const [name, values] of streamed) figures[`streamed_added_us.${name}`] = round(median(values) * 1000);
  const ratio = (mode: string) =>
    round((figures[`${mode}.coldframe`] ?? 0) / (figures[`${mode}.hono`] ?? 1), 3);
  const client = ricInstalled() ? "aws-lambda-ric" : "the local runtime client";
  return {
    figures,
    bars: [
      { says: "buffered, of what hono adds", value: ratio("buffered_added_us"), limit: 0.25 },
      { says: "streamed, of what hono adds", value: ratio("streamed_added_us"), limit: 0.6 },
    ],
    notes: [`${STARTS} starts of ${ROUNDS} rounds of ${CALLS_PER_ROUND} calls each, medians, on ${client}.`],
  };
}

async function measure(folder: string, mode: Mode, names: readonly string[], added: Added): Promise<void> {
  const bare = await startContender(folder, "bare", "buffered");
  const others = await Promise.all(
    names.filter((name) => name !== "bare").map((name) => startContender(folder, name, mode)),
  );
  const all = [bare, ...others];
  for (const contender of all) await callMany(contender, WARM_UP_CALLS);
  for (let i = 0; i < ROUNDS; i++) {
    const medians = new Map<Contender, number>();
    for (const contender of shuffle(all))
      medians.set(contender, median(await callMany(contender, CALLS_PER_ROUND)));
    for (const contender of others) {
      const values = added.get(contender.name) ?? [];
      // The machine's load is in both.
      values.push((medians.get(contender) ?? 0) - (medians.get(bare) ?? 0));
      added.set(contender.name, values);
    }
  }
  await Promise.all(all.map(({ lambda }) => lambda.close()));
}

async function startContender(folder: string, name: string, mode: Mode): Promise<Contender> {
  const artifact =
    name === "coldframe"
      ? await buildOurs(writeProject(join(folder, `coldframe-${mode}`), ourModel(mode)))
      : await bundlePeer(join(import.meta.dirname, "peers", `${name}.mjs`), join(folder, `${name}-${mode}`));
  const lambda = await startLocalLambda({
    artifact,
    handler: `index.${mode}`,
    ...runtimeClient(),
    freeze: false,
    onLog: () => {},
  });
  const path = name === "coldframe" || mode === "buffered" ? "/predict" : "/stream";
  const contender = { name, lambda, event: functionUrlEvent(path) };
  await assertAnswers(contender, mode);
  return contender;
}

function ourModel(mode: "buffered" | "stream"): string {
  const answers = JSON.stringify(join(import.meta.dirname, "peers", "answer.mjs"));
  return mode === "buffered"
    ? `import { answer } from ${answers};\nexport default class Model { predict(input) { return answer(input); } }\n`
    : `import { pieces } from ${answers};\nexport default class Model { predict(input) { return pieces(input); } }\n`;
}

async function callMany({ lambda, event }: Contender, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    const outcome = await lambda.invoke(event);
    if (outcome.kind === "streamed") {
      outcome.body.resume();
      await outcome.completion;
    }
    times.push(performance.now() - from);
  }
  return times;
}

// A handler that fails is fast: each is asked once for the answer all of them owe.
async function assertAnswers({ name, lambda, event }: Contender, mode: string): Promise<void> {
  const outcome = await lambda.invoke(event);
  let text = "";
  if (outcome.kind === "streamed") for await (const chunk of outcome.body) text += String(chunk);
  else if (outcome.kind === "buffered") text = (JSON.parse(String(outcome.body)) as { body: string }).body;
  const owed =
    mode === "stream" ? Array.from({ length: 8 }, (_, i) => `Once ${i}\n`).join("") : '{"length":16}';
  if (text !== owed)
    throw new Error(`${name} (${mode}) answered ${JSON.stringify(text)}, a ${outcome.kind} outcome`);
}

function functionUrlEvent(path: string): unknown {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: "",
    headers: {
      host: "abc.lambda-url.eu-central-1.on.aws",
      "content-type": "application/json",
      accept: "*/*",
      "user-agent": "curl/8.5.0",
      "x-forwarded-proto": "https",
      "x-forwarded-port": "443",
      "x-forwarded-for": "203.0.113.7",
      "content-length": "27",
    },
    requestContext: {
      accountId: "anonymous",
      apiId: "abc",
      domainName: "abc.lambda-url.eu-central-1.on.aws",
      domainPrefix: "abc",
      http: { method: "POST", path, protocol: "HTTP/1.1", sourceIp: "203.0.113.7", userAgent: "curl/8.5.0" },
      requestId: "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
      routeKey: "$default",
      stage: "$default",
      time: "12/Mar/2026:19:03:58 +0000",
      timeEpoch: 1773342238000,
    },
    body: '{"text":"Once upon a time"}',
    isBase64Encoded: false,
  };
}
