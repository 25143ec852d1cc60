// What reaches bundle.cjs, what a bundle that fails says, and how large the adapter may be.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createBundler } from "../../adapter/build/bundle.ts";
import { build } from "../../adapter/build/build.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { writeEntry } from "../../adapter/build/entry.ts";
import { adapterFile } from "../../adapter/build/runtime-files.ts";
import { adapterShare, total } from "../../bench/_adapter-share.ts";
import { resultOf, start } from "../local/_lambda.ts";
import { type Files, makeProject, PLAIN_MODEL, refusal, withPackages } from "./_project.ts";

async function bundle(project: string) {
  const loaded = readConfig(project);
  const bundler = await createBundler(loaded, writeEntry(loaded), "x64");
  try {
    return await bundler.bundle();
  } finally {
    await bundler.dispose();
  }
}

const failure = (files: Files) => refusal(() => bundle(makeProject(files)));

describe("a bundle that fails", () => {
  test("names a package that is not installed", async () => {
    const error = await failure({
      "model/model.ts": `import pad from "@left/pad/lib";\n${PLAIN_MODEL}pad();\n`,
    });
    assert.equal(error.code, "BUNDLE_FAILED");
    assert.equal(
      error.message,
      'model/model.ts:1:17: Could not resolve "@left/pad/lib"\n    import pad from "@left/pad/lib";\n                    ^^^^^^^^^^^^^^^',
    );
    assert.equal(error.fix, "Run `npm install @left/pad`.");
    assert.deepEqual(error.issues, [
      { path: "model/model.ts:1:17", message: 'Could not resolve "@left/pad/lib"' },
    ]);
  });

  test("sees a project nobody ran npm install in", async () => {
    const error = await failure({ "package.json": "{}", "model/model.ts": 'import "zod";\n' });
    assert.equal(error.fix, "Run `npm install`, then `npm install zod` if it is not in package.json.");
  });

  test("sends a top-level await to load()", async () => {
    const error = await failure({
      "model/model.ts": `const words = await Promise.resolve([]);\n${PLAIN_MODEL}`,
    });
    assert.match(error.message, /^model\/model\.ts:1:15: Top-level await is currently not supported/);
    assert.equal(error.fix, "Move the await into load(): a bundle for Lambda's code cache is CommonJS.");
  });

  test("names a package that awaits at its top level", async () => {
    const error = await failure({
      "node_modules/slow/package.json": '{"name":"slow","type":"module","exports":"./index.js"}',
      "node_modules/slow/index.js": "export default await 1;\n",
      "model/model.ts": `import slow from "slow";\nconsole.log(slow);\n${PLAIN_MODEL}`,
    });
    assert.equal(
      error.fix,
      "slow awaits at its top level, which a bundle cannot hold; use another version or another package.",
    );
  });

  test("sends files that are not code to data/", async () => {
    const error = await failure({
      "model/net.onnx": "x",
      "model/model.ts": `import net from "./net.onnx";\nconsole.log(net);\n${PLAIN_MODEL}`,
    });
    assert.match(error.message, /No loader is configured for "\.onnx" files/);
    assert.equal(
      error.fix,
      "Put .onnx files in data/ and read them from dataDir; only code and JSON can be imported.",
    );
  });

  test("shows a syntax error where it is", async () => {
    const error = await failure({ "model/model.ts": "export default class Model {\n  predict( { }\n}\n" });
    assert.match(error.message, /^model\/model\.ts:\d+:\d+: /);
  });

  test("tells every error", async () => {
    const error = await failure({ "model/model.ts": `import "one";\nimport "two";\n${PLAIN_MODEL}` });
    assert.equal(error.fix, "Run `npm install one`. Run `npm install two`.");
  });
});

describe("a bundle", () => {
  test("has one copy of the adapter, and its sources by portable names", async () => {
    const model = `import { ColdframeError } from "coldframe";\nexport default class Model { predict() { throw new ColdframeError("INPUT_INVALID", "no."); } }\n`;
    const { code, map, inputs } = await bundle(makeProject({ "model/model.ts": model }));
    assert.equal(Buffer.from(code).toString("latin1").split("ROUTE_NOT_FOUND:404").length, 2);
    const { sources } = JSON.parse(Buffer.from(map).toString()) as { sources: string[] };
    for (const name of ["adapter/runtime/errors.ts", "model/model.ts"])
      assert.ok(sources.includes(name), name);
    assert.ok(sources.every((source) => !source.startsWith(".."), sources.join()));
    assert.ok(inputs.some((input) => input.endsWith("/model/model.ts")));
  });

  test("is strict, and ASCII", async () => {
    const { code } = await bundle(
      makeProject({ "model/model.ts": `${PLAIN_MODEL}export const snow = "☃";\nconsole.log(snow);\n` }),
    );
    assert.match(Buffer.from(code).toString("latin1"), /^"use strict";/);
    assert.ok(code.every((byte) => byte < 128));
  });

  test("has only the event sources of config.yaml, and what answers their kind", async () => {
    const config = "serverless:\n  events: [direct]\n";
    const { inputs } = await bundle(makeProject({ "config.yaml": config }));
    for (const used of ["events/direct", "targets/_records"])
      assert.ok(inputs.includes(adapterFile(`runtime/${used}`)), used);
    for (const unused of ["events/function-url", "targets/_http", "routes"])
      assert.ok(!inputs.includes(adapterFile(`runtime/${unused}`)), unused);
  });

  test("reads secrets only where some are declared", async () => {
    const reads = async (config: string) => {
      const { code } = await bundle(makeProject({ "config.yaml": config }));
      return Buffer.from(code).includes("SECRET_MISSING");
    };
    assert.equal(await reads("secrets:\n  key: null\n"), true);
    assert.equal(await reads("secrets: {}\n"), false);
  });

  test("holds nothing of build/, local/, cli/, nor zod or yaml", async () => {
    const { inputs } = await bundle(makeProject());
    for (const input of inputs) assert.doesNotMatch(input, /adapter\/(build|local|cli)\/|\/(zod|yaml)\//);
  });
});

/** What the adapter may add to every cold start, minified. */
const ADAPTER_LIMIT_BYTES = 20_000;

test("the adapter's share stays within its limit", async () => {
  const share = await adapterShare();
  const bytes = total(share);
  assert.ok(bytes > 5000 && bytes <= ADAPTER_LIMIT_BYTES, `${bytes} bytes`);
  for (const unused of ["events/direct", "targets/_records"])
    assert.ok(!share.has(`adapter/runtime/${unused}.ts`), unused);
});

describe("what makes JSON Schemas of schemas", () => {
  const models = {
    zod: {
      imports: 'import { z } from "zod";',
      schema: 'z.object({ n: z.number().default(3).describe("how many"), s: z.string().min(2) })',
      file: /^json-schema-zod-\d.*\.cjs$/,
      // In every converter of the two libraries, and in nothing else of theirs.
      sentence: "cannot be represented in JSON Schema",
    },
    valibot: {
      imports:
        'import * as v from "valibot";\nimport { toStandardJsonSchema } from "@valibot/to-json-schema";',
      schema:
        "toStandardJsonSchema(v.object({ n: v.optional(v.number(), 3), s: v.pipe(v.string(), v.minLength(2)) }))",
      file: /^json-schema-valibot-to-json-schema-\d.*\.cjs$/,
      sentence: "cannot be converted to JSON Schema",
    },
  };

  for (const [library, { imports, schema, file, sentence }] of Object.entries(models)) {
    const model = (more = "") =>
      `${imports}\nexport default class Model { static input = ${schema}; predict(input) { return ${more || "input"}; } }\n`;
    const made = async (source: string) => {
      const project = withPackages(makeProject({ "model/model.ts": source }));
      const { directory, warnings } = await build({ project, zip: false, codeCache: false });
      return { directory, warnings, read: (name: string) => readFileSync(join(directory, name), "utf8") };
    };

    test(`of ${library} is a file of its own, not in the bundle, and the documents have all it says`, async () => {
      const { directory, read, warnings } = await made(model());
      assert.deepEqual(warnings, []);
      const [converter = "", ...others] = readdirSync(directory).filter((name) => file.test(name));
      assert.ok(read(converter).includes(sentence) && others.length === 0);
      assert.doesNotMatch(read("bundle.cjs"), new RegExp(`${sentence}|json-schema\\.org`));
      const { properties, required } = JSON.parse(read("schema.json")).input_schema;
      assert.deepEqual([properties.n.default, properties.s.minLength, required], [3, 2, ["s"]]);
    });

    test(`of ${library} is there for a model that asks for it`, async (t) => {
      const { directory } = await made(
        model('Model.input["~standard"].jsonSchema.input({ target: "draft-2020-12" }).properties'),
      );
      const lambda = await start(t, "index.buffered", { artifact: directory });
      const said = resultOf(await lambda.invoke({ s: "ab" })) as Record<string, unknown>;
      assert.deepEqual(said["s"], { type: "string", minLength: 2 });
    });
  }
});

test("of zod, a bundle holds what its schemas use, however zod is imported", async () => {
  const bytes = async (statement: string) => {
    const model = `${statement}\nexport default class Model { static input = z.object({ n: z.number() }); predict({ n }) { return n; } }\n`;
    const project = withPackages(makeProject({ "model/model.ts": model }));
    return (await build({ project, zip: false, codeCache: false })).bundleBytes;
  };
  const namespace = await bytes('import * as z from "zod";');
  assert.equal(await bytes('import { z } from "zod";'), namespace);
  assert.ok(namespace < 200_000, `${namespace} bytes`);
});
