// The Open Inference Protocol (KServe's version 2), as a built server speaks it: each answer is held against the schemas
// that the protocol publishes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { makeProject, withPackages } from "../../../build/_project.ts";
import { type Answer, buildServer, startServer, type TestServer } from "../_server.ts";

const FIXTURES = join(import.meta.dirname, "../../../fixtures/open-inference");

const MODEL = `
/** Gives back what it was given, and says what that was. */
export default class Model {
  static tensors = {
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
    outputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
  };

  predict(inputs, { event }) {
    if (inputs.fail) throw new Error("secret reason");
    if (inputs.type) {
      const value = { float: 1.5, flag: true, text: "a", list: [[1, 2], [3, 4]], object: { a: 1 }, big: 2n ** 60n };
      return { ...value, ort: { type: "bool", dims: [2], data: Uint8Array.of(1, 0) }, none: undefined };
    }
    if (inputs.explicit) return { outputs: [{ name: "y", datatype: "INT8", shape: [1, 2], data: [[1, -2]] }] };
    if (inputs.nan) return { y: Float32Array.of(NaN) };
    if (inputs.image) return { y: Uint8Array.of(0xff, 0xfe) };
    if (inputs.kind) return Object.entries(inputs).map(([name, t]) => name + " " + t.constructor.name + " " + JSON.stringify(t.shape));
    if (inputs.event) return { event: JSON.stringify(event) };
    return inputs;
  }
}
`;

const WITH_SCHEMA = `
import { z } from "zod";

export default class Model {
  static input = z.object({ text: z.string(), scale: z.number().default(1), rows: z.array(z.array(z.number())).optional() });

  async *predict(input) {
    if (input.text === "refuse") throw new (await import("coldframe")).ColdframeError("INPUT_INVALID", "not that.");
    for (const word of JSON.stringify(input).match(/.{1,12}/g)) yield word;
    if (input.text === "break") throw new Error("secret reason");
  }
}
`;

const [artifact, withSchema] = await Promise.all([
  buildServer({ "config.yaml": "model_name: net\n", "model/model.ts": MODEL }),
  buildServer(
    {},
    withPackages(makeProject({ "config.yaml": "model_name: texts\n", "model/model.ts": WITH_SCHEMA })),
  ),
]);

const published = (file: string) => {
  const document = parse(readFileSync(join(FIXTURES, file), "utf8"));
  const ajv = new Ajv({ strict: false, formats: { float: true, int32: true } });
  ajv.addSchema(document, "published");
  return (name: string): ValidateFunction => ajv.compile({ $ref: `published#/components/schemas/${name}` });
};
const rest = published("open_inference_rest.yaml");
const generation = published("generate_rest.yaml");

/** The JSON of an answer that is as published. */
function fits<T>(value: T, validate: ValidateFunction): T {
  assert.ok(validate(value), `${JSON.stringify(value)}\n${JSON.stringify(validate.errors)}`);
  return value;
}

const start = (t: TestContext, from = artifact): Promise<TestServer> => startServer(t, from);

const infer = (server: TestServer, body: unknown, init?: RequestInit): Promise<Answer> =>
  server.get("/v2/models/net/infer", { method: "POST", body: JSON.stringify(body), ...init });

/** One tensor there and back. */
async function echo(server: TestServer, tensor: object): Promise<{ data: unknown; [key: string]: unknown }> {
  const answer = await infer(server, { inputs: [{ name: "x", ...tensor }] });
  assert.equal(answer.status, 200, answer.text);
  return fits(answer.json, rest("inference_response")).outputs[0];
}

describe("what is asked without tensors", () => {
  test("health, metadata, readiness", async (t) => {
    const server = await start(t);
    assert.deepEqual((await server.get("/v2/health/live")).json, { live: true });
    assert.equal((await server.get("/v2/health/ready")).json.ready, true);
    for (const path of ["/v2", "/v2/"]) {
      const { name, version, extensions } = fits(
        (await server.get(path)).json,
        rest("metadata_server_response"),
      );
      assert.equal(name, "coldframe");
      assert.match(version, /^\d+\.\d+\.\d+/);
      assert.deepEqual(extensions, ["binary_tensor_data", "generate"]);
    }
    for (const path of ["/v2/models/net", "/v2/models/net/versions/7"]) {
      const metadata = fits((await server.get(path)).json, rest("metadata_model_response"));
      assert.equal(metadata.name, "net");
      assert.deepEqual(metadata.inputs, [{ name: "x", datatype: "FP32", shape: [-1, 2] }]);
      assert.deepEqual((await server.get(`${path}/ready`)).json, { name: "net", ready: true });
    }
  });

  test("openapi.json has every path of it, and no others", async (t) => {
    const server = await start(t);
    const { paths } = (await server.get("/openapi.json")).json;
    const said = Object.keys(paths).filter((path) => path.startsWith("/v2"));
    assert.equal(said.length, 13);
    for (const path of said) {
      const [method = ""] = Object.keys(paths[path]).filter((key) => key === "get" || key === "post");
      const real = path.replace("{name}", "net").replace("{version}", "1");
      assert.notEqual((await server.get(real, { method })).status, 404, path);
    }
  });

  test("a model that is loading is alive and not ready", async (t) => {
    const slow = await buildServer({
      "model/model.ts":
        "export default class Model { load() { return new Promise(() => {}); } predict() {} }",
    });
    const server = await startServer(t, slow, { until: "listening" });
    assert.equal((await server.get("/v2/health/live")).status, 200);
    for (const path of ["/v2/health/ready", "/v2/models/m/ready", "/v2/models/m"]) {
      const answer = await server.get(path);
      assert.equal(answer.status, 503, path);
      fits(answer.json, rest("metadata_server_error_response"));
    }
    const refused = await infer(server, { inputs: [] });
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
  });

  test("errors have the protocol's shape", async (t) => {
    const server = await start(t);
    const cases: [path: string, init: RequestInit, status: number][] = [
      ["/v2/nothing", {}, 404],
      ["/v2/models/net/infer", {}, 405],
      ["/v2/models/net/infer", { method: "POST", body: "{" }, 400],
      ["/v2/models/net/infer", { method: "POST" }, 400],
      ["/v2", { method: "POST", body: "{}" }, 405],
    ];
    for (const [path, init, status] of cases) {
      const answer = await server.get(path, init);
      assert.equal(answer.status, status, path);
      fits(answer.json, rest("inference_error_response"));
      assert.equal(typeof answer.json.code, "string");
      assert.equal(answer.json.request_id, answer.headers.get("x-request-id"));
    }
  });
});

describe("tensors", () => {
  test("of every datatype go in and come out", async (t) => {
    const server = await start(t);
    const cases: [datatype: string, data: unknown[]][] = [
      ["BOOL", [true, false]],
      ["UINT8", [0, 255]],
      ["UINT16", [0, 65_535]],
      ["UINT32", [0, 4_294_967_295]],
      ["INT8", [-128, 127]],
      ["INT16", [-32_768, 32_767]],
      ["INT32", [-2_147_483_648, 2_147_483_647]],
      ["FP32", [0.5, -1e10]],
      ["FP64", [0.1, -1e300]],
      ["BYTES", ["a", "日本\u0000"]],
    ];
    for (const [datatype, data] of cases) {
      const output = await echo(server, { datatype, shape: [2], data });
      // What a model that echoes its input gives is told by its arrays alone: 0 and 1 for BOOL.
      const expected = datatype === "BOOL" ? [1, 0] : data;
      assert.deepEqual(output.data, expected, datatype);
      assert.equal(output["datatype"], datatype === "BOOL" ? "UINT8" : datatype);
      assert.deepEqual(output["shape"], [2]);
    }
    const half = await echo(server, { datatype: "FP16", shape: [2], data: [0.5, 2] });
    assert.deepEqual([half["datatype"], half.data], ["FP32", [0.5, 2]]);
  });

  test("of 64 bits keep every digit", async (t) => {
    const server = await start(t);
    for (const [datatype, digits] of [
      ["INT64", "-9223372036854775808"],
      ["INT64", "9007199254740993"],
      ["UINT64", "18446744073709551615"],
    ]) {
      const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[2],"data":[${digits},7]}]}`;
      const answer = await infer(server, undefined, { body });
      assert.match(answer.text, new RegExp(`"data":\\[${digits},7\\]`), answer.text);
    }
  });

  test("are as nested as their shape, or flat", async (t) => {
    const server = await start(t);
    for (const data of [
      [1, 2, 3, 4, 5, 6],
      [[[1, 2, 3]], [[4, 5, 6]]],
    ]) {
      const output = await echo(server, { datatype: "FP32", shape: [2, 1, 3], data });
      assert.deepEqual(output, { name: "x", datatype: "FP32", shape: [2, 1, 3], data: [1, 2, 3, 4, 5, 6] });
    }
    assert.deepEqual((await echo(server, { datatype: "FP32", shape: [], data: [1] })).data, [1]);
    assert.deepEqual((await echo(server, { datatype: "FP32", shape: [0, 4], data: [] })).data, []);
  });

  test("that are not what they say are refused, with the reason", async (t) => {
    const server = await start(t);
    const x = { name: "x", datatype: "INT8", shape: [1], data: [1] };
    const cases: [input: unknown, reason: RegExp][] = [
      // The protocol's own example.
      [{ ...x, datatype: "BOOL", shape: [3], data: [true] }, /its shape has 3 elements and its data 1/],
      [{ ...x, data: [128] }, /128 at 0 is no INT8/],
      [{ ...x, data: [1.5] }, /1\.5 at 0 is no INT8/],
      [{ ...x, data: ["1"] }, /"1" at 0 is no INT8/],
      [{ ...x, datatype: "UINT64", data: [-1] }, /-1 at 0 is no UINT64/],
      [{ ...x, datatype: "BOOL", data: [2] }, /2 at 0 is no BOOL/],
      [{ ...x, datatype: "FP32", data: [null] }, /null at 0 is no FP32/],
      [{ ...x, datatype: "BYTES" }, /element 0 is no text/],
      [{ ...x, datatype: "FP8" }, /datatype is "FP8", allowed are BOOL/],
      [{ ...x, shape: [-1] }, /shape is no list of extents/],
      [{ ...x, shape: [1e9] }, /1000000000 elements and its data 1/],
      [{ ...x, shape: [1, 1], data: [[[1]]] }, /a list at 0 is no INT8/],
      [{ ...x, data: 1 }, /data is no array/],
      [{ ...x, name: "" }, /inputs\[0\] has no name/],
      [null, /inputs\[0\] is no object/],
    ];
    for (const [input, reason] of cases) {
      const answer = await infer(server, { inputs: [input] });
      assert.equal(answer.status, 400, answer.text);
      assert.match(fits(answer.json, rest("inference_error_response")).error, reason);
    }
    assert.match((await infer(server, { inputs: [x, x] })).json.error, /the input x: is there twice/);
    assert.match((await infer(server, { inputs: {} })).json.error, /`inputs` is no array/);
    assert.match((await infer(server, { inputs: [x], outputs: ["x"] })).json.error, /`outputs` is no list/);
    assert.match((await infer(server, { id: 7, inputs: [x] })).json.error, /`id` is no text/);
    const deep = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":${"[".repeat(5000)}${"]".repeat(5000)}}]}`;
    assert.equal((await infer(server, undefined, { body: deep })).status, 400);
  });

  test("are arrays with a shape to the model, and Buffers for BYTES", async (t) => {
    const server = await start(t);
    const inputs = ["BOOL", "INT64", "FP16", "FP64", "BYTES"].map((datatype) => ({
      name: datatype === "BOOL" ? "kind" : datatype,
      datatype,
      shape: [1],
      data: datatype === "BYTES" ? ["a"] : [1],
    }));
    const answer = await infer(server, { inputs });
    assert.deepEqual(answer.json.outputs[0], {
      name: "output",
      datatype: "BYTES",
      shape: [5],
      data: [
        "kind Uint8Array [1]",
        "INT64 BigInt64Array [1]",
        "FP16 Float32Array [1]",
        "FP64 Float64Array [1]",
        "BYTES Array [1]",
      ],
    });
  });
});

describe("what a model gives", () => {
  const ask = (name: string) => ({ inputs: [{ name, datatype: "BOOL", shape: [1], data: [true] }] });

  test("need not be tensors", async (t) => {
    const server = await start(t);
    const answer = await infer(server, ask("type"));
    assert.deepEqual(fits(answer.json, rest("inference_response")), {
      model_name: "net",
      outputs: [
        { name: "float", datatype: "FP64", shape: [1], data: [1.5] },
        { name: "flag", datatype: "BOOL", shape: [1], data: [true] },
        { name: "text", datatype: "BYTES", shape: [1], data: ["a"] },
        { name: "list", datatype: "FP64", shape: [2, 2], data: [1, 2, 3, 4] },
        { name: "object", datatype: "BYTES", shape: [1], data: ['{"a":1}'] },
        // As a double reads it.
        { name: "big", datatype: "INT64", shape: [1], data: [2 ** 60] },
        { name: "ort", datatype: "BOOL", shape: [2], data: [true, false] },
      ],
    });
  });

  test("may be the protocol's own outputs", async (t) => {
    const answer = await infer(await start(t), ask("explicit"));
    assert.deepEqual(answer.json.outputs, [{ name: "y", datatype: "INT8", shape: [1, 2], data: [1, -2] }]);
  });

  test("leaves by name, as far as it is asked for, under the request's id", async (t) => {
    const server = await start(t);
    const outputs = [{ name: "text" }, { name: "float" }];
    const { json } = await infer(server, { ...ask("type"), id: "42", outputs });
    assert.equal(json.id, "42");
    assert.deepEqual(
      json.outputs.map(({ name }: { name: string }) => name),
      ["text", "float"],
    );
    const unknown = await infer(server, { ...ask("type"), outputs: [{ name: "z" }] });
    assert.equal(unknown.status, 400);
    assert.match(unknown.json.error, /there is no output z, only float, flag/);
  });

  test("that JSON cannot hold is an error with the way out, and leaves as bytes", async (t) => {
    const server = await start(t);
    for (const name of ["nan", "image"]) {
      const refused = await infer(server, ask(name));
      assert.equal(refused.status, 500);
      assert.equal(refused.json.code, "OUTPUT_INVALID");
      assert.match(refused.json.error, /"binary_data": true/);
      const binary = await infer(server, { ...ask(name), parameters: { binary_data_output: true } });
      assert.equal(binary.status, 200);
    }
  });

  test("by failing is masked", async (t) => {
    const answer = await infer(await start(t), ask("fail"));
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.text, /secret reason/);
    fits(answer.json, rest("inference_error_response"));
  });

  test("knows the request's id, parameters and outputs from the event", async (t) => {
    const answer = await infer(await start(t), { ...ask("event"), id: "7", parameters: { k: 1 } });
    assert.deepEqual(JSON.parse(answer.json.outputs[0].data[0]), { id: "7", parameters: { k: 1 } });
  });
});

describe("tensors as bytes", () => {
  /** A request with the bytes of its tensors behind its JSON. */
  function binary(request: object, ...tensors: Uint8Array[]): RequestInit {
    const json = Buffer.from(JSON.stringify(request));
    const headers = {
      "inference-header-content-length": `${json.length}`,
      "content-type": "application/octet-stream",
    };
    return { method: "POST", headers, body: Buffer.concat([json, ...tensors]) };
  }

  const post = (server: TestServer, init: RequestInit) =>
    fetch(`${server.url}/v2/models/net/versions/1/infer`, init);

  const input = (name: string, datatype: string, shape: number[], size: number) => ({
    name,
    datatype,
    shape,
    parameters: { binary_data_size: size },
  });

  test("arrive and leave after the JSON, mixed with others", async (t) => {
    const server = await start(t);
    const floats = Buffer.from(Float32Array.of(1, -2).buffer);
    const bytes = Buffer.concat([Buffer.of(2, 0, 0, 0), Buffer.from("ab"), Buffer.of(0, 0, 0, 0)]);
    const inputs = [
      input("f", "FP32", [2], 8),
      { name: "j", datatype: "INT8", shape: [1], data: [5] },
      input("b", "BYTES", [2], bytes.length),
      input("h", "FP16", [1], 2),
    ];
    const outputs = [
      { name: "f", parameters: { binary_data: true } },
      { name: "j" },
      { name: "b" },
      { name: "h" },
    ];
    const request = binary({ inputs, outputs }, floats, bytes, Buffer.of(0, 0x3c));
    const response = await post(server, request);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    const body = Buffer.from(await response.arrayBuffer());
    const length = Number(response.headers.get("inference-header-content-length"));
    const json = JSON.parse(body.toString("utf8", 0, length));
    assert.deepEqual(json.outputs, [
      { name: "f", datatype: "FP32", shape: [2], parameters: { binary_data_size: 8 } },
      { name: "j", datatype: "INT8", shape: [1], data: [5] },
      { name: "b", datatype: "BYTES", shape: [2], data: ["ab", ""] },
      { name: "h", datatype: "FP32", shape: [1], data: [1] },
    ]);
    assert.deepEqual(body.subarray(length), floats);
  });

  test("all leave so when all are asked for so", async (t) => {
    const server = await start(t);
    const bytes = Buffer.concat([Buffer.of(1, 0, 0, 0), Buffer.of(0xff)]);
    const request = { inputs: [input("b", "BYTES", [1], 5)], parameters: { binary_data_output: true } };
    const body = Buffer.from(await (await post(server, binary(request, bytes))).arrayBuffer());
    assert.deepEqual(body.subarray(-5), bytes);
  });

  test("that are too few, too many or not there are refused", async (t) => {
    const server = await start(t);
    const eight = Buffer.alloc(8);
    const cases: [init: RequestInit, reason: RegExp][] = [
      [binary({ inputs: [input("f", "FP32", [3], 8)] }, eight), /3 elements of 4 bytes and its data 8 bytes/],
      [binary({ inputs: [input("f", "FP32", [4], 16)] }, eight), /its 16 bytes are not there/],
      [binary({ inputs: [input("f", "FP32", [1], 4)] }, eight), /4 bytes follow the last tensor/],
      [binary({ inputs: [input("f", "FP32", [1], -4)] }, eight), /binary_data_size is no number of bytes/],
      [binary({ inputs: [input("b", "BYTES", [1], 8)] }, eight), /its shape has 1 elements and its data 2/],
      [binary({ inputs: [input("b", "BYTES", [1], 8)] }, eight.fill(9)), /reaches beyond its bytes/],
      [{ ...binary({}), headers: { "inference-header-content-length": "0" } }, /has no JSON/],
      [
        { ...binary({}), headers: { "inference-header-content-length": "999" } },
        /999, and the body has 2 bytes/,
      ],
    ];
    for (const [init, reason] of cases) {
      const response = await post(server, init);
      assert.equal(response.status, 400);
      assert.match(((await response.json()) as { error: string }).error, reason);
    }
  });
});

describe("a model whose input has a schema", () => {
  test("is given plain values, and needs to know nothing of tensors", async (t) => {
    const server = await start(t, withSchema);
    const inputs = [
      { name: "text", datatype: "BYTES", shape: [1], data: ["hi"] },
      { name: "scale", datatype: "INT64", shape: [], data: [3] },
      { name: "rows", datatype: "FP32", shape: [2, 2], data: [1, 2, 3, 4] },
    ];
    const answer = await infer(server, { inputs });
    assert.deepEqual(JSON.parse(fits(answer.json, rest("inference_response")).outputs[0].data[0]), {
      text: "hi",
      scale: 3,
      rows: [
        [1, 2],
        [3, 4],
      ],
    });
    const refused = await infer(server, { inputs: [] });
    assert.equal(refused.status, 400);
    assert.deepEqual(refused.json.issues[0].path, "text");
  });
});

describe("the generate extension", () => {
  const generate = (server: TestServer, path: string, body: unknown) =>
    server.get(`/v2/models/texts/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  test("takes a text under the model's own name for it, and gives one", async (t) => {
    const server = await start(t, withSchema);
    for (const path of ["generate", "versions/2/generate"]) {
      const answer = await generate(server, path, { id: "9", text_input: "hi", parameters: { scale: 2 } });
      const { text_output, ...rest } = fits(answer.json, generation("GenerateResponse"));
      assert.deepEqual(rest, { model_name: "texts", id: "9" });
      assert.deepEqual(JSON.parse(text_output), { text: "hi", scale: 2 });
    }
  });

  test("streams one event for each item", async (t) => {
    const answer = await generate(await start(t, withSchema), "generate_stream", { text_input: "hi there" });
    assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
    const events = answer.text
      .trim()
      .split("\n\n")
      .map((event) => JSON.parse(event.replace(/^data: /, "")));
    assert.ok(events.length > 1);
    for (const event of events) fits(event, generation("GenerateStreamResponse"));
    const text = events.map(({ text_output }) => text_output).join("");
    assert.deepEqual(JSON.parse(text), { text: "hi there", scale: 1 });
  });

  test("fails with a status before the first event", async (t) => {
    const server = await start(t, withSchema);
    for (const path of ["generate", "generate_stream"]) {
      for (const body of [{ text_input: "refuse" }, { text_input: 1 }, {}]) {
        const answer = await generate(server, path, body);
        assert.equal(answer.status, 400);
        fits(answer.json, generation("GenerateErrorResponse"));
      }
    }
  });

  test("fails with an event after it, and without a good end", async (t) => {
    const server = await start(t, withSchema);
    const response = await fetch(`${server.url}/v2/models/texts/generate_stream`, {
      method: "POST",
      body: JSON.stringify({ text_input: "break" }),
    });
    let text = "";
    await assert.rejects(async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    });
    const last = text.trim().split("\n\n").at(-1) ?? "";
    fits(JSON.parse(last.replace(/^data: /, "")), generation("GenerateErrorResponse"));
    assert.doesNotMatch(text, /secret reason/);
  });
});
