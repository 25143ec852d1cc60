// What of a native package is copied for which processor, on the real onnxruntime-node and on small made-up packages in
// the ways others are published: binaries in packages of their own, prebuilt side by side, and compiled at install.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createBundler } from "../../adapter/build/bundle.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { writeEntry } from "../../adapter/build/entry.ts";
import type { Cpu } from "../../adapter/build/platform.ts";
import { elf, type Files, makeProject, refusal, withPackages, writeFiles } from "./_project.ts";

/** Paths in the artifact, of the addons alone. */
async function addons(project: string, cpu: Cpu): Promise<string[]> {
  const loaded = readConfig(project);
  const bundler = await createBundler(loaded, writeEntry(loaded), cpu);
  try {
    return (await bundler.bundle()).addons.map(({ to }) => to).toSorted();
  } finally {
    await bundler.dispose();
  }
}

function using(specifier: string, rest = ""): Files {
  return {
    "model/model.ts": `import * as addon from ${JSON.stringify(specifier)};\n${rest}export default class Model { predict() { return Object.keys(addon); } }\n`,
  };
}

const json = (value: unknown) => JSON.stringify(value);

describe("onnxruntime-node", () => {
  for (const cpu of ["x64", "arm64"] as const) {
    test(`for ${cpu}: its two libraries and the JavaScript that is reached`, async () => {
      const files = await addons(withPackages(makeProject(using("onnxruntime-node"))), cpu);
      const native = files.filter((file) => /\.(node|so|dll|dylib)/.test(file));
      const folder = `node_modules/onnxruntime-node/bin/napi-v6/linux/${cpu}`;
      assert.deepEqual(native, [`${folder}/libonnxruntime.so.1`, `${folder}/onnxruntime_binding.node`]);
      const packages = new Set(files.map((file) => file.split("/")[1]));
      assert.deepEqual([...packages].toSorted(), ["onnxruntime-common", "onnxruntime-node"]);
      for (const file of files) assert.doesNotMatch(file, /\.(map|md|ts)$|\/(script|lib|esm)\//);
      assert.ok(
        files.includes("node_modules/onnxruntime-common/dist/cjs/package.json"),
        "it says that .js is CommonJS",
      );
    });
  }

  test("shares one onnxruntime-common with a model that imports it too", async () => {
    const files = using(
      "onnxruntime-node",
      'import { Tensor } from "onnxruntime-common";\nconsole.log(Tensor);\n',
    );
    const project = withPackages(makeProject(files));
    const loaded = readConfig(project);
    const bundler = await createBundler(loaded, writeEntry(loaded), "x64");
    const { code } = await bundler.bundle();
    await bundler.dispose();
    const text = Buffer.from(code).toString("latin1");
    assert.match(text, /require\("onnxruntime-common"\)/);
    assert.doesNotMatch(text, /registerBackend=/);
  });

  test("of the versions that crash on arm64 is refused there, and there only", async () => {
    const project = makeProject({
      ...using("onnxruntime-node"),
      "node_modules/onnxruntime-node/package.json": json({
        name: "onnxruntime-node",
        version: "1.22.0",
        main: "i.js",
      }),
      "node_modules/onnxruntime-node/i.js": "module.exports = {};\n",
      "node_modules/onnxruntime-node/bin/linux/arm64/b.node": elf("arm64"),
      "node_modules/onnxruntime-node/bin/linux/x64/b.node": elf("x64"),
    });
    const error = await refusal(() => addons(project, "arm64"));
    assert.equal(error.code, "ADDON_UNSUPPORTED");
    assert.equal(error.message, "onnxruntime-node 1.22.0 crashes on arm64 Lambda.");
    assert.match(
      error.fix ?? "",
      /npm install onnxruntime-node@latest.*or set serverless\.architecture: x86_64/,
    );
    assert.ok((await addons(project, "x64")).includes("node_modules/onnxruntime-node/bin/linux/x64/b.node"));
  });
});

describe("a package whose binaries are packages of their own", () => {
  const binaries = ["linux-x64-gnu", "linux-x64-musl", "linux-arm64-gnu", "darwin-arm64", "win32-x64-msvc"];
  const parent = {
    name: "@acme/paint",
    version: "2.0.0",
    main: "index.js",
    optionalDependencies: Object.fromEntries(binaries.map((name) => [`@acme/paint-${name}`, "2.0.0"])),
  };
  // As napi-rs generates it: a switch that no bundler folds.
  const index = `switch (process.platform + process.arch) {\n${binaries
    .map((name, i) => `case "${i}": module.exports = require("@acme/paint-${name}"); break;`)
    .join("\n")}\n}\n`;
  const installed = (names: readonly string[]): Files => ({
    ...using("@acme/paint"),
    "node_modules/@acme/paint/package.json": json(parent),
    "node_modules/@acme/paint/index.js": index,
    "node_modules/@acme/paint/README.md": "",
    ...Object.fromEntries(
      names.flatMap((name) => [
        [
          `node_modules/@acme/paint-${name}/package.json`,
          json({ name: `@acme/paint-${name}`, main: "paint.node" }),
        ],
        [`node_modules/@acme/paint-${name}/paint.node`, elf(name.includes("arm64") ? "arm64" : "x64")],
      ]),
    ),
  });

  test("takes the one for Linux, glibc and the processor", async () => {
    const project = makeProject(installed(binaries));
    assert.deepEqual(await addons(project, "arm64"), [
      "node_modules/@acme/paint-linux-arm64-gnu/package.json",
      "node_modules/@acme/paint-linux-arm64-gnu/paint.node",
      "node_modules/@acme/paint/index.js",
      "node_modules/@acme/paint/package.json",
    ]);
  });

  test("tells the command that installs a missing one", async () => {
    const error = await refusal(() => addons(makeProject(installed(["linux-x64-gnu"])), "arm64"));
    assert.equal(error.code, "ADDON_UNSUPPORTED");
    assert.equal(
      error.message,
      "@acme/paint needs @acme/paint-linux-arm64-gnu on Lambda, which is not installed.",
    );
    assert.equal(
      error.fix,
      "Run `npm install --os=linux --cpu=arm64 --libc=glibc @acme/paint` before the build; it replaces those of this machine.",
    );
  });
});

describe("a package with its binaries inside", () => {
  const inside = (files: Files): Files => ({
    ...using("zap"),
    "node_modules/zap/package.json": json({ name: "zap", version: "1.0.0", main: "zap.js" }),
    "node_modules/zap/zap.js": 'module.exports = require("./lib/load.js");\n',
    "node_modules/zap/lib/load.js": "module.exports = {};\n",
    "node_modules/zap/lib/load.d.ts": "",
    ...Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`node_modules/zap/${path}`, bytes])),
  });

  test("gives up the other platforms, musl and GPU libraries", async () => {
    const project = makeProject(
      inside({
        "prebuilds/linux-x64/zap.glibc.node": elf("x64"),
        "prebuilds/linux-x64/zap.musl.node": elf("x64"),
        "prebuilds/linux-x64/libzap_providers_cuda.so": elf("x64"),
        "prebuilds/linux-x64/libzap.so.3.1": elf("x64"),
        "prebuilds/linux-arm64/zap.glibc.node": elf("arm64"),
        "prebuilds/darwin-x64+arm64/zap.node": "mach-o",
        "prebuilds/win32-x64/zap.node": "pe",
        "test/test.js": "",
      }),
    );
    assert.deepEqual(await addons(project, "x64"), [
      "node_modules/zap/lib/load.js",
      "node_modules/zap/package.json",
      "node_modules/zap/prebuilds/linux-x64/libzap.so.3.1",
      "node_modules/zap/prebuilds/linux-x64/zap.glibc.node",
      "node_modules/zap/zap.js",
    ]);
  });

  test("compiled on this machine for another processor is refused by its ELF header", async () => {
    const project = makeProject(inside({ "build/Release/zap.node": elf("x64") }));
    const error = await refusal(() => addons(project, "arm64"));
    assert.equal(error.message, "zap 1.0.0 is built for linux x64; Lambda needs linux arm64 with glibc.");
    assert.match(error.fix ?? "", /docker run .*--platform linux\/arm64/);
  });

  test("linked to musl, or to a newer glibc than Lambda's, is refused", async () => {
    const musl = makeProject(inside({ "build/Release/zap.node": elf("x64", "libc.musl-x86_64.so.1") }));
    assert.match(
      (await refusal(() => addons(musl, "x64"))).message,
      /is built for linux x64 musl; Lambda needs/,
    );
    const recent = makeProject(inside({ "build/Release/zap.node": elf("x64", "GLIBC_2.2.5\0GLIBC_2.38\0") }));
    const error = await refusal(() => addons(recent, "x64"));
    assert.equal(error.message, "zap: build/Release/zap.node needs glibc 2.38, Lambda has 2.34.");
    const fits = makeProject(inside({ "build/Release/zap.node": elf("x64", "GLIBC_2.34\0") }));
    assert.ok((await addons(fits, "x64")).includes("node_modules/zap/build/Release/zap.node"));
  });

  test("not compiled at all says that its install script did not run", async () => {
    const project = makeProject({
      ...inside({}),
      "node_modules/zap/package.json": json({ name: "zap", version: "1.0.0", main: "zap.js", gypfile: true }),
    });
    const error = await refusal(() => addons(project, "x64"));
    assert.match(error.message, /^zap 1\.0\.0 has no native file; its install script did not run/);
  });

  test("may try paths that match nothing, as sharp does", async () => {
    const project = makeProject({
      ...inside({ "prebuilds/linux-x64/zap.node": elf("x64") }),
      "node_modules/zap/zap.js":
        "try { module.exports = require(`../src/build/zap-${process.version}.node`); } catch { module.exports = require('./lib/load.js'); }\n",
    });
    assert.ok((await addons(project, "x64")).includes("node_modules/zap/lib/load.js"));
  });
});

describe("the layout of node_modules", () => {
  const native = (name: string, version: string, dependency: string, source: string): Files => ({
    [`${name}/package.json`]: json({ name, version, main: "index.js", dependencies: { [dependency]: "*" } }),
    [`${name}/index.js`]: source,
    [`${name}/build/${name}.node`]: elf("x64"),
  });
  const plain = (version: string): Files => ({
    "shared/package.json": json({ name: "shared", version, main: "index.js" }),
    "shared/index.js": `module.exports = "${version}";\n`,
  });

  test("nests the second version of a package below the one that needs it", async () => {
    const project = makeProject({
      "model/model.ts":
        'import one from "one";\nimport two from "two";\nexport default class Model { predict() { return [one, two]; } }\n',
    });
    const packages = join(project, "node_modules");
    writeFiles(packages, {
      ...native("one", "1.0.0", "shared", 'module.exports = require("shared");'),
      ...plain("1.0.0"),
    });
    writeFiles(packages, native("two", "1.0.0", "shared", 'module.exports = require("shared");'));
    writeFiles(join(packages, "two/node_modules"), plain("2.0.0"));
    const files = await addons(project, "x64");
    assert.ok(files.includes("node_modules/shared/index.js"));
    assert.ok(files.includes("node_modules/two/node_modules/shared/index.js"));
  });

  test("refuses one native package in two versions", async () => {
    const project = makeProject({
      "model/model.ts":
        'import one from "one";\nimport pure from "pure";\nexport default class Model { predict() { return [one, pure]; } }\n',
    });
    const packages = join(project, "node_modules");
    writeFiles(packages, {
      ...native("one", "1.0.0", "shared", "module.exports = 1;"),
      "pure/package.json": json({ name: "pure", main: "i.js" }),
      "pure/i.js": 'module.exports = require("one");\n',
    });
    writeFiles(join(packages, "pure/node_modules"), native("one", "2.0.0", "shared", "module.exports = 2;"));
    const error = await refusal(() => addons(project, "x64"));
    assert.match(
      error.message,
      /^the bundle uses one in two versions, (1\.0\.0 and 2|2\.0\.0 and 1)\.0\.0\.$/,
    );
    assert.match(error.fix ?? "", /npm dedupe one/);
  });
});

describe("a .node file of the model's own", () => {
  const own = (bytes: Buffer): Files => ({
    "native/fast.node": bytes,
    "model/model.ts":
      'import fast from "../native/fast.node";\nexport default class Model { predict() { return fast; } }\n',
  });

  test("is copied", async () => {
    assert.deepEqual(await addons(makeProject(own(elf("x64"))), "x64"), ["native/fast.node"]);
  });

  test("for another processor is refused", async () => {
    const error = await refusal(() => addons(makeProject(own(elf("x64"))), "arm64"));
    assert.equal(
      error.message,
      "native/fast.node is built for linux x64; Lambda needs linux arm64 with glibc.",
    );
  });

  test("that is not there is a failed bundle", async () => {
    const error = await refusal(() =>
      addons(makeProject({ "model/model.ts": own(elf("x64"))["model/model.ts"] as string }), "x64"),
    );
    assert.equal(error.code, "BUNDLE_FAILED");
    assert.match(error.message, /^model\/model\.ts:1:18: Could not resolve "\.\.\/native\/fast\.node"/);
  });
});
