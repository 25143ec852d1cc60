// The client against the function itself: a model that is built, behind the local function URL, and the sample of the
// client's README against the same behind a signature.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { hostArchitecture } from "../../../adapter/cli/build.ts";
import { build } from "../../../adapter/build/build.ts";
import { startFunctionUrl } from "../../../adapter/local/function-url.ts";
import { startLocalLambda } from "../../../adapter/local/local-lambda.ts";
import { ColdframeClientError, createClient, type ServerSentEvent } from "../../../infra/clients/index.ts";
import { makeProject } from "../../build/_project.ts";
import { startSignedUrl } from "./_function-url.ts";

const CLIENTS = join(import.meta.dirname, "../../../infra/clients");
const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

const MODEL = `
import { ColdframeError } from "coldframe";

export default class Model {
  predict({ text, refuse, bytes, endless, ...rest }: any, { signal }: any) {
    if (refuse) throw new ColdframeError("INPUT_INVALID", "no.", { issues: [{ path: "refuse", message: "is set" }] });
    if (bytes) return new Uint8Array([0, 255]);
    if (endless) return this.tick(signal);
    return this.say(text, rest);
  }

  async *say(text: string, { failAt, asObjects }: any) {
    for (const [at, word] of text.split(" ").entries()) {
      if (at === failAt) throw new Error("out of words");
      const turned = [...word].reverse().join("") + " ";
      yield asObjects ? { word: turned } : turned;
    }
  }

  async *tick(signal: AbortSignal) {
    signal.addEventListener("abort", () => console.warn("nobody reads"));
    for (;;) {
      yield "tick ";
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
`;

// Not in a hook, at whose end it would be removed.
const project = makeProject({ "model/model.ts": MODEL });

let url = "";
const ends: (() => Promise<void>)[] = [];
let heard: (line: string) => void = () => {};

before(async () => {
  const { directory: artifact } = await build({
    ...{ project, architecture: hostArchitecture() },
    ...{ outDir: join(project, "dist"), zip: false, codeCache: false },
  });
  const lambda = await startLocalLambda({ artifact, onLog: (line) => heard(line) });
  assert.equal(lambda.initError, undefined);
  const front = await startFunctionUrl({ lambda: () => lambda });
  url = front.url;
  ends.push(front.close, lambda.close);
});

after(async () => {
  for (const end of ends) await end();
});

async function collected(input: unknown, accept = "*/*") {
  const items: unknown[] = [];
  try {
    for await (const item of createClient({ url }).stream(input, { headers: { accept } })) items.push(item);
  } catch (error) {
    assert.ok(error instanceof ColdframeClientError, String(error));
    return { items, error };
  }
  return { items };
}

test("predict: a stream is gathered, bytes are bytes, a refusal has its issues", async () => {
  const client = createClient({ url });
  assert.equal(await client.predict({ text: "Able was I" }), "elbA saw I ");
  assert.deepEqual(await client.predict({ text: "a b", asObjects: true }), [{ word: "a " }, { word: "b " }]);
  assert.deepEqual(await client.predict({ bytes: true }), new Uint8Array([0, 255]));
  await assert.rejects(client.predict({ refuse: true }), (error: ColdframeClientError) => {
    assert.deepEqual([error.code, error.status], ["INPUT_INVALID", 400]);
    assert.deepEqual(error.issues, [{ path: "refuse", message: "is set" }]);
    assert.match(error.requestId ?? "", /^[\w-]{8,}$/);
    return true;
  });
});

test("stream: text, values or events; a failure after the first item is thrown after what was whole", async () => {
  assert.equal((await collected({ text: "Able was I" })).items.join(""), "elbA saw I ");
  assert.deepEqual((await collected({ text: "a b", asObjects: true })).items, [
    { word: "a " },
    { word: "b " },
  ]);
  const { items } = await collected({ text: "a\nb c" }, "text/event-stream");
  assert.deepEqual(
    (items as ServerSentEvent[]).map(({ data }) => data),
    ["b\na ", "c "],
  );

  const values = await collected({ text: "a b", asObjects: true, failAt: 1 });
  assert.deepEqual([values.items, values.error?.code], [[{ word: "a " }], "PREDICT_FAILED"]);
  const events = await collected({ text: "a b", failAt: 1 }, "text/event-stream");
  assert.deepEqual([events.items.length, events.error?.code], [1, "PREDICT_FAILED"]);
  const text = await collected({ text: "a b", failAt: 1 });
  assert.deepEqual([text.items, text.error?.code], [["a "], "STREAM_BROKEN"]);
  assert.deepEqual((await collected({ text: "a", failAt: 0 })).error?.status, 500);
});

test("who stops reading is heard by the model", async () => {
  const said = new Promise<void>((resolve) => {
    heard = (line) => {
      if (line.includes("nobody reads")) resolve();
    };
  });
  for await (const item of createClient({ url }).stream({ endless: true })) {
    assert.match(String(item), /^tick /);
    break;
  }
  await said;
});

test("the sample of the README runs, signed", async (t) => {
  const [, sample = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(CLIENTS, "README.md"), "utf8")) ?? [];
  const region = "eu-west-1";
  const { url: signedUrl } = await startSignedUrl(
    t,
    { ...KEYS, region },
    async ({ method, path, headers, body }, response) => {
      const accept = headers["accept"] ?? "";
      const answer = await fetch(url + path, { method, headers: { accept }, body: new Uint8Array(body) });
      response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
      response.end(await answer.text());
    },
  );
  const folder = makeProject();
  symlinkSync(join(import.meta.dirname, "../../../node_modules"), join(folder, "node_modules"));
  const program = sample
    .replace('"coldframe/client"', JSON.stringify(join(CLIENTS, "index.ts")))
    .replace(/url: "[^"]*"/, `url: ${JSON.stringify(signedUrl)}, region: "${region}"`);
  writeFileSync(join(folder, "sample.ts"), program);
  const child = spawn(process.execPath, [join(folder, "sample.ts")], {
    env: {
      ...process.env,
      ...{ NODE_TEST_CONTEXT: undefined, AWS_PROFILE: undefined, AWS_SESSION_TOKEN: undefined },
      ...{ AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey },
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output] = await Promise.all([child.stdout.toArray(), once(child, "close")]);
  assert.equal(Buffer.concat(output).toString(), "elbA saw I \nelbA saw I ");
});
