// Weights in the life of an execution environment: a project is built, and its artifact fetches from an S3 on this
// machine while Lambda's rules about init, freezing and sudden ends hold.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { hostArchitecture } from "../../adapter/cli/build.ts";
import { type LocalLambdaOptions, startLocalLambda } from "../../adapter/local/local-lambda.ts";
import { type LocalS3, startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import { makeProject } from "../build/_project.ts";
import { startServer } from "../runtime/targets/_server.ts";
import { errorOf, resultOf } from "./_lambda.ts";

const MIB = 2 ** 20;

/** Answers with what it finds in its data directory. */
const MODEL = `
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
export default class Model {
  #dataDir; #digest;
  constructor({ dataDir }) { this.#dataDir = dataDir; }
  load() { this.#digest = createHash("sha256").update(readFileSync(this.#dataDir + "/m.bin")).digest("hex"); }
  predict() { return { digest: this.#digest, shipped: readFileSync(this.#dataDir + "/words.txt", "utf8") }; }
}`;

test("a cold start fetches the weights, and its log line says what and how fast", async (t) => {
  const { lambda, lines, digest } = await start(t, { body: randomBytes(12 * MIB) });
  assert.deepEqual(resultOf(await lambda.invoke({})), { digest, shipped: "a b c" });
  const line = lines.map(parse).find(({ message }) => message === "cold start");
  assert.partialDeepStrictEqual(line, { weights: { files: 1, bytes: 12 * MIB, fetched_bytes: 12 * MIB } });
  const { weights, phases } = line as Required<Line>;
  assert.ok(weights.mb_per_s > 0 && phases.weights > 0, JSON.stringify(line));
});

test("a process that is started again in the same environment fetches nothing", async (t) => {
  const { lambda, s3, lines, digest } = await start(t, { body: randomBytes(3 * MIB) });
  const before = s3.requests.length;
  await lambda.kill();
  assert.deepEqual(resultOf(await lambda.invoke({})), { digest, shipped: "a b c" });
  assert.equal(s3.requests.length, before);
  assert.equal(lines.map(parse).findLast(({ message }) => message === "cold start")?.weights?.warm, true);
});

test("when the init window runs out, the same fetch goes on in the first invocation, through a freeze", async (t) => {
  const body = randomBytes(40 * MIB);
  const held = Promise.withResolvers<undefined>();
  const { lambda, s3, digest, lines } = await start(t, {
    body,
    environment: { COLDFRAME_INIT_WINDOW_MS: "500" },
    prepare: (s3) => s3.on(({ range }) => (/bytes=8388608-/.test(range ?? "") ? held.promise : undefined)),
  });
  assert.equal(lambda.initError, undefined);
  assert.ok(!lines.map(parse).some(({ message }) => message === "cold start"));
  const answer = lambda.invoke({});
  held.resolve(undefined);
  assert.deepEqual(resultOf(await answer), { digest, shipped: "a b c" });
  assert.equal(lambda.restarts, 0);
  // What was on the wire when the process froze may come twice; what had arrived does not.
  const sent = s3.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(sent < 2 * body.length, `${sent} bytes were sent`);
});

test("a process killed in the middle of the fetch leaves what the next one goes on with", async (t) => {
  const body = randomBytes(60 * MIB);
  let armed = true;
  const { lambda, s3, digest, environment } = await start(t, {
    body,
    environment: { COLDFRAME_INIT_WINDOW_MS: "100000" },
    initTimeoutMs: 3000,
    prepare: (s3) =>
      s3.on(({ range }) =>
        armed && /bytes=50331648-/.test(range ?? "") ? { connection: "hang" } : undefined,
      ),
  });
  // Lambda's own limit: the process was killed while one part was still to come.
  assert.equal(lambda.pid, undefined);
  assert.ok(readdirSync(join(environment["COLDFRAME_DATA_DIR"] ?? "", "blobs")).length > 0);
  armed = false;
  const before = s3.requests.length;
  assert.deepEqual(resultOf(await lambda.invoke({})), { digest, shipped: "a b c" });
  const sent = s3.requests.slice(before).reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(sent < body.length / 2, `${sent} of ${body.length} bytes were fetched again`);
});

test("load() begins with a file of a lazy source while the rest is still on its way", async (t) => {
  const rest = Promise.withResolvers<undefined>();
  const { lambda, lines } = await start(t, {
    body: randomBytes(MIB),
    more: { "late.bin": randomBytes(9 * MIB) },
    config:
      "weights:\n  - { source: s3://models/m.bin, lazy: true }\n  - { source: s3://models/late.bin, lazy: true }\n",
    model: `
import { existsSync } from "node:fs";
export default class Model {
  #weights; #dataDir; #first;
  constructor({ weights, dataDir }) { this.#weights = weights; this.#dataDir = dataDir; }
  async load({ weights }) { this.#first = await weights.ready("m.bin"); }
  async predict({ wait }) {
    const before = existsSync(this.#dataDir + "/late.bin");
    if (wait) await this.#weights.ready();
    return { first: existsSync(this.#first), before, after: existsSync(this.#dataDir + "/late.bin") };
  }
}`,
    prepare: (s3) =>
      s3.on(({ key, method }) => (key === "late.bin" && method === "GET" ? rest.promise : undefined)),
  });
  assert.deepEqual(resultOf(await lambda.invoke({})), { first: true, before: false, after: false });
  assert.ok(lines.map(parse).some(({ message }) => message === "cold start"));
  rest.resolve(undefined);
  assert.deepEqual(resultOf(await lambda.invoke({ wait: true })), {
    first: true,
    before: false,
    after: true,
  });
});

test("a role without the permission is an init error that names it; the caller is told nothing of it", async (t) => {
  const { lambda, lines, s3 } = await start(t, {
    body: randomBytes(MIB),
    prepare: (s3) => {
      const deny = [{ action: "s3:GetObject", arn: "arn:aws:s3:::models/*" }];
      s3.setCredentials({ ...s3.credentials, deny });
    },
  });
  assert.equal(lambda.initError?.errorType, "WEIGHTS_FORBIDDEN");
  assert.match(lambda.initError?.errorMessage ?? "", /s3:GetObject.*arn:aws:s3:::models\/m\.bin/);
  assert.ok(!lines.join("\n").includes(s3.credentials.secretAccessKey), lines.join("\n"));
});

test("without S3 at all the start ends in an error that names the address and what happened there", async (t) => {
  const { lambda } = await start(t, {
    body: randomBytes(MIB),
    prepare: (s3) => void s3.on(() => ({ connection: "reset" })),
    initTimeoutMs: 60_000,
    environment: { COLDFRAME_INIT_WINDOW_MS: "60000" },
  });
  assert.equal(lambda.initError?.errorType, "WEIGHTS_UNREACHABLE");
  assert.match(lambda.initError?.errorMessage ?? "", /http:\/\/127\.0\.0\.1:\d+\/models\/m\.bin/);
  errorOf(await lambda.invoke({}));
});

test("without weights, a file that is not in data/ is an error that names those that are, on Lambda and on a server", async (t) => {
  const project = makeProject({
    "config.yaml": "model_name: test\n",
    "model/model.ts": `export default class Model {
      constructor({ weights }) { this.weights = weights; }
      async predict({ name }) {
        return this.weights.ready(name).then((path) => path, ({ code, message }) => ({ code, message }));
      }
    }`,
    "data/words.txt": "a b c",
    "data/deep/more.txt": "d",
  });
  const options = { project, zip: false, codeCache: false, architecture: hostArchitecture() } as const;
  const { directory } = await build(options);
  const lambda = await startLocalLambda({ artifact: directory, handler: "index.buffered" });
  t.after(() => lambda.close());
  const ask = async (name?: string) => resultOf(await lambda.invoke({ name }));
  assert.equal(await ask("deep/more.txt"), join(directory, "data/deep/more.txt"));
  assert.equal(await ask(), join(directory, "data"));
  const missing = {
    code: "WEIGHTS_NOT_FOUND",
    message:
      'weights.ready("mroe.txt"): this deployment has no weights, and data/ has deep/more.txt, words.txt.',
  };
  assert.deepEqual(await ask("mroe.txt"), missing);

  const { post } = await startServer(t, (await build({ ...options, target: "server" })).directory);
  assert.deepEqual((await post({ name: "mroe.txt" })).json, missing);
});

interface Options extends Partial<LocalLambdaOptions> {
  readonly body: Uint8Array;
  readonly more?: Readonly<Record<string, Uint8Array>>;
  readonly config?: string;
  readonly model?: string;
  prepare?(s3: LocalS3): void;
}

async function start(t: TestContext, options: Options) {
  const { body, more = {}, config, model = MODEL, prepare, environment, ...rest } = options;
  const s3 = await startLocalS3({ buckets: ["models"] });
  t.after(() => s3.close());
  await s3.put("models", "m.bin", body);
  for (const [key, bytes] of Object.entries(more)) await s3.put("models", key, bytes);
  const project = makeProject({
    "config.yaml": `model_name: test\n${config ?? "weights:\n  - source: s3://models/m.bin\n"}serverless: { weights: { lock: false } }\n`,
    "model/model.ts": model,
    "data/words.txt": "a b c",
  });
  const { directory } = await build({
    project,
    zip: false,
    codeCache: false,
    architecture: hostArchitecture(),
  });
  assert.ok(existsSync(join(directory, "weights.cjs")));
  prepare?.(s3);
  const lines: string[] = [];
  const variables = {
    COLDFRAME_DATA_DIR: join(project, "root"),
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_REGION: s3.region,
    ...environment,
  };
  const lambda = await startLocalLambda({
    artifact: directory,
    handler: "index.buffered",
    environment: variables,
    onLog: (line) => lines.push(line),
    ...rest,
  });
  t.after(() => lambda.close());
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256").update(body).digest("hex");
  return { lambda, s3, lines, digest, environment: variables as Record<string, string> };
}

/** What is read of a line of the log. */
interface Line {
  readonly [field: string]: unknown;
  readonly message?: string;
  readonly weights?: { readonly mb_per_s: number; readonly warm?: boolean };
  readonly phases?: { readonly weights: number };
}

function parse(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return { message: line };
  }
}
