// openapi.json: valid for whatever a model says of itself, and complete: held against the table of errors and the routes
// that the function really answers.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { scope, type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { readConfig } from "../../adapter/build/config.ts";
import { type DocumentedModel, openApiDocument, schemaDocument } from "../../adapter/build/openapi.ts";
import { toComponents } from "../../adapter/build/openapi/components.ts";
import { readSchemaFacts } from "../../adapter/build/schema-facts.mjs";
import type { Target } from "../../adapter/build/runtime-files.ts";
import { CODES } from "../../adapter/runtime/errors.ts";
import { createAnswers, type Environment } from "../../adapter/runtime/routes.ts";
import { makeProject } from "./_project.ts";

interface Options {
  readonly input?: unknown;
  readonly output?: unknown;
  readonly methods?: readonly string[];
  readonly streams?: boolean;
  readonly config?: string;
  readonly target?: Target;
  readonly examples?: DocumentedModel["examples"];
}

interface Document {
  readonly info: Record<string, unknown>;
  readonly security: readonly unknown[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, Record<string, unknown>>;
    readonly requestBodies: { Input: { required?: boolean; content: Record<string, Media> } };
    readonly responses: { Output: { content: Record<string, Media> } };
    readonly securitySchemes?: unknown;
  };
}

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { content?: Record<string, Media>; headers?: Record<string, unknown> }>;
}

interface Media {
  readonly schema?: Record<string, unknown>;
  readonly examples?: Record<string, { summary: string; value: unknown }>;
}

/** A project without packages. */
const NOWHERE = "/nowhere";

/** The document of a model with these schemas, which a validator has found valid. */
async function documentOf({ methods = ["predict"], ...options }: Options): Promise<Document> {
  const { config } = readConfig(makeProject({ "config.yaml": options.config ?? "model_name: test\n" }));
  const facts = await readSchemaFacts({ input: options.input, output: options.output }, [], NOWHERE);
  const shape = {
    exports: ["default"],
    kind: "a class",
    methods: Object.fromEntries(methods.map((name) => [name, { kind: "a function", isGenerator: false }])),
    fields: [],
    schemas: {},
  };
  const { examples = [], streams = false, target = "lambda" } = options;
  const document = openApiDocument(config, { ...facts, shape, streams, examples }, target);
  const { valid, errors } = await new Validator().validate(
    structuredClone(document) as Record<string, unknown>,
  );
  assert.ok(valid, JSON.stringify(errors));
  assertWhole(document);
  return document as unknown as Document;
}

/** What the validator leaves out: every reference leads somewhere, and every operation has a name of its own. */
function assertWhole(document: unknown): void {
  const ids = new Set<string>();
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    const { $ref: ref, operationId: id } = node as { $ref?: unknown; operationId?: unknown };
    if (typeof ref === "string") {
      assert.match(ref, /^#\//, path);
      const target = ref
        .slice(2)
        .split("/")
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      assert.ok(target !== undefined, `${path}: ${ref} leads nowhere`);
    }
    if (typeof id === "string") {
      assert.ok(!ids.has(id), `${id} twice`);
      ids.add(id);
    }
    for (const [key, value] of Object.entries(node)) visit(value, `${path}/${key}`);
  };
  visit(document, "");
}

const Tree = z.object({
  value: z.string(),
  get children() {
    return z.array(Tree);
  },
});
const valibotTree: v.GenericSchema = v.object({
  value: v.string(),
  children: v.array(v.lazy(() => valibotTree)),
});
const arktypeTree = scope({ node: { value: "string", "children?": "node[]" } }).export().node;
const Named = z.object({ a: z.string() }).meta({ id: "A named thing/x" });
const Clash = z.object({ a: z.string() }).meta({ id: "Error" });

const MODELS: Readonly<Record<string, Options>> = {
  "no schema": {},
  "no schema, streaming": { streams: true },
  "zod: defaults, nullable, unions, literals": {
    input: z.object({
      n: z.int().default(3),
      s: z.string().nullable(),
      u: z.union([z.string(), z.object({ k: z.literal("a") })]),
      r: z.record(z.string(), z.number()),
      t: z.tuple([z.string(), z.number()]),
      e: z.enum(["x", "y"]).optional(),
    }),
  },
  "zod: recursive": { input: Tree, output: Tree },
  "zod: recursive, inside": { input: z.object({ left: Tree, right: Tree }), output: z.array(Tree) },
  "zod: named, and names that clash": { input: z.object({ n: Named, e: Clash }), output: z.array(Clash) },
  "zod: what JSON cannot say": {
    input: z.object({ d: z.date(), t: z.string().transform(Number) }),
    output: z.date(),
  },
  "zod: a string": { input: z.string(), output: z.string(), streams: true },
  "valibot: said": {
    input: toStandardJsonSchema(v.object({ n: v.optional(v.number(), 3), s: v.nullable(v.string()) })),
  },
  "valibot: recursive": {
    input: toStandardJsonSchema(valibotTree),
    output: toStandardJsonSchema(valibotTree),
  },
  "valibot: not said": { input: v.object({ n: v.number() }) },
  arktype: { input: type({ n: "number = 3", s: "string | null", "e?": "'x' | 'y'", d: "Date" }) },
  "arktype: recursive": { input: arktypeTree, output: arktypeTree },
  "a class without predict": { methods: ["chatCompletions", "messages"] },
  "every member": {
    methods: ["predict", "chatCompletions", "completions", "embeddings", "responses", "messages"],
    input: z.object({ text: z.string() }),
  },
  "a server": { target: "server", methods: ["predict", "embeddings"], input: z.object({ text: z.string() }) },
};

describe("openapi.json is valid", () => {
  for (const [name, options] of Object.entries(MODELS)) {
    test(name, async () => {
      await documentOf(options);
    });
  }
});

describe("its schemas", () => {
  test("are components, and definitions follow under names that say whose they are", async () => {
    const { schemas } = (await documentOf(MODELS["zod: named, and names that clash"] ?? {})).components;
    assert.deepEqual(Object.keys(schemas), [
      "Error",
      "Model",
      "ModelList",
      "OpenAIError",
      "Input",
      "A_named_thing_x",
      "Input_Error",
      "Output",
      "Output_Error",
    ]);
    assert.deepEqual(schemas["Input"]?.["properties"], {
      n: { $ref: "#/components/schemas/A_named_thing_x" },
      e: { $ref: "#/components/schemas/Input_Error" },
    });
  });

  test("that are recursive refer to their component", async () => {
    const { schemas } = (await documentOf({ input: Tree })).components;
    const { children } = schemas["Input"]?.["properties"] as Record<string, { items: unknown }>;
    assert.deepEqual(children?.items, { $ref: "#/components/schemas/Input" });
  });

  test("leave alone what only looks like a reference", () => {
    // Not through the validator, which takes a property of that name for a reference.
    const schema = {
      properties: { $ref: { type: "string" }, c: { default: { $ref: "#/x" } }, d: { $ref: "#" } },
    };
    assert.deepEqual(toComponents("Input", schema, new Set()), {
      Input: { properties: { ...schema.properties, d: { $ref: "#/components/schemas/Input" } } },
    });
  });

  test("are told in Truss's three keys at /schema, whole", async () => {
    const facts = await readSchemaFacts({ input: z.object({ n: Named }) }, [], NOWHERE);
    const document = schemaDocument({ ...facts, streams: true } as never) as Record<
      string,
      Record<string, unknown>
    >;
    assert.deepEqual(Object.keys(document), ["input_schema", "output_schema", "supports_streaming"]);
    assert.ok(document["input_schema"]?.["$defs"] !== undefined);
    assert.deepEqual([document["output_schema"], document["supports_streaming"]], [null, true]);
  });
});

describe("what a library cannot say", () => {
  const notes = async (input: unknown) => (await readSchemaFacts({ input }, [], NOWHERE)).notes;

  test("is a note with the way out", async () => {
    assert.deepEqual(await notes(v.object({})), [
      "static input: this valibot schema cannot say its JSON Schema; /schema and /openapi.json leave it open. Run `npm install --save-dev @valibot/to-json-schema`.",
    ]);
    const [other = ""] = await notes({ "~standard": { vendor: "mine", validate: () => ({ value: 1 }) } });
    assert.match(other, /^static input: this mine schema .* Its library's pages say how/);
  });

  test("leaves the rest said", async () => {
    const input = z.object({ d: z.date(), n: z.number() });
    const facts = await readSchemaFacts({ input }, [], NOWHERE);
    assert.match(
      facts.notes.join(),
      /^static input: Date cannot be represented in JSON Schema; .* that part open\./,
    );
    assert.deepEqual((facts.input as { properties: unknown }).properties, { d: {}, n: { type: "number" } });
    const valibot = await readSchemaFacts(
      { input: toStandardJsonSchema(v.object({ d: v.date(), n: v.number() })) },
      [],
      NOWHERE,
    );
    assert.deepEqual((valibot.input as { properties: unknown }).properties, { d: {}, n: { type: "number" } });
  });
});

describe("the bodies", () => {
  const bodies = async (options: Options) =>
    Object.keys((await documentOf(options)).components.requestBodies.Input.content);
  const answers = async (options: Options) =>
    Object.keys((await documentOf(options)).components.responses.Output.content);

  test("of a call are those that may fit its schema", async () => {
    assert.deepEqual(await bodies({ input: z.object({ a: z.string() }) }), [
      "application/json",
      "application/msgpack",
      "multipart/form-data",
    ]);
    assert.deepEqual(await bodies({ input: z.string() }), [
      "application/json",
      "application/msgpack",
      "text/plain",
    ]);
    for (const binary of ["application/octet-stream", "application/pdf", "image/*", "audio/*", "video/*"])
      assert.ok((await bodies({})).includes(binary), binary);
  });

  test("of a stream are all its framings, and of a value one", async () => {
    assert.deepEqual(await answers({ streams: true, output: z.string() }), [
      "text/plain",
      "text/event-stream",
      "application/json",
      "application/msgpack",
    ]);
    assert.deepEqual(await answers({ streams: true, output: z.object({ i: z.number() }) }), [
      "text/event-stream",
      "application/x-ndjson",
      "application/json",
      "application/msgpack",
    ]);
    assert.deepEqual(await answers({ output: z.object({}) }), ["application/json", "application/msgpack"]);
  });

  test("are required unless the schema takes nothing", async () => {
    const required = async (input: unknown) =>
      (await documentOf({ input })).components.requestBodies.Input.required;
    assert.equal(await required(z.object({})), true);
    assert.equal(await required(z.object({}).optional()), undefined);
    assert.equal(await required(undefined), undefined);
  });

  test("come with the project's examples", async () => {
    const examples = ["a dog & a cat", "a dog, a cat"].map((name, a) => ({ name, input: { a }, place: "" }));
    const document = await documentOf({ examples });
    assert.deepEqual(document.components.requestBodies.Input.content["application/json"]?.examples, {
      "a-dog-a-cat": { summary: "a dog & a cat", value: { a: 0 } },
      "a-dog-a-cat-2": { summary: "a dog, a cat", value: { a: 1 } },
    });
  });
});

describe("the paths", () => {
  test("of a model's members are there, and no others", async () => {
    const vendor = async (methods: string[]) =>
      Object.keys((await documentOf({ methods })).paths).filter((path) => /^\/v1\/(?!models\/)/.test(path));
    assert.deepEqual(await vendor(["predict"]), ["/v1/models"]);
    assert.deepEqual(await vendor(["predict", "embeddings"]), ["/v1/embeddings", "/v1/models"]);
    const { paths } = await documentOf({ methods: ["chatCompletions"] });
    assert.equal(paths["/predict"], undefined);
  });

  test("are those that the function answers", async () => {
    const { gets, posts } = createAnswers({} as Environment);
    const real = (paths: object) => Object.keys(paths).map((path) => path.replace("*", "/v1/models/{name}"));
    const { paths } = await documentOf({});
    const said = (method: string) =>
      Object.keys(paths).filter((path) => method in (paths[path] ?? {}) && path !== "/v1/models");
    assert.deepEqual(said("get").toSorted(), real(gets).toSorted());
    assert.deepEqual(said("post").toSorted(), real(posts).toSorted());
  });

  test("of a server are those of the function, metrics and KServe's", async () => {
    const [lambda, server] = await Promise.all([documentOf({}), documentOf({ target: "server" })]);
    const more = Object.keys(server.paths).filter((path) => !(path in lambda.paths));
    assert.deepEqual(
      more.filter((path) => !path.startsWith("/v2")),
      ["/metrics"],
    );
    assert.ok(more.includes("/v2/models/{name}/infer"));
    assert.ok(more.includes("/v2/models/{name}/versions/{version}/generate_stream"));
  });

  test("that call predict are a server's only where the model has it", async () => {
    const { paths, components } = await documentOf({ target: "server", methods: ["chatCompletions"] });
    assert.deepEqual(
      Object.keys(paths).filter((path) => path.startsWith("/v2/models")),
      ["", "/versions/{version}"].flatMap((version) =>
        ["", "/ready"].map((path) => `/v2/models/{name}${version}${path}`),
      ),
    );
    assert.ok("ModelMetadata" in components.schemas);
    assert.ok(!("InferenceRequest" in components.schemas));
  });

  test("name every error that a caller can get, under its status", async () => {
    const { paths } = await documentOf({ target: "server", methods: ["predict", "messages"] });
    const said = new Set<string>();
    for (const operations of Object.values(paths)) {
      for (const operation of Object.values(operations)) {
        for (const [status, { content }] of Object.entries(operation.responses ?? {})) {
          const text = JSON.stringify(content ?? {});
          for (const [, codes = ""] of text.matchAll(/"enum":\[("[A-Z_",]+")\]/g)) {
            for (const code of JSON.parse(`[${codes}]`) as string[]) said.add(`${code} ${status}`);
          }
        }
      }
    }
    // Of any path, said in words; and of sources that are not HTTP.
    const silent = ["METHOD_NOT_ALLOWED", "EVENT_UNKNOWN", "INPUT_UNREADABLE", "RESULT_NOT_SENT"];
    for (const [code, status] of Object.entries(CODES.invocation)) {
      if (!silent.includes(code)) assert.ok(said.has(`${code} ${status}`), `${code} ${status}`);
    }
  });

  test("answer in the shape of each vendor", async () => {
    const { paths } = await documentOf({ methods: ["chatCompletions", "messages"] });
    const shape = (path: string) =>
      paths[path]?.["post"]?.responses["400"]?.content?.["application/json"]?.schema;
    assert.deepEqual(shape("/v1/chat/completions"), { $ref: "#/components/schemas/OpenAIError" });
    assert.deepEqual(shape("/v1/messages"), { $ref: "#/components/schemas/AnthropicError" });
  });

  test("take HEAD where they take GET", async () => {
    const { paths } = await documentOf({ target: "server" });
    for (const [path, { get, head }] of Object.entries(paths)) {
      assert.equal(get === undefined, head === undefined, path);
      for (const answer of Object.values(head?.responses ?? {}))
        assert.equal(answer.content, undefined, path);
    }
  });
});

test("calls are signed unless config.yaml says otherwise", async () => {
  assert.deepEqual((await documentOf({})).security, [{ sigv4: [] }]);
  const open = await documentOf({ config: "serverless: { url: { auth: none } }\n" });
  assert.deepEqual([open.security, open.components.securitySchemes], [[], undefined]);
  assert.deepEqual((await documentOf({ target: "server" })).security, [], NOWHERE);
});

test("the document says what config.yaml says of the model", async () => {
  const config = "model_name: dog\ndescription: Barks.\nmodel_metadata: { tags: [loud] }\n";
  const { info } = await documentOf({ config });
  assert.deepEqual(info, {
    title: "dog",
    version: "1",
    description: "Barks.",
    "x-model-metadata": { tags: ["loud"] },
  });
});
