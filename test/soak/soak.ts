// `npm run soak [-- --calls 200000] [--seed 1]`: mixed calls against the server target, and one in five against the
// Lambda function behind a local function URL. Prints a line for each tenth, then what every call came to; fails when
// memory or descriptors grow, when a call comes to something else than it has to, or when the server counted others.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { build } from "../../adapter/build/build.ts";
import { hostArchitecture } from "../../adapter/cli/build.ts";
import { startFunctionUrl } from "../../adapter/local/function-url.ts";
import { type InvokeOptions, startLocalLambda } from "../../adapter/local/local-lambda.ts";
import { writeFiles } from "../build/_project.ts";
import { random } from "../chaos/_random.ts";
import { Account, disagreements, requestsByStatus } from "./_account.ts";
import { openDoor, type Door } from "./_exchange.ts";
import { type Kind, KINDS } from "./_kinds.ts";
import { residentMemory, settledDescriptors, watchMemory, type Watch } from "./_memory.ts";
import { CONCURRENCY, MAX_QUEUE, PROJECT } from "./_model.ts";

const TENTHS = 10;
/** One in so many calls goes through the Lambda function. */
const LAMBDA_PART = 5;
const CALLERS = 16;
/** One environment answers one call at a time. */
const LAMBDA_CALLERS = 2;
/** Calls between two bursts. */
const BURST_EVERY = 1_000;
/** More at once than the model and its queue take. */
const BURST = CONCURRENCY + MAX_QUEUE + 12;
/**
 * The same for every invocation: the function's client puts it into an environment variable, as AWS's does, and glibc's
 * setenv keeps every value that a variable ever had. That is 164 bytes an invocation, with a bare handler too.
 */
const TRACE = `Root=1-${"0".repeat(8)}-${"0".repeat(24)};Parent=${"0".repeat(16)};Sampled=0`;
const SAMPLE_MS = 100;
/** What the last tenth may have over the second one. */
const GROWTH = 0.05;
const MB = 2 ** 20;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "200000" },
    seed: { type: "string", default: "1" },
  },
});
const calls = Number(values.calls);
const next = random(Number(values.seed), "soak");
const folder = mkdtempSync(join(tmpdir(), "coldframe-soak-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** A process that answers calls. */
interface Subject {
  readonly name: string;
  readonly door: Door;
  readonly pid: () => number;
  readonly watch: Watch;
  readonly kinds: readonly Kind[];
  readonly callers: number;
  readonly account: Account;
  readonly tenths: Tenth[];
}

/** Bytes. */
interface Tenth {
  readonly heap: number;
  readonly rss: number;
  readonly descriptors: number;
}

const project = writeFiles(join(folder, "project"), PROJECT);
const server = await startServer();
const lambda = await startLambda();
const subjects = [server, lambda];

const began = performance.now();
for (let i = 0; i < TENTHS; i++) {
  const share = Math.round(calls / TENTHS / LAMBDA_PART);
  await soakTenth(server, calls / TENTHS - share);
  await soakTenth(lambda, share);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${String(i + 1).padStart(2)}/10  ${seconds.padStart(4)} s  ${subjects.map(lastTenth).join("   ")}`,
  );
}

const problems: string[] = [];
for (const subject of subjects) problems.push(...(await judge(subject)));
console.log(
  `\nall calls: ${subjects.reduce((sum, { account }) => sum + account.total, 0).toLocaleString("en")}`,
);
for (const problem of problems.slice(0, 20)) console.log(`FAILED  ${problem}`);
if (problems.length > 20) console.log(`FAILED  and ${problems.length - 20} more`);
if (problems.length === 0) console.log("flat, and every call accounted for");
process.exit(problems.length > 0 ? 1 : 0);

async function soakTenth(subject: Subject, count: number): Promise<void> {
  const samples: number[] = [];
  const sampling = setInterval(() => samples.push(residentMemory(subject.pid())), SAMPLE_MS);
  samples.push(residentMemory(subject.pid()));
  for (let left = count; left > 0; ) {
    if (subject === server && left > BURST) left -= await burst(subject);
    const part = Math.min(left, BURST_EVERY);
    await mix(subject, part);
    left -= part;
  }
  clearInterval(sampling);
  samples.sort((a, b) => a - b);
  subject.door.close();
  subject.tenths.push({
    rss: samples[samples.length >> 1] ?? Number.NaN,
    heap: await subject.watch.heap(subject.pid()),
    descriptors: await settledDescriptors(subject.pid()),
  });
}

/** `count` calls of all kinds, each caller one after another. */
async function mix({ door, kinds, callers, account }: Subject, count: number): Promise<void> {
  let left = count;
  const caller = async () => {
    while (left-- > 0) {
      const kind = draw(kinds);
      account.add(kind.name, kind.owes, await kind.call(door, next));
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** More calls at once than there is room for. @returns how many */
async function burst({ door, account }: Subject): Promise<number> {
  const headers = { "content-type": "application/json" };
  const answers = await Promise.all(
    Array.from({ length: BURST }, () => door.ask({ headers, body: '{"sleep":50,"echo":1}' })),
  );
  for (const { status, end } of answers) account.add("burst", "200|429", end === "whole" ? `${status}` : end);
  if (!answers.some(({ status }) => status === 429)) account.problems.push("a burst was taken whole");
  return BURST;
}

function draw(kinds: readonly Kind[]): Kind {
  let at = next() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  for (const kind of kinds) {
    at -= kind.weight;
    if (at < 0) return kind;
  }
  return kinds[0] as Kind;
}

function lastTenth({ name, tenths }: Subject): string {
  const { heap, rss, descriptors } = tenths.at(-1) as Tenth;
  return `${name}: heap ${(heap / MB).toFixed(2)} MB, RSS ${(rss / MB).toFixed(1)} MB, ${descriptors} descriptors`;
}

/** What is wrong with a subject, whose calls are over. */
async function judge({ name, door, account, tenths }: Subject): Promise<string[]> {
  console.log(`\n${name}: ${account.total.toLocaleString("en")} calls\n${account.table()}`);
  const found = account.problems.map((problem) => `${name}: ${problem}`);
  const [second, last] = [tenths[1] as Tenth, tenths[TENTHS - 1] as Tenth];
  for (const [what, from, to] of [
    ["heap", second.heap, last.heap],
    ["RSS", second.rss, last.rss],
  ] as const) {
    const change = `${((to / from - 1) * 100).toFixed(1)} %`;
    console.log(`  ${what} of the last tenth against the second: ${change}`);
    if (to > from * (1 + GROWTH)) found.push(`${name}: ${what} grew by ${change}`);
  }
  if (last.descriptors > second.descriptors) {
    found.push(`${name}: ${last.descriptors} descriptors, ${second.descriptors} after the second tenth`);
  }
  if (name === "server") {
    const { body } = await door.ask({ method: "GET", path: "/metrics" });
    const counts = requestsByStatus(body.toString());
    const said = [...counts].sort(([a], [b]) => a - b).map(([status, times]) => `${status}: ${times}`);
    console.log(`  /metrics: ${said.join(", ")}`);
    found.push(...disagreements(account, counts));
  }
  return found;
}

async function startServer(): Promise<Subject> {
  const { directory } = await build({
    project,
    target: "server",
    architecture: hostArchitecture(),
    zip: false,
  });
  const watch = watchMemory(folder, "server");
  const child = spawn(process.execPath, [join(directory, "index.mjs")], {
    env: { PATH: process.env["PATH"], PORT: "0", COLDFRAME_HOST: "127.0.0.1", ...watch.environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill("SIGKILL"));
  const port = await listening(child);
  const door = openDoor(`http://127.0.0.1:${port}`);
  const pid = () => child.pid as number;
  const account = new Account();
  return { name: "server", door, pid, watch, kinds: KINDS, callers: CALLERS, account, tenths: [] };
}

async function listening({ stdout }: ChildProcess): Promise<number> {
  if (!stdout) throw new Error("no log of the server");
  let port = 0;
  for await (const text of createInterface({ input: stdout })) {
    const line = JSON.parse(text) as { message: string; port?: number };
    if (line.message === "listening") port = line.port ?? 0;
    if (line.message === "cold start") break;
  }
  stdout.resume();
  return port;
}

async function startLambda(): Promise<Subject> {
  const { directory } = await build({ project, architecture: hostArchitecture(), zip: false });
  const watch = watchMemory(folder, "lambda");
  const local = await startLocalLambda({
    artifact: directory,
    environment: watch.environment,
    freeze: false,
    onLog: () => {},
  });
  process.on("exit", () => local.pid && process.kill(local.pid, "SIGKILL"));
  const traced = {
    ...local,
    invoke: (payload: unknown, about?: InvokeOptions) => local.invoke(payload, { ...about, traceId: TRACE }),
  };
  const { url } = await startFunctionUrl({ lambda: () => traced });
  const kinds = KINDS.filter((kind) => kind.lambda);
  const pid = () => {
    if (local.restarts > 0) throw new Error("the function's process ended");
    return local.pid as number;
  };
  const account = new Account();
  return {
    name: "lambda",
    door: openDoor(url),
    pid,
    watch,
    kinds,
    callers: LAMBDA_CALLERS,
    account,
    tenths: [],
  };
}
