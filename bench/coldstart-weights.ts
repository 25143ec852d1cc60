// A cold start with 150 MB of weights over a link of 78 MB/s: our build with its download beside the start, against the
// same work one after the other. From the spawn of the process to ready, in the local Lambda. Sizes: BENCH_MB (default
// 150), BENCH_ROUNDS (default 7).

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { startLocalLambda } from "../adapter/local/local-lambda.ts";
import type { WeightsManifest } from "../adapter/runtime/weights/_contracts.ts";
import { buildOurs } from "./_peers.ts";
import type { Result } from "./run.ts";
import { median, round, shuffle } from "./_statistics.ts";
import { MODEL_FILES, writeModel } from "./_weights-onnx.ts";
import { checksumsOf } from "./_weights-data.ts";
import { BUCKET, REGION, serve } from "./_weights-servers.ts";
import { startThrottle } from "./_weights-throttle.ts";

const MB = Number(process.env["BENCH_MB"] ?? 150);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
/** What a function of 1769 MB has had for years, measured: 600 Mb/s and a little. */
const BYTES_PER_S = 78e6;

const MODEL = `import { InferenceSession, Tensor } from "onnxruntime-node";
export default class Model {
  async load({ dataDir }) {
    this.session = await InferenceSession.create(dataDir + "/model.onnx");
  }
  async predict() {
    const row = new Tensor("float32", new Float32Array(1024), [1, 1024]);
    const { [this.session.outputNames[0]]: last } = await this.session.run({ x0: row });
    return last.dims;
  }
}
`;

interface Way {
  readonly artifact: string;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The weights stay from one round to the next. */
  readonly warm?: boolean;
}

export async function run(): Promise<Result> {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "coldframe-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, "source");
  writeModel(join(source, BUCKET, "model"), MB * 1e6);
  const keys = MODEL_FILES.map((file) => `model/${file}`);
  const nginx = await serve(source);
  const throttle = await startThrottle(nginx.url, BYTES_PER_S);
  try {
    const ways = await prepare(folder, source, throttle.url, keys);
    const times: Record<string, number[]> = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
    // The first round fills the page cache, and the data directory of the one that has everything.
    for (let i = -1; i < ROUNDS; i++) {
      for (const [name, way] of shuffle(Object.entries(ways))) {
        const ms = await readyMs(name, way, join(folder, "data", name));
        if (i >= 0) times[name]?.push(ms);
      }
    }
    const figures = Object.fromEntries(
      Object.entries(times).map(([name, values]) => [`ready_ms.${name}`, round(median(values))]),
    );
    const of = (name: string) => figures[`ready_ms.${name}`] ?? Number.NaN;
    return {
      figures,
      bars: [
        {
          says: "coldframe, of the longer of download-only and everything-else",
          value: round(of("coldframe") / Math.max(of("download-only"), of("everything-else")), 3),
          limit: 1.1,
        },
        { says: "coldframe, of sequential", value: round(of("coldframe") / of("sequential"), 3), limit: 1 },
        { says: "coldframe, of the SDK", value: round(of("coldframe") / of("sdk"), 3), limit: 1 },
      ],
      notes: [
        `${ROUNDS} rounds, shuffled, medians; ${MB} MB at ${BYTES_PER_S / 1e6} MB/s in all; onnxruntime-node, the weights in a file beside the model; local runtime client.`,
      ],
    };
  } finally {
    throttle.close();
    await nginx.close();
  }
}

async function prepare(
  folder: string,
  source: string,
  endpoint: string,
  keys: readonly string[],
): Promise<Record<string, Way>> {
  const credentials = {
    AWS_ACCESS_KEY_ID: "AKIATEST",
    AWS_SECRET_ACCESS_KEY: "SECRETTEST",
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const ours = await buildOurs(writeProject(join(folder, "project"), endpoint, keys, credentials));
  pinChecksums(join(ours, "weights.json"), source);
  const plain = join(folder, "plain");
  mkdirSync(plain);
  for (const name of [
    "weights.json",
    "weights.cjs",
    "weights-thread.cjs",
    "weights-thread.cjs.cache",
    "aws-sdk.cjs",
  ]) {
    if (existsSync(join(ours, name))) copyFileSync(join(ours, name), join(plain, name));
  }
  cpSync(join(ours, "node_modules"), join(plain, "node_modules"), { recursive: true });
  copyFileSync(join(import.meta.dirname, "contenders", "coldstart.mjs"), join(plain, "index.mjs"));
  await esbuild({
    entryPoints: [join(import.meta.dirname, "contenders", "sdk-objects.mjs")],
    outfile: join(plain, "sdk.cjs"),
    bundle: true,
    minify: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    mainFields: ["module", "main"],
    logLevel: "error",
  });
  const objects = JSON.stringify(keys.map((key) => ({ bucket: BUCKET, key })));
  const way = (name: string): Way => ({
    artifact: plain,
    handler: "index.buffered",
    environment: { ...credentials, BENCH_WAY: name, BENCH_ENDPOINT: endpoint, BENCH_OBJECTS: objects },
  });
  const built = { artifact: ours, handler: "index.stream", environment: credentials };
  return {
    coldframe: built,
    sequential: way("sequential"),
    sdk: way("sdk"),
    "download-only": way("download-only"),
    "everything-else": { ...built, warm: true },
  };
}

/** nginx knows no checksums; `coldframe push-weights` would have written them into the lock. */
function pinChecksums(file: string, source: string): void {
  const manifest = JSON.parse(readFileSync(file, "utf8")) as WeightsManifest;
  const sources = manifest.sources.map((entry) => ({
    ...entry,
    files: entry.files?.map((one) => ({ ...one, ...checksumsOf(join(source, BUCKET, one.key)) })),
  }));
  writeFileSync(file, JSON.stringify({ ...manifest, sources }));
}

function writeProject(
  project: string,
  endpoint: string,
  keys: readonly string[],
  environment: Readonly<Record<string, string>>,
): string {
  mkdirSync(join(project, "model"), { recursive: true });
  const entries = keys.map(
    (key) => `  - source: s3://${BUCKET}/${key}\n    endpoint: ${endpoint}\n    path_style: true\n`,
  );
  writeFileSync(join(project, "config.yaml"), `model_name: bench\nweights:\n${entries.join("")}`);
  writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(project, "model", "model.ts"), MODEL);
  symlinkSync(join(import.meta.dirname, "..", "node_modules"), join(project, "node_modules"));
  // The build looks the objects up, as it would with the credentials of whoever builds.
  Object.assign(process.env, environment);
  return project;
}

async function readyMs(name: string, way: Way, root: string): Promise<number> {
  if (!way.warm) rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const lines: string[] = [];
  const lambda = await startLocalLambda({
    artifact: way.artifact,
    handler: way.handler,
    freeze: false,
    initTimeoutMs: 60_000,
    environment: { ...way.environment, COLDFRAME_DATA_DIR: root },
    onLog: (line) => lines.push(line),
  });
  const { initMs, initError } = lambda;
  await lambda.close();
  if (initError !== undefined) throw new Error(`${name}: ${JSON.stringify(initError)}\n${lines.join("\n")}`);
  return initMs;
}
