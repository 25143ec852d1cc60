// The examples of a project: where they are read from, what is refused, and what a build does with them.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { readExamples } from "../../adapter/build/example-inputs.ts";
import { type Files, makeProject, refusal, withPackages } from "./_project.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");

const read = (files: Files) => readExamples(readConfig(makeProject(files)));

describe("examples", () => {
  test("are a list of name and input, in the order of the file", () => {
    const examples = read({
      "examples.yaml": "- name: dutch\n  input: { text: Hallo }\n- input: [1, null]\n",
    });
    assert.deepEqual(examples, [
      { name: "dutch", input: { text: "Hallo" }, place: "examples.yaml:1" },
      { name: "example 2", input: [1, null], place: "examples.yaml:3" },
    ]);
  });

  test("are in the file that config.yaml names, and there need not be any", () => {
    const config = "examples_filename: mine.yaml\n";
    assert.equal(read({ "config.yaml": config, "mine.yaml": "- input: 1\n" })[0]?.place, "mine.yaml:1");
    assert.deepEqual(read({ "config.yaml": config, "examples.yaml": "- input: 1\n" }), []);
    assert.deepEqual(read({ "examples.yaml": "# none yet\n" }), []);
  });

  test("without a file are the one in the metadata", () => {
    const config = "model_metadata: { example_model_input: { text: hi } }\n";
    assert.deepEqual(
      read({ "config.yaml": config }).map(({ name, input }) => [name, input]),
      [["example", { text: "hi" }]],
    );
  });

  const problems: Readonly<Record<string, readonly [text: string, message: string]>> = {
    "that are no list": [
      "input: 1\n",
      "examples.yaml:1: allowed a list of mappings, each with name and input",
    ],
    "without input": [
      "- name: a\n- name: b\n  input: 1\n",
      "examples.yaml:1: found no input, allowed a mapping with name and input",
    ],
    "that are no mapping": [
      "- input: 1\n- text\n",
      "examples.yaml:2: found no input, allowed a mapping with name and input",
    ],
    "with another key": [
      "- input: 1\n  nmae: a\n",
      'examples.yaml:2: unknown key "nmae", allowed name and input',
    ],
    "with a name that is no text": [
      "- input: 1\n  name: 7\n",
      "examples.yaml:2: found the name 7, allowed a text",
    ],
    "of one name": [
      "- { name: a, input: 1 }\n- name: a\n  input: 2\n",
      'examples.yaml:2: found the name "a" twice, allowed once',
    ],
  };
  for (const [name, [text, message]] of Object.entries(problems)) {
    test(`${name} are refused with their line`, async () => {
      const error = await refusal(() => read({ "examples.yaml": text }));
      assert.deepEqual([error.code, error.message], ["CONFIG_INVALID", message]);
    });
  }

  test("that are not YAML are refused with their line", async () => {
    const error = await refusal(() => read({ "examples.yaml": "- input: 1\n- input: { a\n" }));
    assert.equal(error.code, "CONFIG_INVALID");
    assert.match(error.message, /^examples\.yaml:[23]: /);
  });
});

test("a build tells which examples do not fit, and documents the others", async () => {
  const model = `import { z } from "zod";
export default class Model {
  static input = z.object({ items: z.array(z.object({ text: z.string() })) });
  predict({ items }) { return items.length; }
}
`;
  const examples = `- name: good
  input: { items: [{ text: a }] }
- name: bad
  input: { items: [{ text: a }, { text: 7 }] }
`;
  const project = withPackages(makeProject({ "model/model.ts": model, "examples.yaml": examples }));
  const { directory, warnings, inputs } = await build({ project, zip: false, codeCache: false });
  assert.deepEqual(warnings, [
    'examples.yaml:3: the example "bad" does not fit static input, and is left out: input.items[1].text: Invalid input: expected string, received number.',
  ]);
  assert.ok(inputs.includes(join(project, "examples.yaml")));
  const { components } = JSON.parse(readFileSync(join(directory, "openapi.json"), "utf8"));
  assert.deepEqual(components.requestBodies.Input.content["application/json"].examples, {
    good: { summary: "good", value: { items: [{ text: "a" }] } },
  });
});

describe("a model typed with valibot", () => {
  const model = `import * as v from "valibot";
export default class Model { static input = v.object({ n: v.number() }); predict({ n }) { return n; } }
`;
  const made = async (packages: readonly string[]) => {
    const project = makeProject({ "model/model.ts": model });
    for (const name of packages) {
      mkdirSync(join(project, "node_modules", dirname(name)), { recursive: true });
      symlinkSync(join(REPOSITORY, "node_modules", name), join(project, "node_modules", name));
    }
    const { directory, warnings } = await build({ project, zip: false, codeCache: false });
    const { input_schema: said } = JSON.parse(readFileSync(join(directory, "schema.json"), "utf8"));
    return { said, warnings, files: readdirSync(directory) };
  };

  test("is documented by valibot's own package, of which nothing is deployed", async () => {
    const { said, warnings, files } = await made(["valibot", "@valibot/to-json-schema"]);
    assert.deepEqual([said.properties, warnings], [{ n: { type: "number" } }, []]);
    assert.deepEqual(
      files.filter((name) => name.startsWith("json-schema")),
      [],
    );
  });

  test("is built without it, and the build says what is missing", async () => {
    const { said, warnings } = await made(["valibot"]);
    assert.equal(said, null);
    assert.deepEqual(warnings, [
      "model/model.ts: static input: this valibot schema cannot say its JSON Schema; /schema and /openapi.json leave it open. Run `npm install --save-dev @valibot/to-json-schema`.",
    ]);
  });
});
