// weights.lock.json: what it pins and what it does not, when sources are asked and when not, and what a build says of a
// source it cannot look up.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readWeights, type ConfiguredWeights } from "../../../adapter/build/weights/config.ts";
import { weightsSchemes } from "../../../adapter/build/runtime-files.ts";
import { lockFile, lockText, readLock, writeLock } from "../../../adapter/build/weights/lock.ts";
import { type PinOptions, pinWeights } from "../../../adapter/build/weights/pin.ts";
import { startLocalS3 } from "../../../adapter/local/s3/local-s3.ts";
import type { RemoteFile } from "../../../adapter/runtime/weights/_contracts.ts";
import { makeFolder, refusal, writeFiles } from "../_project.ts";
import { etagOf, startWeightsServer } from "./_weights.ts";

const server = await startWeightsServer({
  "/a.bin": "alpha",
  "/b.bin": "beta!",
  "/forbidden.bin": 403,
  "/silent.bin": { hangs: true },
});

const s3 = await startLocalS3({ buckets: [{ name: "nets", versioned: true }] });
after(() => s3.close());
await s3.put("nets", "small/a.json", "{}");
await s3.put("nets", "small/b.json", "[]");

/** Of a function that may read it. */
const S3 = {
  AWS_ENDPOINT_URL_S3: s3.url,
  AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  AWS_REGION: s3.region,
};

/** Nobody listens there: the port is reserved for a service nobody has. */
const NOBODY = "http://127.0.0.1:1/a.bin";

/** As config.yaml would have it. */
function entriesOf(items: readonly Record<string, unknown>[], secrets: object = {}): ConfiguredWeights[] {
  const { entries, problems } = readWeights({ weights: items, secrets }, "/", weightsSchemes());
  assert.deepEqual(problems, []);
  return entries.map((entry, i) => ({ ...entry, place: `config.yaml:${i + 2}: weights[${i}]` }));
}

async function pin(
  project: string,
  items: readonly Record<string, unknown>[],
  options: Partial<PinOptions> = {},
) {
  const from = server.asked.length;
  const secrets = options.secrets ?? {};
  const pinned = await pinWeights(entriesOf(items, secrets), {
    project,
    lock: true,
    environment: {},
    secrets,
    ...options,
  });
  if (pinned.lock !== undefined) writeLock(project, pinned.lock);
  return {
    ...pinned,
    files: pinned.entries.map(({ files }) => files?.map(({ path }) => path)),
    asked: server.asked.slice(from),
  };
}

const lockOf = (project: string) => readFileSync(join(project, "weights.lock.json"), "utf8");

describe("a lock", () => {
  test("has each file's facts, in the order of config.yaml and then of the names", () => {
    const [one, two] = entriesOf([
      { source: "s3://b/p/", allow_patterns: ["*"], mount_location: "nets", region: "eu-west-1" },
      { source: "s3://b/a.onnx", version_id: "v1", lazy: true },
    ]) as [ConfiguredWeights, ConfiguredWeights];
    const file = (path: string): RemoteFile => ({
      size: 7,
      path,
      checksum: { value: "0f", algorithm: "crc32" },
      key: `p/${path}`,
      etag: '"e"',
    });
    assert.equal(
      lockText([
        [one, [file("b"), file("a")]],
        [two, [{ path: "", key: "a.onnx", size: 1, versionId: "v1", partSize: 8, ranges: false }]],
      ]),
      `{
  "version": 1,
  "sources": [
    {
      "source": "s3://b/p/",
      "mount": "nets",
      "allowPatterns": [
        "*"
      ],
      "files": [
        {
          "path": "a",
          "key": "p/a",
          "size": 7,
          "etag": "\\"e\\"",
          "checksum": {
            "algorithm": "crc32",
            "value": "0f"
          }
        },
        {
          "path": "b",
          "key": "p/b",
          "size": 7,
          "etag": "\\"e\\"",
          "checksum": {
            "algorithm": "crc32",
            "value": "0f"
          }
        }
      ]
    },
    {
      "source": "s3://b/a.onnx",
      "mount": "a.onnx",
      "versionId": "v1",
      "files": [
        {
          "path": "",
          "key": "a.onnx",
          "size": 1,
          "versionId": "v1",
          "partSize": 8,
          "ranges": false
        }
      ]
    }
  ]
}
`,
    );
  });

  test("is what it was, read and written again, and not touched when nothing changed", async () => {
    const project = makeFolder();
    await pin(project, [{ source: server.url("/a.bin") }, { source: server.url("/b.bin") }]);
    const text = lockOf(project);
    assert.deepEqual(
      readLock(project)?.map(({ mount, files }) => [mount, files.map(({ size, etag }) => [size, etag])]),
      [
        ["a.bin", [[5, etagOf("alpha")]]],
        ["b.bin", [[5, etagOf("beta!")]]],
      ],
    );
    assert.equal(writeLock(project, text), false);
    assert.doesNotMatch(text, /20\d\d-\d\d-\d\d|coldframe-test/);
  });

  test("answers for a source, so that it is not asked again", async () => {
    const project = makeFolder();
    const items = [{ source: server.url("/a.bin"), mount_location: "x/a.bin" }];
    const first = await pin(project, items);
    assert.ok(first.asked.length > 0);
    server.files.set("/a.bin", "other");
    try {
      const second = await pin(project, items);
      assert.deepEqual(second.asked, []);
      assert.deepEqual(second.entries, first.entries);
    } finally {
      server.files.set("/a.bin", "alpha");
    }
  });

  test("answers no more when the entry asks for something else", async () => {
    const project = makeFolder();
    const source = "s3://nets/small/";
    const options = { environment: S3 };
    assert.deepEqual((await pin(project, [{ source }], options)).files, [["a.json", "b.json"]]);
    await s3.put("nets", "small/c.json", "{}");
    const asked = s3.requests.length;
    assert.deepEqual((await pin(project, [{ source }], options)).files, [["a.json", "b.json"]]);
    assert.equal(s3.requests.length, asked);
    const files = async (item: object) => (await pin(project, [{ source, ...item }], options)).files;
    assert.deepEqual(await files({ ignore_patterns: ["a*"] }), [["b.json", "c.json"]]);
    assert.deepEqual(await files({ allow_patterns: ["c*"] }), [["c.json"]]);
  });

  test("goes on answering when only the place here or the way there changed", async () => {
    const project = makeFolder();
    await pin(project, [{ source: server.url("/a.bin") }]);
    const moved = await pin(project, [
      { source: server.url("/a.bin"), mount_location: "b/c.bin", lazy: true },
    ]);
    assert.deepEqual(moved.asked, []);
    assert.match(lockOf(project), /"mount": "b\/c\.bin"/);
  });

  test("forgets a source that config.yaml no longer has", async () => {
    const project = makeFolder();
    await pin(project, [{ source: server.url("/a.bin") }, { source: server.url("/b.bin") }]);
    await pin(project, [{ source: server.url("/b.bin") }]);
    assert.doesNotMatch(lockOf(project), /a\.bin/);
  });

  test("is made anew when it is asked for", async () => {
    const project = makeFolder();
    const items = [{ source: server.url("/a.bin") }];
    await pin(project, items);
    server.files.set("/a.bin", "alphabet");
    try {
      await pin(project, items, { refresh: true });
      assert.match(lockOf(project), /"size": 8/);
    } finally {
      server.files.set("/a.bin", "alpha");
    }
  });

  test("keeps the checksums that only it knows when it is made anew, as long as the object is the same one", async () => {
    const project = makeFolder();
    const items = [{ source: server.url("/a.bin") }];
    await pin(project, items);
    const lock = JSON.parse(lockOf(project));
    // As push-weights has it.
    const blocks = { algorithm: "crc32c", size: 8_388_608, values: "AAAAAA==" };
    Object.assign(lock.sources[0].files[0], { blocks });
    writeFileSync(lockFile(project), JSON.stringify(lock));
    const blocksNow = async () =>
      (await pin(project, items, { refresh: true })).entries[0]?.files?.[0]?.blocks;
    assert.deepEqual(await blocksNow(), blocks);
    try {
      server.files.set("/a.bin", "other");
      assert.equal(await blocksNow(), undefined, "another ETag");
      server.files.set("/a.bin", "alpha");
      assert.equal(await blocksNow(), undefined, "it was forgotten");
    } finally {
      server.files.set("/a.bin", "alpha");
    }
  });

  test("is read and never written offline", async () => {
    const project = makeFolder();
    await pin(project, [{ source: server.url("/a.bin") }]);
    const text = lockOf(project);
    const { files, asked, lock, warnings } = await pin(
      project,
      [{ source: server.url("/b.bin") }, { source: server.url("/a.bin") }],
      { offline: true },
    );
    assert.deepEqual([files, asked, lock, warnings], [[undefined, [""]], [], undefined, []]);
    assert.equal(lockOf(project), text);
  });

  test("is neither read nor written when serverless.weights.lock is false", async () => {
    const project = writeFiles(makeFolder(), { "weights.lock.json": "no lock" });
    const { files, asked, lock } = await pin(project, [{ source: server.url("/a.bin") }], { lock: false });
    assert.deepEqual([files, asked, lock], [[undefined], [], undefined]);
  });

  test("is not written when nothing could be pinned", async () => {
    assert.equal((await pin(makeFolder(), [{ source: NOBODY }], { limitMs: 50 })).lock, undefined);
  });
});

describe("a lock that is none", () => {
  const good = JSON.parse(
    lockText([
      [entriesOf([{ source: "s3://b/a" }])[0] as ConfiguredWeights, [{ path: "", key: "a", size: 1 }]],
    ]),
  );
  const cases: [name: string, text: string, message: RegExp][] = [
    ["after a merge", `{\n<<<<<<< ours\n}`, /^weights\.lock\.json has a merge conflict in line 2\.$/],
    ["without JSON in it", "version: 1", /^weights\.lock\.json is not JSON: .*\.$/],
    [
      "of a newer coldframe",
      '{"version":2}',
      /^weights\.lock\.json is of version 2, written by a newer coldframe; this one knows 1\.$/,
    ],
    ["with a list for the whole", "[]", /^weights\.lock\.json is not what a build wrote: /],
    [
      "with a negative size",
      JSON.stringify(good).replace('"size":1', '"size":-1'),
      /^weights\.lock\.json is not what a build wrote: sources\[0\]\.files\[0\]\.size: /,
    ],
    [
      "with a key more",
      JSON.stringify(good).replace('"size":1', '"size":1,"url":"x"'),
      /^weights\.lock\.json is not what a build wrote: sources\[0\]\.files\[0\]: /,
    ],
    [
      "with a file the patterns leave out",
      JSON.stringify({
        version: 1,
        sources: [
          {
            source: "s3://b/p/",
            mount: "",
            allowPatterns: ["*.onnx"],
            files: [{ path: "a.bin", key: "p/a.bin", size: 1 }],
          },
        ],
      }),
      /^weights\.lock\.json has a\.bin of s3:\/\/b\/p\/, which the patterns leave out\.$/,
    ],
  ];
  for (const [name, text, message] of cases) {
    test(`${name} is refused with the way out`, async () => {
      const project = writeFiles(makeFolder(), { "weights.lock.json": text });
      const error = await refusal(() => pin(project, [{ source: server.url("/a.bin") }]));
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, message);
      assert.match(error.fix ?? "", /`coldframe build --refresh-weights`/);
    });
  }

  test("is made anew by --refresh-weights", async () => {
    const project = writeFiles(makeFolder(), { "weights.lock.json": "{" });
    assert.deepEqual((await pin(project, [{ source: server.url("/a.bin") }], { refresh: true })).files, [
      [""],
    ]);
    assert.equal(readLock(project)?.length, 1);
  });
});

describe("a source that cannot be looked up", () => {
  test("because nobody answers is left to the cold start, and the others are pinned", async () => {
    const project = makeFolder();
    const { files, warnings } = await pin(project, [{ source: NOBODY }, { source: server.url("/a.bin") }], {
      limitMs: 2000,
    });
    assert.deepEqual(files, [undefined, [""]]);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? "",
      /^config\.yaml:2: weights\[0\]: http:\/\/127\.0\.0\.1:1\/a\.bin is not pinned, and will be looked up at the cold start: .*\. Build where it can be reached to pin it\.$/s,
    );
    assert.doesNotMatch(lockOf(project), /127\.0\.0\.1:1\//);
  });

  test("because its server is silent is waited for a limited time", async () => {
    const { files, warnings } = await pin(makeFolder(), [{ source: server.url("/silent.bin") }], {
      limitMs: 50,
    });
    assert.deepEqual(files, [undefined]);
    assert.match(warnings[0] ?? "", /silent\.bin was not listed within 0\.05 s\./);
  });

  test("because the builder may not is left to the function, which may", async () => {
    const { files, warnings } = await pin(makeFolder(), [{ source: server.url("/forbidden.bin") }]);
    assert.deepEqual(files, [undefined]);
    assert.match(warnings[0] ?? "", /forbidden\.bin is not pinned/);
  });

  test("because its secret has no value here is left to the function, which has it", async () => {
    const items = [{ source: server.url("/a.bin"), auth_secret_name: "absent" }];
    const { files, warnings } = await pin(makeFolder(), items, { secrets: { absent: null } });
    assert.deepEqual(files, [undefined]);
    assert.match(warnings[0] ?? "", /no value for the secrets absent: set COLDFRAME_SECRET_ABSENT/);
  });

  test("is asked twice and no more, and the warning names the host that could not be reached", async () => {
    server.files.set("/busy.bin", 503);
    const { asked } = await pin(makeFolder(), [{ source: server.url("/busy.bin") }]);
    assert.deepEqual(asked, ["HEAD /busy.bin", "HEAD /busy.bin"]);
    const { warnings } = await pin(makeFolder(), [{ source: "s3://models/a.bin", region: "eu-west-1" }], {
      environment: {
        AWS_ACCESS_KEY_ID: "a",
        AWS_SECRET_ACCESS_KEY: "b",
        AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1",
      },
    });
    assert.match(
      warnings[0] ?? "",
      /^config\.yaml:2: .*s3:\/\/models\/a\.bin is not pinned.* http:\/\/127\.0\.0\.1:1\/\S+ could not be fetched after 2 tries: .*ECONNREFUSED/,
    );
  });

  test("stays as it was locked, when all were to be looked up again", async () => {
    const project = makeFolder();
    const items = [{ source: server.url("/a.bin") }];
    await pin(project, items);
    const text = lockOf(project);
    server.files.set("/a.bin", 403);
    try {
      const { files, warnings } = await pin(project, items, { refresh: true });
      assert.deepEqual(files, [[""]]);
      assert.match(
        warnings[0] ?? "",
        /a\.bin could not be looked up, and stays as weights\.lock\.json has it: /,
      );
      assert.equal(lockOf(project), text);
    } finally {
      server.files.set("/a.bin", "alpha");
    }
  });

  test("says that the lock has it otherwise", async () => {
    const project = makeFolder();
    const source = server.url("/a.bin");
    await pin(project, [{ source }]);
    server.files.set("/a.bin", 403);
    try {
      const { warnings } = await pin(project, [{ source, sha256: "0".repeat(64) }]);
      assert.match(warnings[0] ?? "", /weights\.lock\.json has it as it was asked for before\./);
    } finally {
      server.files.set("/a.bin", "alpha");
    }
  });

  test("is asked with the secret that config.yaml names", async () => {
    const items = [{ source: server.url("/a.bin"), auth_secret_name: "token" }];
    const { files } = await pin(makeFolder(), items, { secrets: { token: "hunter2" } });
    assert.deepEqual(files, [[""]]);
    assert.equal(server.authorization(), "Bearer hunter2");
  });
});

describe("weights that no function could load are refused:", () => {
  test("a file that is not there, each with its place", async () => {
    const project = makeFolder();
    const items = [
      { source: server.url("/a.bin") },
      { source: server.url("/gone.bin?token=hunter2") },
      { source: server.url("/lost.bin") },
    ];
    const error = await refusal(() => pin(project, items));
    assert.equal(error.code, "WEIGHTS_NOT_FOUND");
    assert.match(
      error.message,
      /^config\.yaml:3: weights\[1\]: .*gone\.bin.*\nconfig\.yaml:4: weights\[2\]: .*lost\.bin/,
    );
    assert.doesNotMatch(error.message, /hunter2/);
    assert.throws(() => lockOf(project));
  });

  test("patterns that choose nothing", async () => {
    const items = [{ source: "s3://nets/small/", allow_patterns: ["*.onnx"] }];
    const error = await refusal(() => pin(makeFolder(), items, { environment: S3 }));
    assert.equal(error.code, "WEIGHTS_NOT_FOUND");
    assert.match(error.message, /allow_patterns "\*\.onnx"/);
  });

  test("two sources with one file", async () => {
    const items = [
      { source: server.url("/a.bin"), mount_location: "net.bin" },
      { source: server.url("/b.bin"), mount_location: "net.bin" },
    ];
    const error = await refusal(() => pin(makeFolder(), items));
    assert.equal(error.code, "WEIGHTS_INVALID");
    assert.match(error.message, /a\.bin.*and.*b\.bin.*would both be the file "net\.bin"/);
  });

  test("a file that data_dir has too", async () => {
    const items = [{ source: server.url("/a.bin"), mount_location: "nets/a.bin" }];
    const error = await refusal(() => pin(makeFolder(), items, { data: ["nets/a.bin"] }));
    assert.equal(error.code, "WEIGHTS_INVALID");
    assert.match(error.message, /"nets\/a\.bin" of data_dir/);
    assert.deepEqual((await pin(makeFolder(), items, { data: ["nets/b.bin"] })).files, [[""]]);
  });
});

describe("of S3", () => {
  test("a pin names the version, the ETag and the checksum, and not the endpoint of this machine", async () => {
    const project = makeFolder();
    const { files } = await pin(project, [{ source: "s3://nets/small/a.json" }], { environment: S3 });
    assert.deepEqual(files, [[""]]);
    const [source] = readLock(project) ?? [];
    assert.equal(source?.files[0]?.key, "small/a.json");
    assert.equal(source?.files[0]?.etag, etagOf("{}"));
    assert.ok(source?.files[0]?.versionId);
    assert.ok(source?.files[0]?.checksum);
    assert.ok(!lockOf(project).includes(s3.url));
  });

  test("an object that is not there, and a bucket that is not there, are refused", async () => {
    for (const source of ["s3://nets/small/z.json", "s3://no-such-bucket/"]) {
      const error = await refusal(() => pin(makeFolder(), [{ source }], { environment: S3 }));
      assert.equal(error.code, "WEIGHTS_NOT_FOUND", source);
    }
  });

  test("what this machine may not read is left to the function", async () => {
    const environment = { ...S3, AWS_SECRET_ACCESS_KEY: "wrong" };
    const { files, warnings } = await pin(makeFolder(), [{ source: "s3://nets/small/" }], { environment });
    assert.deepEqual(files, [undefined]);
    assert.match(warnings[0] ?? "", /s3:\/\/nets\/small\/ is not pinned.*SignatureDoesNotMatch/);
  });

  test("a prefix that is written like an object is pinned, and the slash is asked for", async () => {
    const { files, warnings } = await pin(makeFolder(), [{ source: "s3://nets/small" }], { environment: S3 });
    assert.ok(files[0]?.includes("a.json"));
    assert.deepEqual(warnings, [
      'config.yaml:2: weights[0]: s3://nets/small is a prefix, and no object; write it with a "/" at the end.',
    ]);
  });
});

test("a folder of the function's machine is not that of this one, and never pinned", async () => {
  const folder = writeFiles(makeFolder(), { "a.json": "{}" });
  const project = makeFolder();
  const items = [
    { source: `file://${folder}/` },
    { source: "file:///mnt/missing/" },
    { source: server.url("/a.bin") },
  ];
  const { files, warnings } = await pin(project, items);
  assert.deepEqual([files, warnings], [[undefined, undefined, [""]], []]);
  assert.doesNotMatch(lockOf(project), /file:/);
});

test("what config.yaml says of a file's bytes is what it is held against", async () => {
  const project = makeFolder();
  const sha256 = "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8";
  await pin(project, [{ source: server.url("/a.bin"), sha256 }]);
  assert.deepEqual(readLock(project)?.[0]?.files[0]?.checksum, { algorithm: "sha256", value: sha256 });
});

test("the lock lies beside config.yaml", () => {
  const project = makeFolder();
  writeFileSync(lockFile(project), '{"version":1,"sources":[]}');
  assert.deepEqual(readLock(project), []);
  rmSync(join(project, "weights.lock.json"));
  assert.equal(readLock(project), undefined);
});
