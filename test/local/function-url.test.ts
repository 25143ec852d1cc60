// The function URL: events as AWS makes them, answers as AWS gives them, and brokenness that an HTTP client can see.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFunctionUrl } from "../../adapter/local/function-url.ts";
import type { FunctionUrlEvent } from "../../adapter/local/function-url-event.ts";
import type { FunctionError } from "../../adapter/local/outcome.ts";
import { start } from "./_lambda.ts";

async function serve(t: TestContext, handler: string, options: Parameters<typeof start>[2] = {}) {
  const lambda = await start(t, handler, options);
  const errors: FunctionError[] = [];
  const answers: { path: string; status: number; whole: boolean }[] = [];
  const front = await startFunctionUrl({
    lambda: () => lambda,
    onError: (error) => errors.push(error),
    onAnswer: (answer) => answers.push(answer),
  });
  t.after(() => front.close());
  return { ...front, lambda, errors, answers };
}

/** Bytes on the wire, for what fetch would tidy up; resolves to the answer's bytes and whether it was cut off. */
async function raw(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(request);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  await once(socket, "close");
  return text;
}

test("a request becomes a payload 2.0 event", async (t) => {
  const { url } = await serve(t, "wire.urlEcho");
  const answer = await raw(
    url,
    "POST /a%2Fb//c?x=1&y=%C3%A9&x=2&empty= HTTP/1.1\r\nHost: h:1\r\nCookie: a=1; b=2\r\nX-Twice: one\r\nX-TWICE: two\r\n" +
      "Cookie: c=3\r\nContent-Type: application/json; charset=utf-8\r\nUser-Agent: me\r\nContent-Length: 9\r\nConnection: close\r\n\r\n" +
      '{"é":1}\n',
  );
  const body = answer.slice(answer.indexOf("\r\n\r\n") + 4).split("\r\n")[1] ?? "";
  const event = JSON.parse(Buffer.from(body, "latin1").toString()) as FunctionUrlEvent & {
    requestContext: { time: string; timeEpoch: number; requestId: string; http: unknown };
  };
  assert.partialDeepStrictEqual(event, {
    version: "2.0",
    routeKey: "$default",
    rawPath: "/a%2Fb//c",
    rawQueryString: "x=1&y=%C3%A9&x=2&empty=",
    queryStringParameters: { x: "1,2", y: "é", empty: "" },
    cookies: ["a=1", "b=2", "c=3"],
    body: '{"é":1}\n',
    isBase64Encoded: false,
  });
  assert.partialDeepStrictEqual(event.headers, {
    host: "h:1",
    "x-twice": "one,two",
    "content-type": "application/json; charset=utf-8",
    "content-length": "9",
    "x-forwarded-proto": "http",
    "x-forwarded-for": "127.0.0.1",
  });
  assert.match(event.headers["x-amzn-trace-id"] ?? "", /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  for (const name of ["cookie", "connection"]) assert.ok(!(name in event.headers), name);
  const { requestContext: context } = event;
  assert.partialDeepStrictEqual(context, {
    accountId: "anonymous",
    stage: "$default",
    routeKey: "$default",
    domainName: "h:1",
  });
  assert.deepEqual(context.http, {
    method: "POST",
    path: "/a%2Fb//c",
    protocol: "HTTP/1.1",
    sourceIp: "127.0.0.1",
    userAgent: "me",
  });
  assert.match(context.time, /^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  assert.ok(Math.abs(context.timeEpoch - Date.now()) < 60_000);
  assert.match(answer, new RegExp(`x-amzn-requestid: ${context.requestId}`));
});

test("a body is text or base64 by its content type, and absent when empty", async (t) => {
  const { url } = await serve(t, "wire.urlEcho");
  const eventOf = async (type: string | undefined, body: string | Uint8Array<ArrayBuffer>, more = {}) => {
    const headers: Record<string, string> = { ...(type !== undefined && { "content-type": type }), ...more };
    const response = await fetch(url, { method: "POST", headers, body });
    return (await response.json()) as FunctionUrlEvent;
  };
  for (const type of [
    "text/csv",
    "application/vnd.api+json",
    "image/svg+xml; a=b",
    "application/x-www-form-urlencoded",
  ]) {
    const { body, isBase64Encoded } = await eventOf(type, "a=1");
    // AWS's list names application types for +xml; image/svg+xml is binary there.
    if (type.startsWith("image/")) assert.deepEqual([body, isBase64Encoded], ["YT0x", true]);
    else assert.deepEqual([body, isBase64Encoded], ["a=1", false], type);
  }
  for (const type of ["application/octet-stream", "image/png", "audio/wav", undefined]) {
    const bytes = new Uint8Array([0, 255, 128]);
    const { body, isBase64Encoded } = await eventOf(type, bytes);
    assert.deepEqual([body, isBase64Encoded], ["AP+A", true], type);
  }
  const packed = await eventOf("application/json", new Uint8Array([0, 255, 128]), {
    "content-encoding": "gzip",
  });
  assert.deepEqual([packed.body, packed.isBase64Encoded], ["AP+A", true], "compressed JSON is no text");
  const get = (await (await fetch(url)).json()) as FunctionUrlEvent;
  assert.deepEqual([get.rawPath, get.rawQueryString, get.isBase64Encoded], ["/", "", false]);
  for (const key of ["body", "cookies", "queryStringParameters"]) assert.ok(!(key in get), key);
});

test("a buffered result becomes the answer", async (t) => {
  const { url, errors } = await serve(t, "wire.urlResult");
  const answer = (result: unknown, method = "POST") =>
    fetch(url, { method, body: JSON.stringify(result), headers: { "content-type": "text/plain" } });
  const plain = await answer({ a: 1 });
  assert.deepEqual(
    [plain.status, plain.headers.get("content-type"), await plain.json()],
    [200, "application/json", { a: 1 }],
  );
  const full = await answer({
    statusCode: 418,
    headers: { "X-A": "b", "content-type": "text/plain", "transfer-encoding": "chunked" },
    cookies: ["a=1; Path=/", "b=2"],
    body: "tea",
  });
  assert.deepEqual([full.status, full.headers.get("x-a"), await full.text()], [418, "b", "tea"]);
  assert.deepEqual(full.headers.getSetCookie(), ["a=1; Path=/", "b=2"]);
  assert.equal(full.headers.get("content-length"), "3");
  const binary = await answer({ statusCode: 200, body: "AP+A", isBase64Encoded: true });
  assert.deepEqual([...new Uint8Array(await binary.arrayBuffer())], [0, 255, 128]);
  assert.equal(binary.headers.get("content-type"), "application/json");
  assert.equal((await answer({ statusCode: 204 })).status, 204);
  for (const bad of [
    { statusCode: "ok" },
    { statusCode: 200, body: {} },
    { statusCode: 200, headers: { a: "b\r\nc: d" } },
  ]) {
    const refused = await answer(bad);
    assert.deepEqual([refused.status, await refused.json()], [502, { Message: "Internal Server Error" }]);
  }
  assert.deepEqual(
    errors.map(({ errorType }) => errorType),
    Array(3).fill("Runtime.InvalidResponse"),
  );
});

test("a streamed answer has the prelude's head at once, and its chunks as they come", async (t) => {
  const { url, answers } = await serve(t, "wire.preludeDeferred");
  const startedAt = performance.now();
  const response = await fetch(url);
  const headMs = performance.now() - startedAt;
  assert.deepEqual([response.status, response.headers.get("x-a")], [201, "b"]);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1; Path=/", "b=2"]);
  assert.equal(await response.text(), "body");
  assert.ok(performance.now() - startedAt - headMs >= 150);
  await sleep(10);
  assert.partialDeepStrictEqual(answers, [{ path: "/", status: 201, whole: true }]);
});

test("without a prelude it is 200 and octet-stream, with an empty body too", async (t) => {
  const { url } = await serve(t, "wire.urlStream");
  const answer = (chunks: string[], method = "POST", prelude?: unknown) =>
    fetch(url, {
      method,
      body: JSON.stringify({ prelude, chunks }),
      headers: { "content-type": "text/plain" },
    });
  const plain = await answer(["a", "b"]);
  assert.deepEqual(
    [plain.status, plain.headers.get("content-type"), await plain.text()],
    [200, "application/octet-stream", "ab"],
  );
  const empty = await answer([]);
  assert.deepEqual([empty.status, await empty.text()], [200, ""]);
  const none = await answer(["ignored"], "POST", { statusCode: 304 });
  assert.deepEqual([none.status, await none.text()], [304, ""]);
});

test("HEAD has the head and no body", async (t) => {
  const { url, answers } = await serve(t, "wire.streamed");
  const text = await raw(url, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assert.match(text, /^HTTP\/1.1 201 /);
  assert.ok(text.endsWith("\r\n\r\n"));
  assert.equal(answers[0]?.whole, true);
});

test("an error is 502 without its reason, which onError has", async (t) => {
  const { url, errors } = await serve(t, "wire.failsBefore");
  const response = await fetch(url);
  assert.deepEqual([response.status, await response.json()], [502, { Message: "Internal Server Error" }]);
  assert.equal(errors[0]?.errorMessage, "before");
  const init = await serve(t, "init-throws.handler");
  assert.equal((await fetch(init.url)).status, 502);
  assert.equal(init.errors[0]?.errorMessage, "top-level boom");
});

for (const handler of ["wire.failsMidway", "wire.destroys"]) {
  test(`a stream that is not whole is broken off: ${handler}`, async (t) => {
    const { url, errors, answers } = await serve(t, handler);
    const text = await raw(url, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert.ok(text.includes("4\r\none\n\r\n"), text);
    assert.ok(!text.includes("\r\n0\r\n"), "has the terminating chunk");
    assert.equal(errors.length, 1);
    assert.equal(answers[0]?.whole, false);
    await assert.rejects((await fetch(url)).text());
  });
}

test("a request over 6 MB is 413", async (t) => {
  const { url, lambda } = await serve(t, "wire.urlEcho");
  const response = await fetch(url, { method: "POST", body: Buffer.alloc(6 * 1024 * 1024 + 1) });
  assert.equal(response.status, 413);
  assert.match(((await response.json()) as { Message: string }).Message, /smaller than 6291456 bytes/);
  // In base64 it is too large as an event, though not as a body.
  assert.equal((await fetch(url, { method: "POST", body: Buffer.alloc(5 * 1024 * 1024) })).status, 413);
  assert.deepEqual(lambda.exchanges, []);
});

test("a client that leaves closes the function's stream, and the process serves on", async (t) => {
  const { url, lambda, errors } = await serve(t, "wire.noticesClose");
  const leaving = new AbortController();
  const response = await fetch(url, { signal: leaving.signal });
  await response.body?.getReader().read();
  leaving.abort();
  assert.deepEqual(await (await fetch(`${url}/ask`)).json(), { closes: 1, left: "destroyed true" });
  assert.equal(lambda.restarts, 0);
  assert.equal(errors[0]?.errorType, "Client.Disconnected");
});

test("a slow HTTP client stops the function's writes", async (t) => {
  const { url, lambda } = await serve(t, "wire.floods");
  const socket = connect(Number(new URL(url).port), "127.0.0.1").pause();
  t.after(() => socket.destroy());
  socket.write("GET /floods HTTP/1.1\r\nHost: h\r\n\r\n");
  const accepted = () => Number(/accepted (\d+)/.exec(lambda.lines.at(-1) ?? "")?.[1] ?? 0);
  let before = -1;
  while (accepted() === 0 || accepted() !== before) {
    before = accepted();
    await sleep(200);
  }
  assert.ok(before < 32 * 1024 * 1024, `accepted ${before} bytes`);
});

test("a taken port rejects with EADDRINUSE", async (t) => {
  const { url, lambda } = await serve(t, "wire.echo");
  await assert.rejects(startFunctionUrl({ lambda: () => lambda, port: Number(new URL(url).port) }), {
    code: "EADDRINUSE",
  });
});
