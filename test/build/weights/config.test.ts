// What config.yaml may say of weights, what becomes of it, and the exact words of each kind of refusal.

import assert from "node:assert/strict";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readConfig } from "../../../adapter/build/config.ts";
import { weightsSchemes } from "../../../adapter/build/runtime-files.ts";
import { readWeights } from "../../../adapter/build/weights/config.ts";
import { weightsItem } from "../../../adapter/build/weights/schema.ts";
import { makeFolder, makeProject, refusal, writeFiles } from "../_project.ts";

const folder = writeFiles(makeFolder(), {
  "nets/model.onnx": "1",
  "nets/deep/labels.json": "[]",
  "file.txt": "",
});

function read(text: string) {
  writeFileSync(join(folder, "config.yaml"), text);
  return readConfig(folder);
}

/** The one entry of a config. */
function entry(lines: string, before = "") {
  const [first, ...rest] = read(`${before}weights:\n  - ${lines.replaceAll("\n", "\n    ")}\n`).weights;
  assert.equal(rest.length, 0);
  return first;
}

const mountOf = (lines: string) => entry(lines)?.mount;

test("the schemes are the files of runtime/weights/", () => {
  assert.deepEqual(weightsSchemes(), ["file", "hf", "https", "s3"]);
});

describe("an entry", () => {
  test("has every fact in the runtime's words, its place, and nothing that was not written", () => {
    const written = `source: s3://models/llama/v3/
mount_location: llama
allow_patterns: ["*.safetensors"]
ignore_patterns: ["original/*"]
region: eu-central-1
endpoint: https://minio.example:9000/
path_style: true
dual_stack: false
requester_pays: true
auth: { auth_method: CUSTOM_SECRET, auth_secret_name: minio }
lazy: true
local: ./nets/`;
    assert.deepEqual(entry(written, "secrets:\n  minio: null\n"), {
      source: "s3://models/llama/v3/",
      mount: "llama",
      allowPatterns: ["*.safetensors"],
      ignorePatterns: ["original/*"],
      region: "eu-central-1",
      endpoint: "https://minio.example:9000",
      pathStyle: true,
      dualStack: false,
      requesterPays: true,
      auth: { secret: "minio" },
      lazy: true,
      local: "nets",
      scheme: "s3",
      place: "config.yaml:4: weights[0]",
    });
    assert.deepEqual(entry("source: s3://models/a.onnx"), {
      source: "s3://models/a.onnx",
      mount: "a.onnx",
      scheme: "s3",
      place: "config.yaml:2: weights[0]",
    });
  });

  test("keeps its written shape in the config that the model sees", () => {
    const { config } = read(
      "weights:\n  - source: s3://b/a.onnx\n    mount_location: /app/data/a.onnx\n    auth:\n",
    );
    assert.deepEqual(config.weights, [{ source: "s3://b/a.onnx", mount_location: "/app/data/a.onnx" }]);
  });

  test("is pinned by version and checksum when it is one file", () => {
    const sha256 = "AB".repeat(32);
    const pinned = entry(`source: s3://b/a.onnx\nversion_id: v1\nsha256: ${sha256}`);
    assert.deepEqual([pinned?.versionId, pinned?.sha256], ["v1", sha256.toLowerCase()]);
  });

  test("takes Truss's ways to name a secret and a role", () => {
    const secrets = "secrets: { key: null }\n";
    const role = "arn:aws:iam::123456789012:role/reader";
    const oidc = `auth: { auth_method: AWS_OIDC, aws_oidc_role_arn: "${role}", aws_oidc_region: us-east-1 }`;
    assert.deepEqual(entry("source: https://h/a\nauth_secret_name: key", secrets)?.auth, { secret: "key" });
    const assumed = entry(`source: s3://b/p/\n${oidc}`);
    assert.deepEqual([assumed?.auth, assumed?.region], [{ roleArn: role }, "us-east-1"]);
    assert.equal(entry(`source: s3://b/p/\nregion: eu-west-1\n${oidc}`)?.region, "eu-west-1");
  });

  test("without patterns and with empty lists of them means the same", () => {
    assert.equal(entry("source: s3://b/p/\nallow_patterns: []")?.allowPatterns, undefined);
  });

  test("of S3 with patterns is a prefix, with a slash at its end or without, as in Truss", () => {
    const written = entry('source: s3://models/llama\nallow_patterns: ["*.onnx"]');
    assert.deepEqual([written?.source, written?.mount], ["s3://models/llama/", ""]);
  });

  test("of S3 may be behind an access point", () => {
    const arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/models";
    assert.equal(mountOf(`source: s3://${arn}/nets/a.onnx`), "a.onnx");
    assert.equal(mountOf(`source: s3://${arn}`), "");
  });

  test("of http is fetched by https.ts", () => {
    assert.equal(entry("source: http://127.0.0.1:8080/a.bin")?.scheme, "https");
    assert.equal(entry(`source: http://h/a.bin\nsha256: ${"a".repeat(64)}`)?.scheme, "https");
  });
});

describe("mount_location", () => {
  test("is the data directory for many files, and the file's own name for one", () => {
    assert.equal(mountOf("source: s3://b/p/"), "");
    assert.equal(mountOf("source: s3://b"), "");
    assert.equal(mountOf("source: hf://o/r@abc"), "");
    assert.equal(mountOf("source: file:///opt/nets/"), "");
    assert.equal(mountOf("source: s3://b/p/a.onnx"), "a.onnx");
    assert.equal(mountOf("source: https://h/p/a%20b.bin?v=1"), "a b.bin");
    assert.equal(mountOf("source: file:///opt/a.onnx"), "a.onnx");
  });

  test("names a file, or with a trailing slash the folder that keeps the file's name", () => {
    assert.equal(mountOf("source: s3://b/a.onnx\nmount_location: nets/b.onnx"), "nets/b.onnx");
    assert.equal(mountOf("source: s3://b/a.onnx\nmount_location: nets/"), "nets/a.onnx");
    assert.equal(mountOf("source: s3://b/a.onnx\nmount_location: ."), "a.onnx");
    assert.equal(mountOf("source: s3://b/p/\nmount_location: ./nets/"), "nets");
  });

  test("of Truss's image is taken, with a note", () => {
    const { weights, warnings } = read(
      "weights:\n  - source: s3://b/p/\n    mount_location: /app/model_cache/llama\n  - source: https://h/v.txt\n    mount_location: /app/data/v.txt\n",
    );
    assert.deepEqual(
      weights.map(({ mount }) => mount),
      ["llama", "v.txt"],
    );
    assert.deepEqual(warnings, [
      "config.yaml:3: weights[0].mount_location: /app/model_cache/llama is of Truss's image; here the model finds it as llama in the data directory.",
      "config.yaml:5: weights[1].mount_location: /app/data/v.txt is of Truss's image; here the model finds it as v.txt in the data directory.",
    ]);
  });

  test("may be that of another entry: which files collide is found when they are known", () => {
    assert.equal(read("weights:\n  - source: s3://b/p/\n  - source: s3://b/q/\n").weights.length, 2);
  });
});

describe("a refusal", () => {
  const secret = "secrets: { key: null }\n";
  const cases: [name: string, yaml: string, message: string][] = [
    [
      "a source without a scheme",
      "weights:\n  - source: models/a.onnx",
      'config.yaml:2: weights[0].source: found "models/a.onnx", allowed file:///folder/ or file:///folder/file, hf://owner/repo@revision, https://host/file, s3://bucket/key or s3://bucket/prefix/; files of the project belong in data/.',
    ],
    [
      "an unknown scheme",
      "weights:\n  - source: s4://b/p/",
      'config.yaml:2: weights[0].source: found "s4://b/p/", allowed file:///folder/ or file:///folder/file, hf://owner/repo@revision, https://host/file, s3://bucket/key or s3://bucket/prefix/; did you mean s3://?',
    ],
    [
      "Google's",
      "weights:\n  - source: gs://b/p",
      'config.yaml:2: weights[0].source: found "gs://b/p", whose gs:// is not fetched: copy it to S3, or name one object as https://storage.googleapis.com/<bucket>/<object>.',
    ],
    [
      "Azure's",
      "weights:\n  - source: azure://account/c/p",
      'config.yaml:2: weights[0].source: found "azure://account/c/p", whose azure:// is not fetched: copy it to S3, or name one blob as https://<account>.blob.core.windows.net/<container>/<blob>.',
    ],
    [
      "Cloudflare's",
      "weights:\n  - source: r2://account.bucket/p",
      'config.yaml:2: weights[0].source: found "r2://account.bucket/p", whose r2:// is not fetched: R2 speaks S3: write s3://<bucket>/<prefix>/ with endpoint: https://<account>.r2.cloudflarestorage.com and auth_secret_name.',
    ],
    [
      "CoreWeave's",
      "weights:\n  - source: cw://b/p",
      'config.yaml:2: weights[0].source: found "cw://b/p", whose cw:// is not fetched: CoreWeave speaks S3: write s3://<bucket>/<prefix>/ with endpoint: https://cwobject.com and auth_secret_name.',
    ],
    [
      "a web page for a file",
      "weights:\n  - source: https://h/nets/",
      'config.yaml:2: weights[0].source: found "https://h/nets/", which names no file: HTTP lists no folders, so write one entry for each file.',
    ],
    [
      "a password in an address",
      "weights:\n  - source: https://me:hunter2@h/a?token=hunter2",
      'config.yaml:2: weights[0].source: found "https://h/a" with a name or password before the host: declare a token under secrets, and name it in auth_secret_name.',
    ],
    [
      "an address without encryption",
      "weights:\n  - source: http://h/a",
      "config.yaml:2: weights[0].source: is not encrypted, which has nobody vouch for the bytes: use https://, or add the file's sha256.",
    ],
    [
      "a token sent in the open",
      `${secret}weights:\n  - source: http://h/a\n    sha256: ${"a".repeat(64)}\n    auth_secret_name: key`,
      "config.yaml:3: weights[0].source: is not encrypted, which would show the token to everybody on the way: use https://.",
    ],
    [
      "a relative file",
      "weights:\n  - source: file://nets/a",
      'config.yaml:2: weights[0].source: found "file://nets/a", allowed file:///folder/ or file:///folder/file: a path on the function\'s machine, such as a mounted volume; files of the project belong in data/.',
    ],
    [
      "a file of a repository",
      "weights:\n  - source: hf://o/r/model.onnx@a",
      'config.yaml:2: weights[0].source: found "hf://o/r/model.onnx@a", allowed hf://owner/repo@revision; allow_patterns choose files of it',
    ],
    [
      "a bucket without a name",
      "weights:\n  - source: s3:///key",
      'config.yaml:2: weights[0].source: found "s3:///key", allowed s3://bucket/key or s3://bucket/prefix/',
    ],
    [
      "another absolute mount",
      "weights:\n  - source: s3://b/p/\n    mount_location: /models/llama",
      'config.yaml:3: weights[0].mount_location: found "/models/llama", allowed a path in the data directory: write models/llama.',
    ],
    [
      "a mount outside",
      "weights:\n  - source: s3://b/p/\n    mount_location: ../llama",
      'config.yaml:3: weights[0].mount_location: found "../llama", allowed a path in the data directory: it has the part "..".',
    ],
    [
      "a file whose name cannot be one",
      'weights:\n  - source: "https://h/a%2F..%2Fb"',
      'config.yaml:2: weights[0].mount_location: found "a/../b", with the name that the source gives, allowed a path in the data directory: it has the part "..".',
    ],
    [
      "a checksum of many files",
      `weights:\n  - source: s3://b/p/\n    sha256: ${"a".repeat(64)}`,
      "config.yaml:3: weights[0].sha256: is the checksum of one file, and the source is many: remove it; weights.lock.json, which `coldframe build` writes, pins each of them.",
    ],
    [
      "a checksum that is none",
      "weights:\n  - source: s3://b/a\n    sha256: abc",
      'config.yaml:3: weights[0].sha256: found "abc", allowed 64 hexadecimal digits',
    ],
    [
      "a version of many files",
      "weights:\n  - source: s3://b/p/\n    version_id: v",
      "config.yaml:3: weights[0].version_id: is the version of one object, and the source is many: remove it; weights.lock.json, which `coldframe build` writes, pins each of them.",
    ],
    [
      "a version of what has none, once",
      "weights:\n  - source: hf://o/r@a\n    version_id: v",
      "config.yaml:3: weights[0].version_id: is of no use to hf://; remove it.",
    ],
    [
      "patterns of one file",
      'weights:\n  - source: file:///p\n    allow_patterns: ["*.json"]',
      'config.yaml:3: weights[0].allow_patterns: chooses among many files, and the source is one: remove it, or end the source with "/" if it is a folder.',
    ],
    [
      "patterns of one address",
      'weights:\n  - source: https://h/p\n    ignore_patterns: ["*.json"]',
      "config.yaml:3: weights[0].ignore_patterns: chooses among many files, and the source is one: remove it.",
    ],
    [
      "a key of another scheme",
      "weights:\n  - source: https://h/a\n    region: eu-west-1",
      "config.yaml:3: weights[0].region: is of no use to https://; remove it.",
    ],
    [
      "a folder for what is not S3",
      "weights:\n  - source: https://h/a\n    local: nets",
      "config.yaml:3: weights[0].local: is of no use to https://; remove it.",
    ],
    [
      "a folder that does not exist",
      "weights:\n  - source: s3://b/p/\n    local: missing",
      "config.yaml:3: weights[0].local: missing does not exist in the project; make the folder, or remove the key.",
    ],
    [
      "a folder that is a file",
      "weights:\n  - source: s3://b/p/\n    local: file.txt",
      "config.yaml:3: weights[0].local: file.txt is a file, allowed a folder.",
    ],
    [
      "a folder without the file",
      "weights:\n  - source: s3://b/p/net.onnx\n    local: nets",
      "config.yaml:3: weights[0].local: nets has no net.onnx, which is the source's file; put it there.",
    ],
    [
      "a folder outside",
      "weights:\n  - source: s3://b/p/\n    local: ../nets",
      "config.yaml:3: weights[0].local: found \"../nets\", allowed a folder inside the project, relative and without '..'",
    ],
    [
      "a secret that is not declared",
      "weights:\n  - source: s3://b/p/\n    auth_secret_name: aws",
      'config.yaml:3: weights[0].auth_secret_name: names the secret "aws", which is not declared: add `aws: null` under secrets.',
    ],
    [
      "a secret named twice",
      `${secret}weights:\n  - source: s3://b/p/\n    auth_secret_name: key\n    auth: { auth_method: CUSTOM_SECRET, auth_secret_name: key }`,
      "config.yaml:4: weights[0].auth_secret_name: found here and in auth too, allowed once; keep auth.",
    ],
    [
      "a secret's method without a secret",
      "weights:\n  - source: s3://b/p/\n    auth: { auth_method: CUSTOM_SECRET }",
      "config.yaml:3: weights[0].auth: with CUSTOM_SECRET needs auth_secret_name, a name under secrets.",
    ],
    [
      "a role's method without a role",
      "weights:\n  - source: s3://b/p/\n    auth: { auth_method: AWS_OIDC }",
      "config.yaml:3: weights[0].auth: with AWS_OIDC needs aws_oidc_role_arn, the role to assume.",
    ],
    [
      "a role for another service",
      `weights:\n  - source: hf://o/r@a\n    auth: { auth_method: AWS_OIDC, aws_oidc_role_arn: "arn:aws:iam::1:role/r" }`,
      "config.yaml:3: weights[0].auth: with AWS_OIDC is for s3:// alone; use CUSTOM_SECRET.",
    ],
    [
      "Google's method",
      "weights:\n  - source: s3://b/p/\n    auth: { auth_method: GCP_OIDC }",
      'config.yaml:3: weights[0].auth.auth_method: found "GCP_OIDC", allowed CUSTOM_SECRET or AWS_OIDC',
    ],
    [
      "an endpoint with a password",
      "weights:\n  - source: s3://b/p/\n    endpoint: https://me:hunter2@minio",
      'config.yaml:3: weights[0].endpoint: found "https://minio", allowed an address such as https://minio.example:9000',
    ],
    [
      "a number of connections",
      "serverless:\n  weights: { connections: 65 }",
      "config.yaml:2: serverless.weights.connections: found 65, allowed auto, or 1 to 64",
    ],
    [
      "a way to verify",
      "serverless:\n  weights: { verify: none }",
      'config.yaml:2: serverless.weights.verify: found "none", allowed auto or size',
    ],
    [
      "a list of texts",
      "weights: [s3://b/p/]",
      'config.yaml:1: weights[0]: found "s3://b/p/" (a text), allowed a mapping',
    ],
    [
      "no source",
      "weights:\n  - mount_location: a",
      "config.yaml:2: weights[0].source: found nothing, allowed the URL of a source",
    ],
    [
      "the old and the new key together",
      "weights:\n  - source: s3://b/p/\nmodel_cache:\n  - repo_id: o/r\n    revision: a\n",
      "config.yaml:3: model_cache: weights are listed too, and Truss takes only one of the two; move the entries to weights.",
    ],
    [
      "a cloud of the old key",
      "model_cache:\n  - { repo_id: gs://b/p, kind: gcs }",
      "config.yaml:2: model_cache[0].kind: gs:// is not fetched; copy the files to S3 and list them under weights as s3://<bucket>/<prefix>/.",
    ],
    [
      "the old key's secret, under its own name",
      "model_cache:\n  - { repo_id: o/r, revision: a, runtime_secret_name: hf }",
      'config.yaml:2: model_cache[0].runtime_secret_name: names the secret "hf", which is not declared: add `hf: null` under secrets.',
    ],
    [
      "an old path outside, under its own name",
      "external_data:\n  - { url: https://h/a, local_data_path: ../a }",
      'config.yaml:2: external_data[0].local_data_path: found "../a", allowed a path in the data directory: it has the part "..".',
    ],
    [
      "another backend",
      "external_data:\n  - { url: https://h/a, local_data_path: a, backend: ftp }",
      'config.yaml:2: external_data[0].backend: found "ftp", allowed http_public',
    ],
  ];
  for (const [name, yaml, message] of cases) {
    test(`of ${name}`, async () => {
      const error = await refusal(() => read(yaml));
      assert.equal(error.message, message);
      assert.equal(error.code, "CONFIG_INVALID");
    });
  }

  test("of a misspelt key names the nearest", async () => {
    const error = await refusal(() =>
      read("weights:\n  - source: s3://b/p/\n    mount: a\n    ignore_pattern: []\n"),
    );
    assert.equal(error.code, "CONFIG_UNKNOWN_KEY");
    assert.match(
      error.message,
      /config\.yaml:4: weights\[0\]\.ignore_pattern: unknown key, did you mean ignore_patterns\?/,
    );
  });

  test("tells the problems of all entries, beside those of other keys", async () => {
    const error = await refusal(() =>
      read(
        "serverless:\n  memory: 1\nweights:\n  - source: gs://b\n  - sourc: x\n  - source: s3://b/p/\n    version_id: v\n",
      ),
    );
    assert.deepEqual(
      error.issues?.map(({ path }) => path),
      [
        "serverless.memory",
        "weights[0].source",
        "weights[1].source",
        "weights[1].sourc",
        "weights[2].version_id",
      ],
    );
  });

  test("of a local folder that links out of the project", async () => {
    const project = makeProject({ "config.yaml": "weights:\n  - { source: s3://b/p/, local: nets }\n" });
    const outside = makeFolder();
    symlinkSync(outside, join(project, "nets"));
    const error = await refusal(() => readConfig(project));
    assert.equal(
      error.message,
      `config.yaml:2: weights[0].local: nets links to ${outside}, outside the project.`,
    );
  });
});

describe("a warning", () => {
  test("of a repository without a revision, and of a presigned address without its signature", () => {
    const { warnings } = read(
      "weights:\n  - source: hf://o/r\n  - source: https://b.s3.amazonaws.com/a?X-Amz-Signature=hunter2\n",
    );
    assert.deepEqual(warnings, [
      "config.yaml:2: weights[0].source: names no revision, so its files change when the repository does; write hf://owner/repo@<commit>.",
      "config.yaml:3: weights[1].source: is a presigned URL, which expires; the function will then not start. Use s3:// or a token.",
    ]);
  });
});

describe("Truss's older keys", () => {
  test("are entries of weights, and the build prints today's lines", () => {
    const { weights, warnings, config } = read(`secrets: { hf: null }
model_cache:
  - repo_id: org/small
    revision: abc
    use_volume: true
    volume_folder: small
    allow_patterns: ["*.onnx"]
    runtime_secret_name: hf
  - repo_id: s3://models/x
    kind: s3
    revision: ""
external_data:
  - url: https://h/a.bin?X-Amz-Signature=hunter2
    local_data_path: /app/data/nets/a.bin
    name: a
`);
    const facts = weights.map(({ place: _place, ...entry }) => entry);
    assert.deepEqual(facts, [
      {
        source: "hf://org/small@abc",
        mount: "small",
        allowPatterns: ["*.onnx"],
        auth: { secret: "hf" },
        scheme: "hf",
      },
      { source: "s3://models/x/", mount: "x", scheme: "s3" },
      { source: "https://h/a.bin?X-Amz-Signature=hunter2", mount: "nets/a.bin", scheme: "https" },
    ]);
    assert.equal(weights[2]?.place, "config.yaml:13: external_data[0]");
    const notes = warnings.filter((warning) => warning.includes("is read as weights"));
    assert.deepEqual(notes, [
      `config.yaml:2: model_cache: is read as weights. Written today:
  weights:
    - source: hf://org/small@abc
      mount_location: small
      allow_patterns:
        - "*.onnx"
      auth_secret_name: hf
    - source: s3://models/x/
      mount_location: x`,
      `config.yaml:12: external_data: is read as weights. Written today:
  weights:
    - source: https://h/a.bin?...
      mount_location: nets/a.bin`,
    ]);
    assert.equal((config.external_data[0] as { name: string }).name, "a");
    assert.doesNotMatch(warnings.join("\n"), /hunter2/);
  });

  test("written today, mean the same", () => {
    const older = read("external_data:\n  - { url: https://h/a.bin, local_data_path: nets/a.bin }\n");
    const today = (older.warnings[0] ?? "").split("\n").slice(1).join("\n");
    const drop = ({ weights }: typeof older) => weights.map(({ place: _place, ...entry }) => entry);
    assert.deepEqual(drop(read(today.replace(/^ {2}/gm, ""))), drop(older));
  });
});

test("README has every key of an entry", () => {
  const readme = readFileSync(join(import.meta.dirname, "../../../README.md"), "utf8");
  const said = new Set([...readme.matchAll(/`weights\[\]\.(\w+)`/g)].map(([, key]) => key));
  assert.deepEqual(said, new Set(Object.keys(weightsItem.shape)));
});

test("a source file of tomorrow is asked for by its name, and may have every key", () => {
  const written = { weights: [{ source: "ipfs://cid/net.onnx", region: "eu" }] };
  const { entries, problems } = readWeights(written, folder, ["ipfs"]);
  assert.deepEqual(problems, []);
  assert.deepEqual(entries, [
    { source: "ipfs://cid/net.onnx", mount: "net.onnx", region: "eu", scheme: "ipfs" },
  ]);
});
