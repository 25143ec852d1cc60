// The whole way of weights in one process: a manifest, a real S3 protocol over a socket, and files that are right. What
// single parts do under faults is proved in test/runtime/weights and test/chaos.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type LocalS3, startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import { type FillOptions, fillDataDir } from "../../adapter/runtime/data-dir.ts";
import type { ColdframeError } from "../../adapter/runtime/errors.ts";
import type { ManifestSource, RemoteFile, SourceFiles } from "../../adapter/runtime/weights/_contracts.ts";
import { createFetch } from "../../adapter/runtime/weights/download/request.ts";
import s3Source from "../../adapter/runtime/weights/s3.ts";

const MIB = 2 ** 20;

const SOURCES: SourceFiles = {
  s3: () => import("../../adapter/runtime/weights/s3.ts"),
  https: () => import("../../adapter/runtime/weights/https.ts"),
  file: () => import("../../adapter/runtime/weights/file.ts"),
};

test("a prefix arrives whole, beside the shipped files, and the second start asks nobody", async (t) => {
  const { s3, root, fill } = await ground(t);
  const large = randomBytes(20 * MIB + 7);
  await s3.put("models", "m/a.bin", large);
  await s3.put("models", "m/deep/b.json", "{}");
  await s3.put("models", "m/empty", "");
  await s3.put("models", "other/c", "not asked for");
  const shipped = join(root, "..", "shipped");
  mkdirSync(join(shipped, "deep"), { recursive: true });
  writeFileSync(join(shipped, "deep", "vocabulary.txt"), "a b c");

  const arrived: string[] = [];
  const first = fill([entry("s3://models/m/")], { shipped, onFile: (path) => arrived.push(path) });
  const facts = await first.eager;
  await first.done;
  assert.deepEqual(readFileSync(join(first.path, "a.bin")), large);
  assert.equal(readFileSync(join(first.path, "deep/b.json"), "utf8"), "{}");
  assert.equal(statSync(join(first.path, "empty")).size, 0);
  assert.equal(readFileSync(join(first.path, "deep/vocabulary.txt"), "utf8"), "a b c");
  assert.ok(!existsSync(join(first.path, "c")));
  assert.deepEqual(arrived.toSorted(), ["a.bin", "deep/b.json", "empty"]);
  assert.deepEqual([facts.files, facts.bytes, facts.warm, facts.unverified], [3, large.length + 2, false, 0]);

  const before = s3.requests.length;
  const again = await fill([entry("s3://models/m/")], { shipped }).eager;
  assert.equal(again.warm, true);
  assert.equal(s3.requests.length, before);
});

test("four that start at the same time fetch once, and all see every file", async (t) => {
  const { s3, fill } = await ground(t);
  const body = randomBytes(9 * MIB);
  await s3.put("models", "m.bin", body);
  const fillings = [1, 2, 3, 4].map(() => fill([entry("s3://models/m.bin", "m.bin")]));
  await Promise.all(fillings.map(({ eager }) => eager));
  await Promise.all(fillings.map(({ done }) => done));
  for (const { path } of fillings) assert.deepEqual(readFileSync(join(path, "m.bin")), body);
  const sent = s3.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(sent < 1.02 * body.length, `${sent} bytes for ${body.length}`);
});

test("one that waits for another's fetch says so, with what that one fetched, eager and all", async (t) => {
  const { s3, fill } = await ground(t);
  await s3.put("models", "m.bin", randomBytes(MIB));
  await s3.put("models", "lazy.bin", randomBytes(2 * MIB));
  const held = Promise.withResolvers<undefined>();
  s3.on(({ method, key }) => (method === "GET" && key === "lazy.bin" ? held.promise : undefined));
  const sources = [
    entry("s3://models/m.bin", "m.bin"),
    { ...entry("s3://models/lazy.bin", "lazy.bin"), lazy: true },
  ];
  const first = fill(sources);
  const started = await first.eager;
  const others = [fill(sources), fill(sources)];
  for (const { eager } of others) {
    const { waited, ms, ...facts } = await eager;
    const { ms: _ms, ...expected } = started;
    assert.deepEqual(facts, expected);
    assert.deepEqual([waited, facts.files, facts.fetched_bytes, facts.warm], [true, 1, MIB, false]);
  }
  // As long as it takes: the one that fetches says how far it is once a second.
  const waiting = await lineOf(/^waiting for weights that another process fetches$/);
  assert.partialDeepStrictEqual(waiting, { level: "INFO", files: 1, total_files: 2, total_bytes: 3 * MIB });
  held.resolve(undefined);
  const all = await first.done;
  assert.equal(all.waited, undefined);
  for (const { done } of others) {
    const { waited, fetched_bytes, files } = await done;
    assert.deepEqual([waited, fetched_bytes, files], [true, 3 * MIB, 2]);
  }
});

test("a deployment that shares files with another one on the same disk fetches only the others", async (t) => {
  const { s3, fill } = await ground(t);
  await s3.put("models", "m/same", randomBytes(MIB));
  await s3.put("models", "m/changes", "one");
  await fill([entry("s3://models/m/")], { tree: "first" }).done;
  await s3.put("models", "m/changes", "two");
  const before = s3.requests.length;
  const { path, done } = fill([entry("s3://models/m/")], { tree: "second" });
  await done;
  assert.equal(readFileSync(join(path, "changes"), "utf8"), "two");
  const fetched = s3.requests.slice(before).filter(({ method, bytes }) => method === "GET" && bytes >= 0);
  assert.ok(!fetched.some(({ key }) => key === "m/same"), JSON.stringify(fetched));
});

test("an object that is replaced while it is fetched arrives as the new one; when it was pinned, the fetch fails", async (t) => {
  const { s3, fill } = await ground(t);
  const [one, two] = [randomBytes(30 * MIB), randomBytes(30 * MIB)];
  await s3.put("models", "m.bin", one);
  const pinned = await list(s3, entry("s3://models/m.bin", "m.bin"));
  replaceAtFirstGet(s3, two);
  const { path, done } = fill([entry("s3://models/m.bin", "m.bin")]);
  await done;
  assert.ok(readFileSync(join(path, "m.bin")).equals(two));

  await s3.put("models", "m.bin", one);
  replaceAtFirstGet(s3, two);
  const files = pinned;
  const failed = fill([{ ...entry("s3://models/m.bin", "m.bin"), files }], { tree: "pinned" });
  const error = await failed.done.then(
    () => undefined,
    (thrown: ColdframeError) => thrown,
  );
  assert.equal(error?.code, "WEIGHTS_CHANGED");
  assert.match(`${error?.message} ${error?.fix}`, /s3:\/\/models\/m\.bin.*--refresh-weights/s);
  assert.ok(!existsSync(join(failed.path, "m.bin")));
});

test("lazy sources come last, in their order, and what is hurried comes before them", async (t) => {
  const { s3, fill } = await ground(t);
  for (const key of ["a", "b", "c"]) await s3.put("models", key, randomBytes(17 * MIB));
  await s3.put("models", "eager", "now");
  const arrived: string[] = [];
  const lazy = (key: string) => ({ ...entry(`s3://models/${key}`, key), lazy: true });
  const filling = fill([lazy("a"), lazy("b"), lazy("c"), entry("s3://models/eager", "eager")], {
    connections: 1,
    onFile: (path) => arrived.push(path),
  });
  filling.hurry("c");
  await filling.eager;
  assert.deepEqual(arrived, ["eager"]);
  await filling.done;
  assert.equal(arrived[0], "eager");
  assert.deepEqual(arrived.slice(1), ["c", "a", "b"]);
});

test("a fetch that failed says why, and the next one keeps what it had", async (t) => {
  const { s3, fill } = await ground(t);
  const body = randomBytes(40 * MIB);
  await s3.put("models", "m.bin", body);
  const off = s3.on(({ range }) =>
    range !== undefined && Number(/\d+/.exec(range)?.[0]) >= 24 * MIB
      ? { status: 403, code: "AccessDenied", message: "Access Denied" }
      : undefined,
  );
  const error = await fill([entry("s3://models/m.bin", "m.bin")], { connections: 1 }).done.then(
    () => undefined,
    (thrown: ColdframeError) => thrown,
  );
  assert.equal(error?.code, "WEIGHTS_FORBIDDEN");
  assert.match(`${error?.message} ${error?.fix}`, /s3:GetObject.*arn:aws:s3:::models\/m\.bin/s);
  off();
  const before = s3.requests.length;
  const { path, done } = fill([entry("s3://models/m.bin", "m.bin")]);
  await done;
  assert.ok(readFileSync(join(path, "m.bin")).equals(body));
  const sent = s3.requests.slice(before).reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(sent <= 17 * MIB, `${sent} bytes were fetched again`);
});

test("what a killed process left of a file that is complete by now is removed; what others may continue stays", async (t) => {
  const { s3, root, fill } = await ground(t);
  await s3.put("models", "m.bin", randomBytes(9 * MIB));
  await fill([entry("s3://models/m.bin", "m.bin")], { tree: "first" }).done;
  const [id] = readdirSync(join(root, "blobs"));
  const left = [`${id}.part`, `${id}.journal`, "0123456789abcdef.part", "0123456789abcdef.journal"];
  for (const name of left) writeFileSync(join(root, "blobs", name), "left");
  await fill([entry("s3://models/m.bin", "m.bin")], { tree: "second" }).done;
  assert.deepEqual(readdirSync(join(root, "blobs")).toSorted(), [id, ...left.slice(2)].toSorted());
});

test("the patterns of config.yaml choose, and nothing that matches is an error", async (t) => {
  const { s3, fill } = await ground(t);
  await s3.put("models", "m/a.onnx", "a");
  await s3.put("models", "m/a.bin", "b");
  const { path, done } = fill([{ ...entry("s3://models/m/"), allowPatterns: ["*.onnx"] }]);
  await done;
  assert.deepEqual([existsSync(join(path, "a.onnx")), existsSync(join(path, "a.bin"))], [true, false]);
  await assert.rejects(
    fill([{ ...entry("s3://models/m/"), allowPatterns: ["*.gguf"] }], { tree: "none" }).done,
    {
      code: "WEIGHTS_NOT_FOUND",
    },
  );
});

function entry(source: string, mount = ""): ManifestSource {
  return { source, mount };
}

async function list(s3: LocalS3, asked: ManifestSource): Promise<RemoteFile[]> {
  const environment = environmentOf(s3);
  const source = s3Source(asked, {
    fetch: createFetch({ environment }),
    secret: async () => undefined,
    environment,
  });
  const files: RemoteFile[] = [];
  for await (const page of source.list()) files.push(...page);
  return files;
}

/** The next line of the log with such a message; all lines are written as ever. */
function lineOf(message: RegExp): Promise<object> {
  const { stdout } = process;
  const { write } = stdout;
  return new Promise((resolve) => {
    stdout.write = ((chunk: string, ...rest: never[]) => {
      const line = chunk.startsWith?.('{"timestamp"') ? JSON.parse(chunk) : {};
      if (message.test(line.message ?? "")) {
        stdout.write = write;
        resolve(line);
      }
      return (write as (...all: unknown[]) => boolean).call(stdout, chunk, ...rest);
    }) as typeof write;
  });
}

function replaceAtFirstGet(s3: LocalS3, body: Uint8Array): void {
  let replaced = false;
  const off = s3.on(async ({ method, range }) => {
    if (method !== "GET" || range === undefined || replaced) return undefined;
    // After the first part has been answered, so that both versions were seen.
    if (/bytes=0-/.test(range)) return undefined;
    replaced = true;
    await s3.put("models", "m.bin", body);
    off();
    return undefined;
  });
}

function environmentOf({ url, credentials, region }: LocalS3): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
}

async function ground(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-data-dir-"));
  const s3 = await startLocalS3({ buckets: ["models"] });
  t.after(async () => {
    await s3.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const root = join(folder, "root");
  type More = Partial<FillOptions> & { readonly connections?: number };
  function fill(sources: readonly ManifestSource[], { connections, ...more }: More = {}) {
    const options = connections === undefined ? {} : { options: { connections } };
    const filling = fillDataDir({
      manifest: { version: 1, digest: "d".repeat(64), sources, ...options },
      root,
      tree: "tree",
      sources: SOURCES,
      laneFile: join(import.meta.dirname, "../../adapter/runtime/weights-thread.ts"),
      environment: environmentOf(s3),
      secret: async () => undefined,
      ...more,
    });
    filling.eager.catch(() => {});
    filling.done.catch(() => {});
    return filling;
  }
  return { s3, root, fill };
}
