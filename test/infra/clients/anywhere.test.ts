// The client runs where there is no Node: bundled for browsers it imports nothing, and works with what every web runtime
// has.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { check } from "./_function-url.ts";

const ENTRY = join(import.meta.dirname, "../../../infra/clients/index.ts");

/** A client is part of every page that has it. */
const LIMIT_BYTES = 20_000;

const bundling = build({
  entryPoints: [ENTRY],
  bundle: true,
  minify: true,
  platform: "browser",
  target: ["chrome120", "firefox120", "safari17"],
  format: "iife",
  globalName: "coldframe",
  write: false,
  metafile: true,
  logLevel: "silent",
});

test("bundled for browsers it imports nothing, and is small", async () => {
  const { outputFiles, metafile } = await bundling;
  const [output] = Object.values(metafile.outputs);
  assert.deepEqual(output?.imports, []);
  const foreign = Object.keys(metafile.inputs).filter(
    (path) => !/^(infra\/clients|adapter\/runtime)\//.test(path),
  );
  assert.deepEqual(foreign, []);
  const size = outputFiles[0]?.contents.length ?? 0;
  assert.ok(size > 0 && size < LIMIT_BYTES, `${size} bytes`);
});

test("with the globals of the web alone it signs, sends and reads", async () => {
  const { outputFiles } = await bundling;
  const region = "eu-west-1";
  const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret", sessionToken: "token" };
  const sent: Request[] = [];
  const fetch = async (input: string, init: RequestInit) => {
    sent.push(new Request(input, init));
    return new Response(
      'data: "1"\n\nevent: error\ndata: {"error":{"code":"NO","message":"no","request_id":"r"}}\n\n',
      {
        headers: { "content-type": "text/event-stream" },
      },
    );
  };
  const web = {
    AbortSignal,
    Blob,
    crypto,
    FormData,
    Headers,
    ReadableStream,
    Request,
    Response,
    TextDecoder,
    TextEncoder,
  };
  const context = createContext({ ...web, URL, URLSearchParams, setTimeout, clearTimeout, fetch, keys });
  runInContext(outputFiles[0]?.text ?? "", context);
  const seen = (await runInContext(
    `(async () => {
      const client = coldframe.createClient({ url: "https://abc.lambda-url.${region}.on.aws", credentials: keys });
      const items = [];
      try {
        for await (const item of client.stream({ a: "ü" })) items.push(item.data);
      } catch (error) {
        items.push(error instanceof coldframe.ColdframeClientError, error.code, error.requestId);
      }
      return JSON.stringify([items, typeof process, typeof Buffer]);
    })()`,
    context,
  )) as string;
  assert.deepEqual(JSON.parse(seen), [['"1"', true, "NO", "r"], "undefined", "undefined"]);
  const [request] = sent;
  assert.ok(request);
  const received = {
    method: request.method,
    path: "/predict",
    headers: { ...Object.fromEntries(request.headers), host: `abc.lambda-url.${region}.on.aws` },
    body: Buffer.from(await request.arrayBuffer()),
  };
  assert.equal(received.body.toString(), '{"a":"ü"}');
  assert.equal(await check(received, { ...keys, region }, Date.now()), undefined);
});
