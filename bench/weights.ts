// Weights from S3 to a folder in memory: our engine, AWS's SDK for JavaScript and the command line tools that are
// installed, each as a whole process, from nginx and from radosgw on this machine. Sizes: BENCH_MIB (default 1024),
// BENCH_ROUNDS (default 5), BENCH_CASES and BENCH_TOOLS (names with commas; default all).

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRadosgw } from "../test/s3/radosgw.ts";
import type { Bar, Result } from "./run.ts";
import { median, round, shuffle } from "./_statistics.ts";
import { sameBytes } from "./_weights-data.ts";
import {
  ANY_CREDENTIALS,
  type CaseName,
  type Files,
  environmentOf,
  makeJob,
  nginxEtag,
  SHARDS,
  signedJobs,
  SMALL_BYTES,
  SMALL_FILES,
  writeFiles,
} from "./_weights-jobs.ts";
import { type Cost, measure } from "./_weights-process.ts";
import { BUCKET, DISTANT_BYTES_PER_S, DISTANT_MS, LIMITED_BYTES_PER_S, serve } from "./_weights-servers.ts";
import { measureStart } from "./_weights-start.ts";
import { startThrottle } from "./_weights-throttle.ts";
import { bundleOurs, findTools, type Job, type Tool } from "./_weights-tools.ts";

const MIB = 1024 * 1024;
const FILE_MIB = Number(process.env["BENCH_MIB"] ?? 1024);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
/** Of radosgw: for as long as it runs, one start of it is a fifth faster or slower for one tool than for another. */
const RADOSGW_STARTS = 3;

/** 100 MB, and 25 for each thread that receives; there are at most two. */
const PEAK_LIMIT_MB = 100 + 25 * 2;

export async function run(): Promise<Result> {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "coldframe-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, "source");
  const opened: Opened = { files: writeFiles(source, FILE_MIB * MIB), jobs: [], notes: [], closing: [] };
  try {
    const plain = await openJobs(folder, source, opened);
    const tools = await findTools(join(folder, "tools"), (name) => isChosen("BENCH_TOOLS", name));
    const costs: Costs = new Map();
    const raceAll = async (jobs: readonly Job[]) => {
      for (const job of jobs) await race(job, tools, source, join(folder, "out"), costs);
    };
    await raceAll(opened.jobs);
    if (isChosen("BENCH_CASES", "radosgw") || isChosen("BENCH_CASES", "small")) {
      for (let i = 0; i < RADOSGW_STARTS; i++) {
        const radosgw = await startRadosgw();
        if ("skipped" in radosgw) {
          opened.notes.push(`No radosgw: ${radosgw.skipped}`);
          break;
        }
        try {
          const signed = await signedJobs(radosgw, source, opened.files);
          await raceAll(signed.filter(({ name }) => isChosen("BENCH_CASES", name)));
        } finally {
          await radosgw.close();
        }
      }
    }
    const figures = figuresOf(costs);
    if (isChosen("BENCH_CASES", "start")) {
      const ours = await bundleOurs(join(folder, "start"));
      const environment = environmentOf(ANY_CREDENTIALS);
      Object.assign(figures, await measureStart(ours, join(folder, "warm"), plain, source, environment));
    }
    return { figures, bars: bars(figures), notes: [...describe([...costs.keys()], tools), ...opened.notes] };
  } finally {
    for (const close of opened.closing) await close();
  }
}

interface Opened {
  readonly files: Files;
  readonly jobs: Job[];
  readonly notes: string[];
  readonly closing: (() => Promise<void>)[];
}

/** What each tool has cost, by case. */
type Costs = Map<string, { readonly bytes: number; readonly byTool: Map<string, Cost[]> }>;

/** Start nginx for the chosen cases. Gives back the URL of the plain one. */
async function openJobs(folder: string, source: string, { files, jobs, closing }: Opened): Promise<string> {
  const chosen = (name: CaseName) => isChosen("BENCH_CASES", name);
  const start = async (options: Parameters<typeof serve>[1] = {}) => {
    const { url, ca, close } = await serve(source, options);
    closing.push(close);
    return { ca, facts: { source, endpoint: url, etag: nginxEtag(source) } };
  };
  const { facts } = await start();
  if (chosen("file")) jobs.push(makeJob("file", { ...facts, files: files.one }));
  if (chosen("tls")) {
    const { ca = "", facts: tls } = await start({ tls: true });
    const certificate = join(folder, "certificate.pem");
    writeFileSync(certificate, ca);
    const environment = { SSL_CERT_FILE: certificate, NODE_EXTRA_CA_CERTS: certificate };
    jobs.push(makeJob("tls", { ...tls, files: files.one, environment }));
  }
  if (chosen("shards")) jobs.push(makeJob("shards", { ...facts, files: files.shards }));
  if (chosen("limited")) {
    const { facts: limited } = await start({ limitRate: LIMITED_BYTES_PER_S });
    jobs.push(makeJob("limited", { ...limited, files: files.one }));
  }
  if (chosen("distant")) {
    const distant = await startThrottle(facts.endpoint, DISTANT_BYTES_PER_S, DISTANT_MS);
    closing.push(async () => distant.close());
    jobs.push(makeJob("distant", { ...facts, endpoint: distant.url, files: files.small }));
  }
  return facts.endpoint;
}

/** Adds to `costs`. */
async function race(
  job: Job,
  tools: readonly Tool[],
  source: string,
  out: string,
  costs: Costs,
): Promise<void> {
  console.error(`${job.name}: ${tools.map(({ name }) => name).join(", ")}`);
  const bytes = job.objects.reduce((sum, { size }) => sum + size, 0);
  const { byTool } = costs.get(job.name) ?? { byTool: new Map<string, Cost[]>() };
  costs.set(job.name, { bytes, byTool });
  for (let i = 0; i < ROUNDS; i++) {
    for (const tool of shuffle(tools)) {
      rmSync(out, { recursive: true, force: true });
      mkdirSync(out);
      const run = tool.run(job, out);
      if (run === undefined) continue;
      const cost = await measure(run.commands, { ...job.environment, ...run.environment });
      for (const { key } of job.objects) {
        if (!sameBytes(join(source, BUCKET, key), run.place(key, cost.output))) {
          throw new Error(`${job.name}: ${tool.name} has got ${key} wrong`);
        }
      }
      byTool.set(tool.name, [...(byTool.get(tool.name) ?? []), cost]);
    }
  }
}

function figuresOf(costs: Costs): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const [job, { bytes, byTool }] of costs) {
    for (const [name, values] of byTool) {
      const of = (value: (cost: Cost) => number) => median(values.map(value));
      const [seconds, cpuSeconds] = [of((cost) => cost.seconds), of((cost) => cost.cpuSeconds)];
      figures[`mb_per_s.${job}.${name}`] = round(bytes / 1e6 / seconds);
      figures[`cpu_s.${job}.${name}`] = round(cpuSeconds, 2);
      figures[`peak_mb.${job}.${name}`] = round(of(({ peakMb }) => peakMb));
    }
  }
  return figures;
}

function bars(figures: Readonly<Record<string, number>>): Bar[] {
  const speed = (job: CaseName, tool = "coldframe") => figures[`mb_per_s.${job}.${tool}`] ?? Number.NaN;
  const cpu = (job: CaseName, tool = "coldframe") => figures[`cpu_s.${job}.${tool}`] ?? Number.NaN;
  const others = (job: CaseName) =>
    Object.keys(figures).flatMap((key) => {
      const tool = key.startsWith(`mb_per_s.${job}.`) ? key.split(".")[2] : undefined;
      return tool === undefined || tool.startsWith("coldframe") ? [] : [speed(job, tool)];
    });
  const found: Bar[] = [];
  const bar = (says: string, value: number, limit: number) => {
    // A case or a tool that was left out has no figures.
    if (Number.isFinite(value)) found.push({ says, value: round(value, 3), limit: round(limit, 3) });
  };
  for (const job of ["file", "tls"] as const) {
    bar(`${job}: the fastest other tool, of ours`, Math.max(...others(job)) / speed(job), 1 / 0.95);
  }
  bar("file: the SDK's ranges, of our MB/s", speed("file", "sdk-ranges") / speed("file"), 1 / 2.2);
  bar("file: our CPU seconds, of the SDK's ranges'", cpu("file") / cpu("file", "sdk-ranges"), 0.35);
  bar("small: our time, of s5cmd's", speed("small", "s5cmd") / speed("small"), 1.1);
  bar("small, listed: our time, of s5cmd's", speed("small", "s5cmd") / speed("small", "coldframe-list"), 1.1);
  bar("limited: without the limit, of with it", speed("file") / speed("limited"), 1 / 0.9);
  const peaks = Object.entries(figures).filter(([key]) => /^peak_mb\.\w+\.coldframe$/.test(key));
  bar("the highest peak, in MB", Math.max(...peaks.map(([, peak]) => peak)), PEAK_LIMIT_MB);
  bar("a warm start: requests", figures["warm_requests"] ?? Number.NaN, 0);
  bar("a warm start, in ms within the process", figures["warm_ms"] ?? Number.NaN, 20);
  bar("the first range, in ms after the spawn", figures["first_range_ms"] ?? Number.NaN, 120);
  return found;
}

function describe(cases: readonly string[], tools: readonly Tool[]): string[] {
  return [
    `${ROUNDS} rounds, shuffled, medians; whole processes; ${FILE_MIB} MiB in one file, and in ${SHARDS}; ` +
      `${SMALL_FILES} files of ${SMALL_BYTES / 1024} KiB; server and client on ${navigator.hardwareConcurrency} processors, all in memory. Every output was compared with its source.`,
    "coldframe: held against the CRC32Cs of a lock file, as push-weights writes them. coldframe-crc64nvme: against the checksum that S3 gives every object by itself. coldframe-unverified: length and ETag only. coldframe-list: no lock, it lists as the others do, and holds each file against its MD5.",
    `distant: the same files by name, ${DISTANT_MS} ms away, on a link of ${DISTANT_BYTES_PER_S / 1e6} MB/s.`,
    `limited: ${Math.round(LIMITED_BYTES_PER_S / 1e6)} MB/s for each connection. Tools: ${tools.map(({ name }) => name).join(", ")}. Cases: ${cases.join(", ")}; radosgw was started ${RADOSGW_STARTS} times.`,
  ];
}

function isChosen(variable: string, name: string): boolean {
  return process.env[variable]?.split(",").includes(name) ?? true;
}
