import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpSource, RemoteFile, WeightsEntry } from "../../../adapter/runtime/weights/_contracts.ts";
import {
  filePath,
  nextLink,
  readHfSource,
  revisionPath,
} from "../../../adapter/runtime/weights/sources/hf-repository.ts";
import createHfSource from "../../../adapter/runtime/weights/hf.ts";
import { COMMIT, gitSha1, type Hub, type HubOptions, sha256, startHub } from "./_hub.ts";
import { listAll, makeAccess, makeEntry, overHttp, startServer } from "./_source-server.ts";

const FILES = {
  "config.json": { body: '{"a":1}' },
  "onnx/model ü.onnx": { body: "large weights", lfs: true },
  empty: { body: "" },
};

const NAME = "owner/tiny-model";

const startTiny = (more: object = {}, options: Partial<HubOptions> = {}) =>
  startHub({ repositories: { [NAME]: { files: FILES, ...more } }, token: "hf_hunter2", ...options });

const open = (
  hub: Hub,
  source: string,
  secrets: Record<string, string> = {},
  more: Partial<WeightsEntry> = {},
) => overHttp(createHfSource(makeEntry({ source, endpoint: hub.url, ...more }), makeAccess({}, secrets)));

const TOKEN = { hf_access_token: "hf_hunter2\n" };

/** Fetches a file as the engine does: again when the source says so. */
async function download(
  source: HttpSource,
  file: RemoteFile,
  range = `bytes=0-${file.size - 1}`,
): Promise<string> {
  const more: Record<string, string> = file.ranges === false ? {} : { range };
  for (let again = 0; again <= 3; again++) {
    const { url, headers } = await source.target(file);
    const response = await fetch(url, { headers: { ...headers, ...more }, redirect: "manual" });
    const body = Buffer.from(await response.arrayBuffer());
    if (response.ok) return body.toString();
    const verdict = source.judge(
      { status: response.status, headers: Object.fromEntries(response.headers), body },
      file,
    );
    if (verdict.action !== "again") throw verdict.error;
  }
  throw new Error("again and again");
}

const LISTED = [
  {
    path: "config.json",
    key: "config.json",
    size: 7,
    versionId: COMMIT,
    checksum: { algorithm: "git-sha1", value: gitSha1('{"a":1}') },
    ranges: false,
  },
  {
    path: "onnx/model ü.onnx",
    key: "onnx/model ü.onnx",
    size: 13,
    versionId: COMMIT,
    checksum: { algorithm: "sha256", value: sha256("large weights") },
  },
  {
    path: "empty",
    key: "empty",
    size: 0,
    versionId: COMMIT,
    checksum: { algorithm: "git-sha1", value: gitSha1("") },
    ranges: false,
  },
];

test("a revision is its commit, and every file has a checksum; one request", async () => {
  await using hub = await startTiny({ revisions: ["v1"] });
  assert.deepEqual(await listAll(open(hub, `hf://${NAME}@v1`)), LISTED);
  assert.deepEqual(
    hub.asked.map(({ path }) => path),
    [`/api/models/${NAME}/revision/v1?blobs=true`],
  );
});

test("git's own name of an empty file is the well-known one", () => {
  assert.equal(gitSha1(""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
});

test("where the description has no sizes, the tree is read, page by page", async () => {
  await using hub = await startTiny({}, { withoutSizes: true, pageSize: 2 });
  assert.deepEqual(await listAll(open(hub, `hf://${NAME}@main`)), LISTED);
  assert.deepEqual(
    hub.asked.map(({ path }) => path),
    [
      `/api/models/${NAME}/revision/main?blobs=true`,
      `/api/models/${NAME}/tree/${COMMIT}?recursive=true`,
      `/api/models/${NAME}/tree/${COMMIT}?recursive=true&cursor=2`,
    ],
  );
});

test("a list that leads to another host, or back to itself, is refused: the token would go there", async () => {
  for (const next of ["https://elsewhere.example/tree", "?recursive=true"]) {
    await using hub = await startServer(({ path }) =>
      path.includes("/tree/")
        ? { headers: { link: `<${next}>; rel="next"` }, body: "[]" }
        : { body: JSON.stringify({ sha: COMMIT }) },
    );
    const source = createHfSource(
      makeEntry({ source: "hf://o/m@main", endpoint: hub.url }),
      makeAccess({}, TOKEN),
    );
    await assert.rejects(listAll(source), { code: "WEIGHTS_UNREACHABLE", message: /leads/ });
    assert.equal(hub.asked.length, 2);
  }
});

test("what is no answer of a hub is said to be none", async () => {
  for (const body of ["<html>", "[]", '{"sha":"main","siblings":[]}', '{"siblings":[]}']) {
    await using hub = await startServer(() => ({ body }));
    const source = createHfSource(makeEntry({ source: "hf://o/m@main", endpoint: hub.url }), makeAccess());
    await assert.rejects(listAll(source), { code: "WEIGHTS_UNREACHABLE", message: /the hub answered with/ });
  }
});

test("small files come from the hub, large ones from its storage; the token goes to the hub alone", async () => {
  await using hub = await startTiny({ isPrivate: true });
  const source = open(hub, `hf://${NAME}@main`, TOKEN);
  const [small, large] = (await listAll(source)) as [RemoteFile, RemoteFile];
  assert.equal(await download(source, small), '{"a":1}');
  assert.equal(await download(source, large), "large weights");
  assert.ok(hub.asked.every(({ headers }) => headers.authorization === "Bearer hf_hunter2"));
  // A HEAD there would be refused: the signature is for GET.
  assert.deepEqual(
    hub.storageAsked.map(({ method, headers }) => [method, headers.authorization]),
    [["GET", undefined]],
  );
});

test("the place of a file is looked up once for all its parts", async () => {
  await using hub = await startTiny();
  const source = open(hub, `hf://${NAME}@main`);
  const [, large] = (await listAll(source)) as [RemoteFile, RemoteFile];
  const before = hub.asked.length;
  const parts = await Promise.all(
    [0, 4, 8].map((start) => download(source, large, `bytes=${start}-${start + 3}`)),
  );
  assert.equal(parts.join(""), "large weight");
  assert.equal(hub.asked.length - before, 1);
});

test("an address is asked for anew before its signature ends", async (context) => {
  let now = Date.now();
  context.mock.method(Date, "now", () => now);
  await using hub = await startTiny({}, { signatureSeconds: 600 });
  const source = open(hub, `hf://${NAME}@main`);
  const [, large] = (await listAll(source)) as [RemoteFile, RemoteFile];
  const first = await source.target(large);
  now += 500_000;
  assert.equal(await source.target(large), first);
  now += 60_000;
  assert.notEqual((await source.target(large)).url.search, first.url.search);
});

test("an address that the storage takes for expired is asked for anew", async (context) => {
  let now = Date.now();
  context.mock.method(Date, "now", () => now);
  await using hub = await startTiny({}, { signatureSeconds: 600 });
  const source = open(hub, `hf://${NAME}@main`);
  const [, large] = (await listAll(source)) as [RemoteFile, RemoteFile];
  await download(source, large);
  hub.storageClockMs = 595_000;
  now += 20_000;
  assert.equal(await download(source, large), "large weights");
  assert.equal(hub.storageAsked.filter(({ method }) => method === "GET").length, 3);
});

test("a pinned file is fetched from its commit without a list", async () => {
  await using hub = await startTiny({ revisions: ["moved-on"], commit: COMMIT });
  const pinned: RemoteFile = { path: "config.json", key: "config.json", size: 7, versionId: COMMIT };
  assert.equal(await download(open(hub, `hf://${NAME}@main`), pinned), '{"a":1}');
  assert.equal(hub.asked[0]?.path, `/${NAME}/resolve/${COMMIT}/config.json`);
});

test("a data set, a renamed repository, a busy hub", async () => {
  const files = { "data.csv": { body: "a,b" } };
  await using hub = await startHub({
    repositories: {
      "o/set": { kind: "datasets", files },
      "o/old": { files: {}, movedTo: "o/new" },
      "o/new": { files },
    },
  });
  hub.busy = 2;
  for (const source of ["hf://datasets/o/set@main", "hf://o/old@main"]) {
    const opened = open(hub, source);
    const [file] = (await listAll(opened)) as [RemoteFile];
    assert.equal(file.size, 3);
  }
  const set = open(hub, "hf://datasets/o/set@main");
  assert.equal(await download(set, ((await listAll(set)) as [RemoteFile])[0]), "a,b");
});

test("who may not see a repository is told how to give a token", async () => {
  await using hub = await startTiny({ isPrivate: true });
  await assert.rejects(listAll(open(hub, `hf://${NAME}@main`)), {
    code: "WEIGHTS_FORBIDDEN",
    message: /does not exist, or it is private/,
    fix: /`hf_access_token: null` under `secrets:`.*COLDFRAME_SECRET_HF_ACCESS_TOKEN/,
  });
  await assert.rejects(listAll(open(hub, "hf://owner/absent@main", TOKEN)), {
    code: "WEIGHTS_FORBIDDEN",
    message: /to nobody with this token/,
  });
  await assert.rejects(
    listAll(open(hub, `hf://${NAME}@main`, { mine: "hf_wrong" }, { auth: { secret: "mine" } })),
    {
      code: "WEIGHTS_FORBIDDEN",
      fix: /in the secret "mine"/,
    },
  );
  await assert.rejects(listAll(open(hub, `hf://${NAME}@main`, {}, { auth: { secret: "mine" } })), {
    code: "WEIGHTS_FORBIDDEN",
    message: /"mine".* has no value/,
  });
});

test("a gated repository names its conditions", async () => {
  await using hub = await startTiny({ gated: true });
  const source = open(hub, `hf://${NAME}@main`);
  const [small] = (await listAll(source)) as [RemoteFile];
  await assert.rejects(source.target(small), {
    code: "WEIGHTS_FORBIDDEN",
    message: /is gated/,
    fix: /Accept its conditions on https:\/\/huggingface\.co\/owner\/tiny-model, and give a token/,
  });
});

test("a revision or a file that is not there", async () => {
  await using hub = await startTiny();
  await assert.rejects(listAll(open(hub, `hf://${NAME}@v9`)), {
    code: "WEIGHTS_NOT_FOUND",
    message: /no revision v9/,
  });
  const source = open(hub, `hf://${NAME}@main`);
  await assert.rejects(source.target({ path: "x", key: "x", size: 1, versionId: COMMIT }), {
    code: "WEIGHTS_NOT_FOUND",
    message: /no x of owner\/tiny-model/,
  });
});

test("no message shows the token", async () => {
  await using hub = await startTiny();
  const access = makeAccess({}, { hf_access_token: "hf_wrong_hunter2" });
  const source = createHfSource(makeEntry({ source: `hf://${NAME}@main`, endpoint: hub.url }), access);
  await assert.rejects(
    listAll(source),
    (error: Error & { sentence: string }) => !error.sentence.includes("hunter2"),
  );
});

test("the hub of the environment, and its token", async () => {
  await using hub = await startTiny({ isPrivate: true });
  const environment = { HF_ENDPOINT: `${hub.url}/`, HF_TOKEN: "hf_hunter2" };
  const source = overHttp(
    createHfSource(makeEntry({ source: `hf://${NAME}@main` }), makeAccess(environment)),
  );
  assert.equal((await listAll(source)).length, 3);
  const bad = createHfSource(
    makeEntry({ source: `hf://${NAME}@main`, endpoint: "http://hub.example" }),
    makeAccess(),
  );
  await assert.rejects(listAll(bad), { code: "WEIGHTS_INVALID", message: /not encrypted/ });
});

test("names of repositories and their addresses", () => {
  assert.deepEqual(readHfSource("hf://o/m@refs/pr/1"), {
    name: "o/m",
    kind: "models",
    revision: "refs/pr/1",
  });
  assert.deepEqual(readHfSource("hf://gpt2"), { name: "gpt2", kind: "models" });
  assert.deepEqual(readHfSource("hf://datasets/o/d"), { name: "o/d", kind: "datasets" });
  assert.equal(
    revisionPath(readHfSource("hf://o/m@refs/pr/1")),
    "/api/models/o/m/revision/refs%2Fpr%2F1?blobs=true",
  );
  assert.equal(
    filePath(readHfSource("hf://datasets/o/d"), "main", "a b/ü#?.csv"),
    "/datasets/o/d/resolve/main/a%20b/%C3%BC%23%3F.csv",
  );
  for (const bad of ["hf://", "hf://o/m/file@main", "hf://o/m?x", "hf://o//m", "hf://@main"])
    assert.throws(() => readHfSource(bad), { code: "WEIGHTS_INVALID" }, bad);
  assert.equal(nextLink('<https://h/a>; rel="prev", <https://h/b?c=1>; rel="next"'), "https://h/b?c=1");
  assert.equal(nextLink('<https://h/a>; rel="prev"'), undefined);
});
