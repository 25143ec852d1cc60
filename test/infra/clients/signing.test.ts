// What a function URL lets in, and what it says when it does not: against AWS's published test suite, and against a
// stand-in that makes each signature again with AWS's own signer.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import OpenAI from "openai";
import { type ClientOptions, ColdframeClientError, createClient } from "../../../infra/clients/index.ts";
import { createSigner } from "../../../infra/clients/signature.ts";
import {
  SUITE,
  SUITE_CASES,
  SUITE_ORIGIN,
  SUITE_SESSION,
  signatureOf,
} from "../../runtime/aws/_signatures.ts";
import {
  type Answering,
  check,
  type SignedUrlOptions,
  startServer,
  startSignedUrl,
} from "./_function-url.ts";

const REGION = "eu-west-1";
const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const SESSION = { ...KEYS, sessionToken: "to/ken+==" };
const EMPTY = createHash("sha256").digest("hex");

const echo: Answering = ({ method, path, headers, body }, response) => {
  response.setHeader("content-type", "application/json");
  response.end(
    method === "HEAD"
      ? undefined
      : JSON.stringify({ method, path, type: headers["content-type"], body: body.toString("base64") }),
  );
};

async function signed(
  t: TestContext,
  aws: Partial<SignedUrlOptions> = {},
  mine: Partial<ClientOptions> = {},
) {
  const standIn = await startSignedUrl(t, { ...KEYS, region: REGION, ...aws }, echo);
  const client = createClient({ url: standIn.url, region: REGION, credentials: KEYS, ...mine });
  return { client, ...standIn };
}

const refusal = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ColdframeClientError);
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

test("AWS's signing test suite", async () => {
  const sign = createSigner();
  for (const [name, method, path, signature] of SUITE_CASES) {
    const headers = await sign({ ...SUITE, method, url: new URL(SUITE_ORIGIN + path), bodyHash: EMPTY });
    assert.equal(signatureOf(headers), signature, name);
  }
  const credentials = { ...SUITE.credentials, sessionToken: SUITE_SESSION.token };
  const request = { ...SUITE, credentials, method: "GET", url: new URL(SUITE_ORIGIN), bodyHash: EMPTY };
  assert.equal((await sign(request))["authorization"], SUITE_SESSION.authorization);
  for (const other of [{ region: "eu-west-1" }, { now: SUITE.now + 86_400_000 }, { credentials: KEYS }]) {
    assert.deepEqual(await sign({ ...request, ...other }), await createSigner()({ ...request, ...other }));
  }
});

test("AWS lets in every kind of body, path and query", async (t) => {
  const { client, received } = await signed(t);
  const form = new FormData();
  form.set("file", new Blob(["abc"], { type: "text/plain" }), "ü.txt");
  const inputs = [
    { prompt: "ü 🪴" },
    "text",
    null,
    [],
    new Uint8Array([0, 255]),
    new Float32Array([1.5]),
    new Uint8Array([1]).buffer,
    new Blob(["<svg/>"], { type: "image/svg+xml" }),
    form,
    new URLSearchParams({ a: "b c" }),
    new Blob(["streamed"]).stream(),
    undefined,
  ];
  const types: string[] = [];
  for (const input of inputs) {
    const { type } = await client.predict<{ type?: string }>(input);
    types.push(type?.replace(/boundary=.*/, "...") ?? "none");
  }
  assert.deepEqual(types, [
    ...["application/json", "application/json", "application/json", "application/json"],
    ...["application/octet-stream", "application/octet-stream", "application/octet-stream", "image/svg+xml"],
    ...["multipart/form-data; ...", "application/x-www-form-urlencoded;charset=UTF-8"],
    ...["application/octet-stream", "none"],
  ]);

  const bodyOf = async (input: unknown, headers = {}) => {
    const { body } = await client.predict<{ body: string }>(input, { headers });
    return Buffer.from(body, "base64").toString();
  };
  assert.equal(await bodyOf("text"), '"text"');
  assert.equal(await bodyOf("text", { "Content-Type": "text/plain" }), "text");
  assert.equal(await bodyOf({ a: [1] }), '{"a":[1]}');

  for (const path of [
    "/v1/models/a-model:predict",
    "/a%20b/%C3%BC/~-._",
    "/ü/'()*!",
    "//double//",
    "/x?b=2&a=1&a=0&empty=&none",
    "/x?q=a+b&plus=%2B&ü=é&sub!=('*')",
    `/x?${new URLSearchParams({ q: "a b&c=d/e" })}`,
  ]) {
    assert.equal((await client.fetch(path)).status, 200, path);
    assert.equal((await client.fetch(path, { method: "POST", body: "{}" })).status, 200, path);
  }
  // "+" is a space to forms and a plus to some signers; nobody doubts "%20".
  assert.ok(received.every(({ path }) => !path.includes("+")));
});

test("any form of fetch's arguments is signed; a form's boundary and a text's type too", async (t) => {
  const { client, url, received } = await signed(t);
  for (const [input, init] of [
    ["/x", { method: "PUT", body: "text" }],
    [`${url}/x`, { method: "DELETE" }],
    [new URL(`${url}/x?a=b`), { method: "HEAD" }],
    [
      new Request(`${url}/x`, {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json" },
      }),
    ],
    ["/x", { method: "post", headers: [["x-mine", "1"]], body: new FormData() }],
  ] as [string | URL | Request, RequestInit?][]) {
    assert.equal((await client.fetch(input, init)).status, 200);
  }
  assert.deepEqual(
    received.map(({ method, headers }) => `${method} ${headers["content-type"]?.split(/[;=]/)[0]}`),
    [
      "PUT text/plain",
      "DELETE undefined",
      "HEAD undefined",
      "POST application/json",
      "POST multipart/form-data",
    ],
  );
});

test("temporary credentials: the token is signed; a provider is asked again before they expire", async (t) => {
  let asked = 0;
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  let expiration = inMinutes(60);
  const credentials = async () => {
    asked++;
    await new Promise(setImmediate);
    return { ...SESSION, expiration };
  };
  const { client } = await signed(t, SESSION, { credentials });
  await Promise.all([client.predict(1), client.predict(2)]);
  await client.predict(3);
  assert.equal(asked, 1);

  expiration = inMinutes(2);
  const short = createClient({ url: client.url, region: REGION, credentials });
  await short.predict(1);
  await short.predict(2);
  assert.equal(asked, 3);

  const none = createClient({
    ...{ url: client.url, region: REGION },
    credentials: async () => {
      throw new Error("sign in first");
    },
  });
  await assert.rejects(none.predict(1), refusal("CREDENTIALS_FAILED", /: sign in first$/));
});

test("the region is the host's, and so is what is signed", async () => {
  let sent: Request | undefined;
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    sent = new Request(input, init);
    return Response.json("fine");
  };
  const url = "https://abcdefghij0123456789.lambda-url.ap-southeast-2.on.aws/";
  const client = createClient({ url, credentials: SESSION, fetch });
  assert.equal(await client.predict({ a: 1 }), "fine");
  assert.ok(sent);
  assert.equal(sent.url, `${url}predict`);
  const received = {
    method: sent.method,
    path: "/predict",
    headers: { ...Object.fromEntries(sent.headers), host: new URL(url).host },
    body: Buffer.from(await sent.arrayBuffer()),
  };
  assert.equal(await check(received, { ...SESSION, region: "ap-southeast-2" }, Date.now()), undefined);
  assert.throws(
    () => createClient({ url, credentials: KEYS, region: REGION }),
    refusal("OPTION_INVALID", /region is eu-west-1, and .* is in ap-southeast-2/),
  );
});

test("the stand-in is strict: what is changed after signing is refused", async (t) => {
  const changes: Record<string, (init: RequestInit & { headers: Record<string, string> }) => RequestInit> = {
    body: (init) => ({ ...init, body: "{}" }),
    "body hash": ({ headers, ...init }) => ({
      ...init,
      headers: { ...headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
    }),
    "content type": ({ headers, ...init }) => ({
      ...init,
      headers: { ...headers, "content-type": "text/plain" },
    }),
    "header that is not signed": ({ headers, ...init }) => ({
      ...init,
      headers: { ...headers, "x-amz-meta-more": "1" },
    }),
    method: (init) => ({ ...init, method: "PUT" }),
  };
  for (const [what, change] of Object.entries(changes)) {
    const { client } = await signed(
      t,
      {},
      {
        fetch: (input, init) => fetch(input, change(init as Parameters<typeof change>[0])),
      },
    );
    await assert.rejects(client.predict({ a: 1 }), refusal("URL_FORBIDDEN", /./), what);
  }
});

test("a 403 of AWS's says what is wrong", async (t) => {
  const said = async (aws: Partial<SignedUrlOptions>, mine: Partial<ClientOptions>, message: RegExp) => {
    const { client } = await signed(t, aws, mine);
    await assert.rejects(client.predict({}), (error) => {
      assert.equal((error as ColdframeClientError).status, 403);
      assert.doesNotMatch((error as Error).message, /EXAMPLEKEY/);
      return refusal("URL_FORBIDDEN", message)(error);
    });
  };
  await said(
    {},
    { credentials: undefined, region: undefined, url: (await signed(t)).url },
    /^AWS refused the request .* lambda:InvokeFunctionUrl and lambda:InvokeFunction .* cloudfront\.amazonaws\.com/,
  );
  await said({ region: "us-east-1" }, {}, /signed for eu-west-1, which is not where the URL is/);
  await said({ accessKeyId: "ANOTHER" }, {}, /expired, or AWS does not know them/);
  await said(SESSION, {}, /send the session token/);
  await said({ secretAccessKey: "another" }, {}, /secret access key belongs to the access key id/);
});

test("a 403 for want of a permission names both permissions; an application's own 403 stays what it is", async (t) => {
  let answer: [headers: Record<string, string>, body: string] = [{}, ""];
  const { url } = await startServer(t, (_, response) => {
    response.writeHead(403, answer[0]).end(answer[1]);
  });
  const at = (host: string, credentials?: typeof KEYS) =>
    createClient({ url: host, credentials, fetch: (_, init) => fetch(url, init) }).predict({});
  const functionUrl = "https://abc.lambda-url.eu-west-1.on.aws";
  answer = [{ "x-amzn-errortype": "AccessDeniedException" }, '{"Message":"Forbidden"}'];
  const both =
    "lambda:InvokeFunctionUrl and lambda:InvokeFunction \\(with lambda:InvokedViaFunctionUrl\\), both,";
  await assert.rejects(
    at(functionUrl, KEYS),
    refusal("URL_FORBIDDEN", new RegExp(`Who signs needs ${both} on the function or alias`)),
  );
  await assert.rejects(
    at(functionUrl),
    refusal("URL_FORBIDDEN", new RegExp(`AWS_IAM.*credentials.*NONE.*${both}`)),
  );
  // A browser is not shown AWS's own headers.
  answer = [{}, '{"Message":"Forbidden. For troubleshooting ..."}'];
  await assert.rejects(at(functionUrl, KEYS), refusal("URL_FORBIDDEN", new RegExp(both)));
  answer = [{}, '{"message":"members only"}'];
  await assert.rejects(at(functionUrl, KEYS), refusal("HTTP_403", /^\{"message":"members only"\}$/));
});

test("a clock that is wrong is set by AWS's, once, and not for a right one", async (t) => {
  for (const hours of [2, -2]) {
    const now = () => Date.now() + hours * 3_600_000;
    const { client, received } = await signed(t, { now });
    assert.ok(await client.predict({}));
    assert.ok(await client.predict({}));
    assert.equal(received.length, 3, "only the first request was wrong");
  }
  const { client, received } = await signed(t, { now: () => Date.now() + received.length * 3_600_000 });
  await assert.rejects(
    client.predict({}),
    refusal("URL_FORBIDDEN", /too far apart, about \d+ minutes\. Set this/),
  );
  assert.equal(received.length, 2);

  // It is none of the tries.
  const now = () => Date.now() + 3_600_000;
  let busy = 1;
  const standIn = await startSignedUrl(t, { ...KEYS, region: REGION, now }, (_, response) => {
    response
      .writeHead(busy-- > 0 ? 503 : 200, { "content-type": "application/json", "retry-after": "0" })
      .end("1");
  });
  const once = createClient({ url: standIn.url, region: REGION, credentials: KEYS, retries: 1 });
  assert.equal(await once.predict({}), 1);
});

test("an authorization header of the application's own has no place beside a signature", async (t) => {
  const { client, url } = await signed(t);
  const sentence = /AWS reads its signature from that header: send a key of your own in another one/;
  assert.throws(
    () => createClient({ url, region: REGION, credentials: KEYS, headers: { Authorization: "Bearer key" } }),
    refusal("OPTION_INVALID", sentence),
  );
  const headers = { authorization: "Bearer key" };
  await assert.rejects(client.predict({}, { headers }), refusal("OPTION_INVALID", sentence));
  await assert.rejects(client.fetch("/x", { headers }), refusal("OPTION_INVALID", sentence));
  assert.ok(await client.predict({}, { headers: { "x-api-key": "key" } }));
});

test("behind CloudFront a request has the hash of its body and no signature; elsewhere it has neither", async () => {
  const headersAt = async (url: string, options: Partial<ClientOptions> = {}, init?: RequestInit) => {
    let headers = new Headers();
    const fetch = async (_: unknown, sent?: RequestInit) => {
      headers = new Headers(sent?.headers);
      return Response.json(1);
    };
    await createClient({ url, fetch, ...options }).fetch("/predict", init);
    assert.equal(headers.get("authorization"), null);
    return headers.get("x-amz-content-sha256");
  };
  const post = { method: "POST", body: '{"a":"ü"}' };
  const hash = createHash("sha256").update(post.body).digest("hex");
  assert.equal(await headersAt("https://d111.cloudfront.net", {}, post), hash);
  assert.equal(await headersAt("https://models.example.com/base", {}, post), hash);
  assert.equal(await headersAt("https://d111.cloudfront.net", {}, { method: "POST" }), EMPTY);
  assert.equal(await headersAt("https://d111.cloudfront.net"), null);
  assert.equal(await headersAt("https://d111.cloudfront.net", { hashBody: false }, post), null);
  assert.equal(await headersAt("https://abc.lambda-url.eu-west-1.on.aws", {}, post), null);
  assert.equal(await headersAt("http://127.0.0.1:8080", {}, post), null);
  assert.throws(
    () => createClient({ url: "https://d111.cloudfront.net", credentials: KEYS }),
    refusal("OPTION_INVALID", /no function URL .* behind CloudFront leave them out/),
  );
});

test("nothing goes to another origin", async (t) => {
  const { client, received } = await signed(t);
  for (const input of [
    "https://evil.example/x",
    new URL("http://127.0.0.1:1/"),
    new Request("http://[::1]/"),
  ]) {
    await assert.rejects(client.fetch(input), refusal("OPTION_INVALID", /this client is for http:\/\/127/));
  }
  assert.equal(received.length, 0);
  await client.fetch("//evil.example/x");
  assert.equal(received[0]?.path, "//evil.example/x");
  await assert.rejects(client.predict({}, { path: "x" }), refusal("OPTION_INVALID", /begin it with "\/"/));
  for (const url of [
    "example.com",
    "ftp://example.com",
    "https://user:key@example.com",
    "https://a.example/?q=1",
  ]) {
    assert.throws(() => createClient({ url }), refusal("OPTION_INVALID", /url/));
  }
});

test("a path in the url goes before the path of a call", async (t) => {
  const { url } = await signed(t);
  const client = createClient({ url: `${url}/models/a/`, region: REGION, credentials: KEYS });
  assert.equal(client.url, `${url}/models/a`);
  assert.equal((await client.predict<{ path: string }>({})).path, "/models/a/predict");
  assert.equal((await client.predict<{ path: string }>({}, { path: "/x?y=1" })).path, "/models/a/x?y=1");
});

test("OpenAI's SDK signs with it, and streams", async (t) => {
  const { url, received } = await startSignedUrl(t, { ...SESSION, region: REGION }, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const content of ["Hello", " there"]) {
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
    }
    response.end("data: [DONE]\n\n");
  });
  const client = createClient({ url, region: REGION, credentials: SESSION });
  const options = { baseURL: `${client.url}/v1`, apiKey: "none", fetch: client.fetch, maxRetries: 0 };
  const openai = new OpenAI({ ...options, defaultHeaders: { authorization: null } });
  const request = {
    model: "any",
    messages: [{ role: "user" as const, content: "hi" }],
    stream: true as const,
  };
  let text = "";
  for await (const chunk of await openai.chat.completions.create(request)) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  assert.equal(text, "Hello there");
  assert.equal(received[0]?.path, "/v1/chat/completions");
  await assert.rejects(new OpenAI(options).chat.completions.create(request), (error: Error) => {
    assert.match(String(error.cause), /defaultHeaders: \{ authorization: null \}/);
    return true;
  });
});
