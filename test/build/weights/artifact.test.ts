// What the artifact of a deployment with weights carries beside the model, and what deployment.json and the build say of
// it. Sources are pinned by a lock that the tests write, so that nothing is asked.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type BuildOptions, build, createIncrementalBuild } from "../../../adapter/build/build.ts";
import { readConfig } from "../../../adapter/build/config.ts";
import { lockText } from "../../../adapter/build/weights/lock.ts";
import type { RemoteFile, WeightsManifest } from "../../../adapter/runtime/weights/_contracts.ts";
import { type Files, makeFolder, makeProject, refusal, writeFiles } from "../_project.ts";
import { startWeightsServer } from "./_weights.ts";

const MEBIBYTE = 2 ** 20;

/** Of weights.cjs; the engine is another file. */
const MAX_OPENING_BYTES = 6000;

const PREFIX = "weights:\n  - source: s3://models/llama/\n    mount_location: llama\n";

const file = (path: string, size = 3): RemoteFile => ({
  path,
  key: `llama/${path}`,
  size,
  etag: `"${createHash("md5").update(path).digest("hex")}"`,
});

/** A project whose entries all have these files, by weights.lock.json. */
function locked(
  yaml: string,
  files: readonly RemoteFile[] = [file("a"), file("b", 4)],
  more: Files = {},
): string {
  const project = makeProject({ ...more, "config.yaml": yaml });
  const { weights } = readConfig(project);
  return writeFiles(project, {
    "weights.lock.json": lockText(weights.map((entry) => [entry, files])),
  });
}

const quick = (project: string, options: Partial<BuildOptions> = {}) =>
  build({ project, zip: false, codeCache: false, ...options });

async function manifestOf(project: string, options: Partial<BuildOptions> = {}): Promise<WeightsManifest> {
  const { directory } = await quick(project, options);
  return JSON.parse(readFileSync(join(directory, "weights.json"), "utf8"));
}

const digestOf = async (project: string, options: Partial<BuildOptions> = {}) =>
  (await manifestOf(project, options)).digest;

async function deploymentOf(project: string) {
  const { directory } = await quick(project);
  return JSON.parse(readFileSync(join(directory, "deployment.json"), "utf8"));
}

describe("an artifact", () => {
  test("without weights has nothing of them", async () => {
    const { directory, weights } = await quick(makeProject());
    assert.deepEqual(
      readdirSync(directory).filter((name) => /weights|sdk/.test(name)),
      [],
    );
    assert.deepEqual(weights, []);
  });

  test("with weights has the manifest and the engine, weighed like all else; the SDK where S3 is a source", async () => {
    const { directory, unzippedBytes, largest } = await quick(locked(PREFIX));
    const names = ["aws-sdk.cjs", "weights-thread.cjs", "weights.cjs", "weights.json"];
    for (const name of names)
      assert.ok(
        largest.some(({ path }) => path === name),
        name,
      );
    const bytes = names.map((name) => readFileSync(join(directory, name)).length);
    assert.ok(unzippedBytes > bytes.reduce((sum, size) => sum + size, 0));

    const folder = writeFiles(makeFolder(), { "a.bin": "a" });
    const other = await quick(makeProject({ "config.yaml": `weights:\n  - source: file://${folder}/\n` }));
    assert.deepEqual(
      readdirSync(other.directory).filter((name) => /weights|sdk/.test(name)),
      ["weights-thread.cjs", "weights.cjs", "weights.json"],
    );
  });

  test("is the same bytes in another folder", async () => {
    const [one, two] = [await build({ project: locked(PREFIX) }), await build({ project: locked(PREFIX) })];
    const names = [
      "aws-sdk.cjs",
      "weights-thread.cjs",
      "weights-thread.cjs.cache",
      "weights.cjs",
      "weights.json",
    ];
    for (const name of names) {
      const read = (directory: string) => readFileSync(join(directory, name));
      assert.ok(read(one.directory).equals(read(two.directory)), name);
      assert.ok(!read(one.directory).includes("coldframe-test-"), name);
    }
  });

  test("has of the sources only those that are used, and neither model nor SDK in the engine", async () => {
    const folder = writeFiles(makeFolder(), { "a.bin": "a" });
    const only = await quick(makeProject({ "config.yaml": `weights:\n  - source: file://${folder}/\n` }));
    const both = await quick(
      makeProject({ "config.yaml": `weights:\n  - source: file://${folder}/\n  - source: s3://b/p/\n` }),
      { localWeights: true },
    );
    const code = ({ directory }: typeof only) =>
      readFileSync(join(directory, "weights-thread.cjs"), "latin1");
    assert.doesNotMatch(code(only), /ListObjectsV2|x-amz-/);
    assert.match(code(both), /x-amz-/);
    for (const { directory } of [only, both]) {
      const text = readFileSync(join(directory, "weights-thread.cjs"), "latin1");
      assert.match(text, /^"use strict";/);
      assert.doesNotMatch(text, /Hello, |S3Client\s*=|smithy/);
      assert.ok(text.length < 200_000, `${text.length} bytes`);
      const { length } = readFileSync(join(directory, "weights.cjs"));
      assert.ok(length < MAX_OPENING_BYTES, `the main thread compiles ${length} bytes before all else`);
    }
  });

  test("has the whole of AWS's SDK that is ever asked for, in one file that needs no other", async () => {
    const { directory } = await quick(locked(PREFIX));
    const sdk = createRequire(import.meta.url)(join(directory, "aws-sdk.cjs"));
    assert.equal(typeof sdk.S3Client, "function");
    assert.equal(typeof sdk.fromNodeProviderChain, "function");
  });

  test("has the SDK where a secret is one that AWS keeps, too, and leads the bundle to it", async () => {
    const yaml = "secrets:\n  token: aws-secretsmanager://models/token\n";
    const project = makeProject({ "config.yaml": yaml });
    const { directory } = await quick(project);
    assert.ok(existsSync(join(directory, "aws-sdk.cjs")));
    assert.ok(!existsSync(join(directory, "weights.cjs")));
    assert.match(readFileSync(join(directory, "bundle.cjs"), "latin1"), /\/aws-sdk\.cjs`/);
    const { start } = createRequire(import.meta.url)(join(directory, "bundle.cjs"));
    assert.equal(typeof start, "function");
    const plain = await quick(makeProject({ "config.yaml": "secrets:\n  token: aws\n" }));
    assert.ok(!existsSync(join(plain.directory, "aws-sdk.cjs")));
  });

  test("made again gets the same engine without bundling it again", async () => {
    const project = locked(PREFIX);
    const incremental = await createIncrementalBuild({ project });
    try {
      const first = await incremental.rebuild();
      const engine = readFileSync(join(first.directory, "weights-thread.cjs"));
      writeFiles(project, { "model/model.ts": "export default class Model { predict() { return 2; } }\n" });
      const second = await incremental.rebuild();
      assert.ok(readFileSync(join(second.directory, "weights-thread.cjs")).equals(engine));
    } finally {
      await incremental.dispose();
    }
  });
});

describe("weights.json", () => {
  test("begins with its digest and has what the cold start needs, and no more", async () => {
    const yaml = `secrets: { minio: null }
weights:
  - source: s3://models/llama/
    mount_location: llama
    auth_secret_name: minio
    lazy: true
    local: nets
serverless:
  weights: { verify: size, verify_warm: full, connections: 4 }
`;
    const project = locked(yaml, [file("b"), file("a")], { "nets/c": "" });
    const manifest = await manifestOf(project);
    const { digest, ...rest } = manifest;
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(Object.keys(manifest).slice(0, 2), ["version", "digest"]);
    assert.deepEqual(rest, {
      version: 1,
      options: { verify: false, verifyWarm: "full", connections: 4 },
      sources: [
        {
          source: "s3://models/llama/",
          mount: "llama",
          auth: { secret: "minio" },
          lazy: true,
          files: [file("a"), file("b")],
        },
      ],
    });
  });

  test("has no options when they are the default, and no files when they are not pinned", async () => {
    const project = makeProject({ "config.yaml": `${PREFIX}serverless: { weights: { lock: false } }\n` });
    const { sources, options } = await manifestOf(project);
    assert.equal(options, undefined);
    assert.deepEqual(sources, [{ source: "s3://models/llama/", mount: "llama" }]);
    assert.equal(existsSync(join(project, "weights.lock.json")), false);
  });

  test("has another digest when other bytes lie somewhere, and the same otherwise", async () => {
    const digest = await digestOf(locked(PREFIX));
    const same: [string, string][] = [
      ["another folder", await digestOf(locked(PREFIX))],
      ["a region", await digestOf(locked(`${PREFIX}    region: eu-west-1\n`))],
      ["lazy", await digestOf(locked(`${PREFIX}    lazy: true\n`))],
      ["a secret", await digestOf(locked(`secrets: { a: b }\n${PREFIX}    auth_secret_name: a\n`))],
      ["options", await digestOf(locked(`${PREFIX}serverless: { weights: { connections: 3 } }\n`))],
    ];
    for (const [name, other] of same) assert.equal(other, digest, name);
    const changed = (change: Partial<RemoteFile>) => [{ ...file("a"), ...change }, file("b", 4)];
    const different: [string, string][] = [
      ["a mount", await digestOf(locked(PREFIX.replace("location: llama", "location: other")))],
      ["a bucket", await digestOf(locked(PREFIX.replace("models", "others")))],
      ["an endpoint", await digestOf(locked(`${PREFIX}    endpoint: https://minio\n`))],
      ["a size", await digestOf(locked(PREFIX, changed({ size: 9 })))],
      ["a version", await digestOf(locked(PREFIX, changed({ versionId: "v" })))],
      ["an ETag", await digestOf(locked(PREFIX, changed({ etag: '"x"' })))],
      [
        "a checksum",
        await digestOf(locked(PREFIX, changed({ checksum: { algorithm: "crc32", value: "00000000" } }))),
      ],
      ["a file more", await digestOf(locked(PREFIX, [...changed({}), file("c")]))],
      ["a data file", await digestOf(locked(PREFIX, undefined, { "data/words.txt": "a" }))],
      [
        "no pins",
        await digestOf(makeProject({ "config.yaml": `${PREFIX}serverless: { weights: { lock: false } }\n` })),
      ],
    ];
    assert.equal(new Set([digest, ...different.map(([, other]) => other)]).size, different.length + 1);
  });

  test("is refused with a file that is shipped in data/ too", async () => {
    const project = locked(PREFIX, [file("a")], { "data/llama/a": "x" });
    const error = await refusal(() => quick(project));
    assert.equal(error.code, "WEIGHTS_INVALID");
    assert.match(error.message, /"llama\/a" of data_dir/);
    assert.ok(!existsSync(join(project, "dist/lambda")));
  });
});

describe("a build for this machine", () => {
  const LOCAL = `secrets: { minio: null }
weights:
  - source: s3://models/llama/
    allow_patterns: ["*.onnx"]
    region: eu-west-1
    endpoint: https://minio.example
    auth_secret_name: minio
    local: nets
  - source: s3://models/b.onnx
    version_id: v1
    sha256: ${"0".repeat(63)}a
    local: nets
`;
  const files: Files = { "config.yaml": LOCAL, "nets/a.onnx": "a", "nets/b.onnx": "b" };

  test("leaves sources with a local folder to it, and touches no lock", async () => {
    const project = makeProject(files);
    const { directory, weights, warnings, inputs } = await quick(project, { localWeights: true });
    const manifest: WeightsManifest = JSON.parse(readFileSync(join(directory, "weights.json"), "utf8"));
    assert.deepEqual(manifest.sources, [
      { source: "s3://models/llama/", mount: "", allowPatterns: ["*.onnx"] },
      { source: "s3://models/b.onnx", mount: "b.onnx" },
    ]);
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      weights.map(({ pinned }) => pinned),
      [false, false],
    );
    assert.ok(!existsSync(join(project, "weights.lock.json")));
    assert.ok(inputs.includes(join(project, "nets")));
  });

  test("leaves them to it when a lock has them, too", async () => {
    const project = locked(`${PREFIX}    local: nets\n`, undefined, { "nets/a.onnx": "a" });
    const { weights } = await quick(project, { localWeights: true });
    assert.deepEqual(
      weights.map(({ pinned, bytes }) => [pinned, bytes]),
      [[false, undefined]],
    );
    assert.deepEqual(
      (await quick(project)).weights.map(({ pinned, bytes }) => [pinned, bytes]),
      [[true, 7]],
    );
  });

  test("has another digest after an edit of the folder", async () => {
    const project = makeProject(files);
    const before = await digestOf(project, { localWeights: true });
    assert.equal(await digestOf(project, { localWeights: true }), before);
    utimesSync(join(project, "nets/a.onnx"), new Date(0), new Date(0));
    const touched = await digestOf(project, { localWeights: true });
    writeFiles(project, { "nets/c.onnx": "c" });
    assert.equal(new Set([before, touched, await digestOf(project, { localWeights: true })]).size, 3);
  });

  test("asks no source, and takes what the lock has of those without a folder", async () => {
    const server = await startWeightsServer({ "/a.bin": "a", "/b.bin": "b" });
    const yaml = (path: string) => `weights:\n  - source: ${server.url(path)}\n`;
    const project = makeProject({ "config.yaml": yaml("/a.bin") });
    await quick(project);
    const asked = server.asked.length;
    assert.equal((await manifestOf(project, { localWeights: true })).sources[0]?.files?.length, 1);
    writeFiles(project, { "config.yaml": yaml("/b.bin") });
    assert.equal((await manifestOf(project, { localWeights: true })).sources[0]?.files, undefined);
    assert.equal(server.asked.length, asked);
    assert.match(readFileSync(join(project, "weights.lock.json"), "utf8"), /a\.bin/);
  });
});

describe("deployment.json", () => {
  test("says of each source how much it is, and what of S3 the function's role must read", async () => {
    const { weights, weights_bytes } = await deploymentOf(
      locked(PREFIX.replace("mount_location: llama", "region: cn-north-1")),
    );
    assert.equal(weights_bytes, 7);
    assert.deepEqual(weights, [
      {
        source: "s3://models/llama/",
        mount: "",
        pinned: true,
        lazy: false,
        files: 2,
        bytes: 7,
        s3: {
          bucket: "models",
          prefix: "llama/",
          region: "cn-north-1",
          get_arn: "arn:aws-cn:s3:::models/llama/*",
          get_actions: ["s3:GetObject", "s3:GetObjectVersion"],
        },
      },
    ]);
  });

  test("asks for the right to list where nothing is pinned, and for one object alone where it is one", async () => {
    const yaml = `weights:
  - source: s3://models
  - source: s3://models/nets/a.onnx
    lazy: true
    auth: { auth_method: AWS_OIDC, aws_oidc_role_arn: "arn:aws:iam::1:role/r" }
serverless: { weights: { lock: false } }
`;
    const { weights } = await deploymentOf(makeProject({ "config.yaml": yaml }));
    const get_actions = ["s3:GetObject", "s3:GetObjectVersion"];
    assert.deepEqual(weights, [
      {
        source: "s3://models",
        mount: "",
        pinned: false,
        lazy: false,
        s3: {
          bucket: "models",
          prefix: "",
          get_arn: "arn:aws:s3:::models/*",
          get_actions,
          list_arn: "arn:aws:s3:::models",
        },
      },
      {
        source: "s3://models/nets/a.onnx",
        mount: "a.onnx",
        pinned: false,
        lazy: true,
        s3: {
          bucket: "models",
          key: "nets/a.onnx",
          get_arn: "arn:aws:s3:::models/nets/a.onnx",
          get_actions,
          assume_role_arn: "arn:aws:iam::1:role/r",
        },
      },
    ]);
  });

  test("names access points and directory buckets as policies do", async () => {
    const arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/nets";
    const yaml = `weights:
  - { source: "s3://${arn}/llama/" }
  - { source: s3://nets--euw1-az1--x-s3/llama/, region: eu-west-1, mount_location: b }
serverless: { weights: { lock: false } }
`;
    const { weights } = await deploymentOf(makeProject({ "config.yaml": yaml }));
    assert.deepEqual(
      weights.map(({ s3 }: { s3: object }) => s3),
      [
        {
          bucket: arn,
          prefix: "llama/",
          get_arn: `${arn}/object/llama/*`,
          get_actions: ["s3:GetObject", "s3:GetObjectVersion"],
          list_arn: arn,
        },
        {
          bucket: "nets--euw1-az1--x-s3",
          prefix: "llama/",
          region: "eu-west-1",
          get_arn: "arn:aws:s3express:eu-west-1:*:bucket/nets--euw1-az1--x-s3",
          get_actions: ["s3express:CreateSession"],
        },
      ],
    );
  });

  test("knows a prefix that was written as an object", async () => {
    const { weights } = await deploymentOf(locked(PREFIX.replace("llama/", "llama")));
    assert.deepEqual(
      [weights[0].s3.prefix, weights[0].s3.get_arn],
      ["llama/", "arn:aws:s3:::models/llama/*"],
    );
  });

  test("asks for no right where the role is not used, and never shows a signature", async () => {
    const yaml = `secrets: { key: null }
weights:
  - { source: s3://a/p/, auth_secret_name: key }
  - { source: s3://b/p/, endpoint: "https://minio.example" }
  - { source: s3://c/p/, endpoint: "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com" }
  - { source: "https://h/a?X-Amz-Signature=hunter2", mount_location: d }
serverless: { weights: { lock: false } }
`;
    const deployment = await deploymentOf(makeProject({ "config.yaml": yaml }));
    assert.deepEqual(
      deployment.weights.map(({ source, s3 }: { source: string; s3?: { bucket: string } }) => [
        source,
        s3?.bucket,
      ]),
      [
        ["s3://a/p/", undefined],
        ["s3://b/p/", undefined],
        ["s3://c/p/", "c"],
        ["https://h/a", undefined],
      ],
    );
    assert.doesNotMatch(JSON.stringify(deployment), /hunter2/);
    const elsewhere = `environment_variables: { AWS_ENDPOINT_URL_S3: "https://minio.example" }\n${PREFIX}`;
    assert.equal((await deploymentOf(locked(elsewhere))).weights[0].s3, undefined);
  });
});

describe("a build warns", () => {
  const warnings = async (bytes: number, yaml = "") =>
    (await quick(locked(`${yaml}${PREFIX}`, [file("a", bytes)]))).warnings;

  test("when the weights do not fit into the function's /tmp, with the number to write", async () => {
    assert.deepEqual(await warnings(423 * MEBIBYTE), []);
    // The file system takes its share too: the cold start would refuse with less than it needs.
    assert.deepEqual(await warnings(424 * MEBIBYTE), [
      "the weights have 424.0 MB, and the function's /tmp 512 MB; write serverless.ephemeral_storage: 576.",
    ]);
    assert.deepEqual(await warnings(3000 * MEBIBYTE, "serverless: { ephemeral_storage: 3264 }\n"), []);
    assert.equal((await warnings(3000 * MEBIBYTE, "serverless: { ephemeral_storage: 3200 }\n")).length, 1);
  });

  test("when they fit on no function", async () => {
    const [warning] = await warnings(10_200 * MEBIBYTE, "serverless: { ephemeral_storage: 10240 }\n");
    assert.match(
      warning ?? "",
      /^the weights have 10200\.0 MB, and the \/tmp of a Lambda function at most 10240 MB: they do not fit on Lambda\. Use smaller/,
    );
  });

  test("not when they go to a volume", async () => {
    const volume = "environment_variables: { COLDFRAME_DATA_DIR: /mnt/weights }\n";
    assert.deepEqual(await warnings(10_200 * MEBIBYTE, volume), []);
  });

  test("when a lock pins nothing any more", async () => {
    const project = makeProject({ "weights.lock.json": '{"version":1,"sources":[]}' });
    assert.deepEqual((await quick(project)).warnings, [
      "weights.lock.json pins nothing, since config.yaml names no weights; remove it.",
    ]);
  });
});

describe("a build", () => {
  test("looks a source up once, writes the lock, says so, and says when it did not", async () => {
    const server = await startWeightsServer({ "/a.bin": "alpha" });
    const project = makeProject({ "config.yaml": `weights:\n  - source: ${server.url("/a.bin")}\n` });
    const steps: string[] = [];
    const first = await quick(project, { onStep: (step) => steps.push(step) });
    assert.deepEqual(steps.slice(0, 3), ["read config.yaml", "pin the weights", "bundle model/model.ts"]);
    assert.equal(first.locked, true);
    assert.deepEqual(
      first.weights.map(({ files, bytes, pinned }) => [files, bytes, pinned]),
      [[1, 5, true]],
    );
    const asked = server.asked.length;
    assert.equal((await quick(project)).locked, false);
    assert.equal(server.asked.length, asked);
    server.files.set("/a.bin", "alphabet");
    assert.equal((await quick(project, { refreshWeights: true })).locked, true);
    assert.equal((await manifestOf(project)).sources[0]?.files?.[0]?.size, 8);
  });

  test("that fails leaves the lock as it was", async () => {
    const server = await startWeightsServer({ "/a.bin": "alpha" });
    const project = makeProject({
      "config.yaml": `weights:\n  - source: ${server.url("/a.bin")}\n`,
      "model/model.ts": "export default class Model {}\n",
    });
    assert.equal((await refusal(() => quick(project))).code, "MODEL_NO_PREDICT");
    assert.ok(!existsSync(join(project, "weights.lock.json")));
  });
});
