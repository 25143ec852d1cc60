// One run: a data root that is filled again and again by processes which are killed, frozen and lied to, until at last
// nothing goes wrong. Says what was not as it must be; everything in it follows from its seed, but for how the kernel
// schedules.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Timing } from "../../adapter/runtime/weights/download/timing.ts";
import { type Catalogue, chooseObjects, digestOf, makeSources } from "./_catalogue.ts";
import type { Certificate } from "./_certificate.ts";
import { damage } from "./_damage.ts";
import {
  BROKEN_FAULTS,
  type Fault,
  type FaultPlan,
  FAULTS,
  FINAL_ANSWERS,
  LAWFUL_FAULTS,
} from "./_faults.ts";
import { FinalNames } from "./_final-names.ts";
import { type FaultProxy, startFaultProxy } from "./_proxy.ts";
import { between, pick, type Random, random, randomBytes } from "./_random.ts";
import type { Outcome } from "./_start.ts";

export interface RunReport {
  /** How each start ended: `ready`, `resumed` with what an earlier one had left, `warm`, `killed`, a code of WEIGHTS_*. */
  readonly outcomes: readonly string[];
  readonly faults: readonly Fault[];
  /** Empty when all was as it must be. */
  readonly problems: readonly string[];
  /** What was done, in order, for whoever plays it again. */
  readonly story: readonly string[];
}

export interface RunOptions {
  readonly catalogue: Catalogue;
  readonly certificate: Certificate;
  /** The bundle of _start.ts. */
  readonly bundle: string;
  /** For the data root; removed when the run is over. */
  readonly folder: string;
  readonly seed: number;
  readonly number: number;
}

/** No start may take longer, whatever happens to it; the limits below make it seconds when nothing is wrong. */
const HANG_MS = 60_000;
const LOOK_MS = 40;
const WATCH_MS = 4;
const JOURNAL_HEADER_BYTES = 48;

const SHORT: Partial<Timing> = {
  connectMs: 700,
  headMs: 700,
  stallMs: 700,
  tickMs: 50,
  frozenMs: 500,
  backoffMs: 10,
  maxBackoffMs: 150,
  maxRetryAfterMs: 300,
  cleanMs: 100,
  minLateMs: 100,
};

/** Of a list, these may make another one that is as good to read. */
const CHANGING: readonly Fault[] = ["flip", "duplicate", "other-object"];

/** What an error may be blamed on. `undefined` needs nothing: time limits this short may fail by themselves. */
const EXPLAINED: Readonly<Record<string, readonly Fault[] | undefined>> = {
  WEIGHTS_UNREACHABLE: undefined,
  WEIGHTS_FORBIDDEN: ["403", "403-expired", "301", "307"],
  WEIGHTS_NOT_FOUND: ["404"],
  WEIGHTS_CHANGED: ["412", "416", "other-object", "wrong-content-range", "wrong-content-length"],
  WEIGHTS_CORRUPT: CHANGING,
  // A list that does not say what it should.
  WEIGHTS_INVALID: CHANGING,
};

/** A frozen one would outlive us for good. */
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

interface Start {
  /** Milliseconds after the spawn, or as soon as a part of a file is there and others are not. */
  readonly kill?: number | "part";
  readonly freeze?: { readonly at: number; readonly ms: number };
}

interface Ended {
  readonly outcome: Outcome | undefined;
  /** As a word for the summary. */
  readonly word: string;
  readonly problems: readonly string[];
}

export async function coldStartRun(options: RunOptions): Promise<RunReport> {
  const { catalogue, certificate, seed, number } = options;
  const next = random(seed, `run ${number}`);
  const folder = mkdtempSync(join(options.folder, "run-"));
  const root = join(folder, "root");
  const artifact = join(folder, "artifact");
  const tls = next() < 0.25 ? certificate : undefined;
  const proxy = await startFaultProxy(catalogue.s3.url, { seed: 0, rate: 0, ...(tls && { tls }) });
  const objects = chooseObjects(catalogue, next);
  const sources = makeSources(proxy.url, objects, next);
  const shipped = randomBytes(seed, "shipped", 5000);
  mkdirSync(join(artifact, "data"), { recursive: true });
  writeFileSync(join(artifact, "data", "labels.txt"), shipped);
  const manifest = { version: 1, digest: digestOf(sources), sources };
  writeFileSync(join(artifact, "weights.json"), JSON.stringify(manifest));

  const expected = new Map([["labels.txt", shipped]]);
  for (const [i, { files, allowPatterns, mount }] of sources.entries()) {
    const names = files?.map(({ path }) => path) ?? allowPatterns ?? [];
    for (const name of names) {
      const bytes = objects.find((object) => object.name === name)?.bytes;
      if (bytes === undefined) throw new Error(`source ${i} names ${name}`);
      expected.set(mount === "" ? name : `${mount}/${name}`, bytes);
    }
  }
  const names = new FinalNames(root, expected);
  const environment = {
    ...catalogue.environment,
    COLDFRAME_DATA_DIR: root,
    ...(tls && { NODE_EXTRA_CA_CERTS: tls.file }),
    ...(next() < 0.5 && { AWS_LAMBDA_FUNCTION_NAME: "chaos", AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "4096" }),
  };
  const story = [
    `${tls ? "TLS" : "plain"}, ${[...expected].map(([path, { length }]) => `${path} ${length}`).join(", ")}`,
  ];
  const outcomes: string[] = [];
  const problems: string[] = [];
  const startAll = async (starts: readonly Start[], timing: Partial<Timing>): Promise<Ended[]> => {
    const variables = { ...environment, CHAOS_TIMING: JSON.stringify(timing) };
    const ended = await Promise.all(
      starts.map((start) => coldStart(options.bundle, artifact, variables, start)),
    );
    for (const { word } of ended) outcomes.push(word);
    problems.push(...ended.flatMap((end) => end.problems));
    story.push(ended.map(({ word }) => word).join(", "));
    return ended;
  };

  names.watch(LOOK_MS);
  try {
    for (let i = 0, count = between(next, 1, 4); i < count; i++) {
      const slow = next() < 0.4;
      const plan = makePlan(next, slow);
      const starts = makeStarts(next, slow);
      const { kinds = FAULTS, rate, max } = plan;
      story.push(
        `${starts.map(describe).join(", ")}; at most ${max} of ${kinds.length} faults at ${rate.toFixed(2)}`,
      );
      const from = proxy.requests.length;
      proxy.use(plan);
      const ended = await startAll(starts, SHORT);
      const met = new Set(proxy.requests.slice(from).flatMap(({ fault }) => fault ?? []));
      story.push(`met ${[...met].join(", ")}`);
      for (const { outcome } of ended) problems.push(...judge(outcome, met, names));
      names.look();
      story.push(...damage(root, next));
    }
    proxy.calm();
    const misled = sources.some(({ files }) => files === undefined);
    problems.push(...(await endWell(proxy, () => startAll([{}], {}), names, misled)));
  } finally {
    names.stop();
    names.look();
    await proxy.close();
    rmSync(folder, { recursive: true, force: true });
  }
  problems.push(...names.wrong);
  const faults = proxy.requests.flatMap(({ fault }) => fault ?? []);
  return { outcomes, faults, problems, story };
}

/** With nothing wrong any more: one start that makes all good, and one that has nothing to do. */
async function endWell(
  proxy: FaultProxy,
  start: () => Promise<Ended[]>,
  names: FinalNames,
  misled: boolean,
): Promise<string[]> {
  const problems: string[] = [];
  for (const which of ["clean", "warm"]) {
    const from = proxy.requests.length;
    const [ended] = await start();
    const outcome = ended?.outcome;
    if (outcome?.kind !== "ready") {
      problems.push(
        `the ${which} start ended with ${ended?.word}: ${outcome?.kind === "error" ? outcome.sentence : ""}`,
      );
      return problems;
    }
    problems.push(...names.missing(outcome.path).map((what) => `after the ${which} start ${what}`));
    const left = names.leftovers(misled);
    if (left.length > 0) problems.push(`the ${which} start left ${left.join(", ")}`);
    const requests = proxy.requests.length - from;
    if (which === "warm" && (requests > 0 || !outcome.facts.warm))
      problems.push(`the warm start made ${requests} requests`);
  }
  return problems;
}

/** What is wrong with how a start ended, given what happened to it. */
function judge(outcome: Outcome | undefined, met: ReadonlySet<Fault>, names: FinalNames): string[] {
  if (outcome === undefined) return [];
  if (outcome.kind === "ready")
    return names.missing(outcome.path).map((what) => `it said ready, and ${what}`);
  const { code, sentence } = outcome;
  if (code === undefined || !(code in EXPLAINED))
    return [`it failed with ${code ?? outcome.name}: ${sentence}`];
  const problems = [];
  const blamed = EXPLAINED[code];
  if (blamed && !blamed.some((fault) => met.has(fault))) {
    problems.push(`${code} without a reason, after ${[...met].join(", ")}: ${sentence}`);
  }
  // A sentence for people: more than a word, and it ends.
  if (!/^.{20,}[.!]$/s.test(sentence)) problems.push(`${code} says no sentence: ${JSON.stringify(sentence)}`);
  return problems;
}

/** @param slow some answers take long, and others are there meanwhile */
function makePlan(next: Random, slow: boolean): FaultPlan {
  const survivable = FAULTS.filter((fault) => !FINAL_ANSWERS.includes(fault));
  const kinds: readonly Fault[] = pick(next, [
    FAULTS,
    survivable,
    survivable,
    BROKEN_FAULTS,
    LAWFUL_FAULTS,
    [pick(next, FAULTS)],
    [pick(next, BROKEN_FAULTS)],
  ]);
  const plan = { seed: between(next, 0, 2 ** 31), stallMs: 3000, refuseMs: between(next, 20, 400) };
  if (slow) {
    const slowly = Array.from(kinds, (): Fault => "slow");
    return { ...plan, rate: 0.5, max: 100, kinds: [...slowly, ...slowly, ...kinds], slowMs: 700 };
  }
  return {
    ...plan,
    rate: 0.05 + 0.8 * next() ** 2,
    max: between(next, 1, 25),
    kinds,
    slowMs: 250,
  };
}

/** @param slow most are killed, when part of the bytes is there */
function makeStarts(next: Random, slow: boolean): Start[] {
  const count = next() < 0.6 ? 1 : between(next, 2, 3);
  const kill = () =>
    slow && next() < 0.6 ? "part" : Math.round(slow ? 150 + 600 * next() : 40 + 600 * next() ** 2);
  return Array.from({ length: count }, () => ({
    ...(next() < (slow ? 0.8 : 0.4) && { kill: kill() }),
    ...(next() < 0.25 && { freeze: { at: between(next, 60, 400), ms: between(next, 50, 1500) } }),
  }));
}

function describe({ kill, freeze }: Start): string {
  const frozen = freeze ? `, frozen at ${freeze.at} for ${freeze.ms} ms` : "";
  const killed = kill === "part" ? ", killed after its first part" : kill ? `, killed at ${kill} ms` : "";
  return `a start${killed}${frozen}`;
}

async function coldStart(
  bundle: string,
  artifact: string,
  environment: Readonly<Record<string, string>>,
  { kill, freeze }: Start,
): Promise<Ended> {
  const child = spawn(process.execPath, [bundle, artifact], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  const timers: NodeJS.Timeout[] = [];
  const at = (ms: number, act: () => void) => timers.push(setTimeout(act, ms));
  let hung = false;
  if (typeof kill === "number") at(kill, () => child.kill("SIGKILL"));
  const watch =
    kill === "part" && setInterval(() => journaled(environment) && child.kill("SIGKILL"), WATCH_MS);
  if (freeze !== undefined) {
    at(freeze.at, () => child.kill("SIGSTOP"));
    at(freeze.at + freeze.ms, () => child.kill("SIGCONT"));
  }
  at(HANG_MS, () => {
    hung = true;
    child.kill("SIGKILL");
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  for (const timer of timers) clearTimeout(timer);
  if (watch) clearInterval(watch);
  if (hung) return { outcome: undefined, word: "hung", problems: [`a start hung: ${stdout}${stderr}`] };
  if (code === null) return { outcome: undefined, word: "killed", problems: [] };
  const problems = leaks(stdout + stderr, environment);
  if (code !== 0 || stderr.trim() !== "") problems.push(`a start ended with ${code} and said ${stderr}`);
  // The log's own lines come on the same stream.
  const line = stdout.split("\n").find((one) => one.startsWith('{"kind"'));
  if (line === undefined) {
    return { outcome: undefined, word: "silent", problems: [...problems, `a start said nothing: ${stdout}`] };
  }
  const outcome = JSON.parse(line) as Outcome;
  return { outcome, word: wordFor(outcome), problems };
}

function wordFor(outcome: Outcome): string {
  if (outcome.kind === "error") return outcome.code ?? outcome.name;
  const { warm, bytes, fetched_bytes } = outcome.facts;
  // One that waited for another process has fetched nothing itself.
  if (warm || bytes === 0) return warm ? "warm" : "waited";
  return fetched_bytes < bytes ? "resumed" : "ready";
}

/** Whether a journal has a record behind its header. */
function journaled({ COLDFRAME_DATA_DIR: root = "" }: Readonly<Record<string, string>>): boolean {
  const folder = join(root, "blobs");
  if (!existsSync(folder)) return false;
  const journals = readdirSync(folder).filter((name) => name.endsWith(".journal"));
  return journals.some(
    (name) => (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0) > JOURNAL_HEADER_BYTES,
  );
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("close", (code) => resolve(code)));
}

function leaks(output: string, environment: Readonly<Record<string, string>>): string[] {
  const secrets = [environment["AWS_SECRET_ACCESS_KEY"] ?? "", "Signature=", "X-Amz-Signature"];
  return secrets
    .filter((secret) => output.includes(secret))
    .map((secret) => `a start printed ${secret.slice(0, 15)}`);
}
