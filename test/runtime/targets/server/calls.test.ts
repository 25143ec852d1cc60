// Calls as bytes on a socket: what HTTP allows that must work, what it forbids that must be refused in our own words,
// and how an answer ends that could not be finished.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildServer, isWhole, rawPost, startServer } from "../_server.ts";
import { MODEL } from "./_model.ts";

const artifact = await buildServer({
  "model/model.ts": MODEL,
  "config.yaml": "runtime:\n  predict_concurrency: 8\nserver:\n  max_body_mb: 1\n",
});

const MEGABYTE = 2 ** 20;

describe("a call", () => {
  test("reaches the model with what the caller said of it", async (t) => {
    const server = await startServer(t, artifact);
    const headers = { "x-request-id": "from-the-gateway.1", "x-two": "b" };
    const { json, headers: answered } = await server.post({ about: true }, { headers });
    assert.equal(json.id, "from-the-gateway.1");
    assert.equal(answered.get("x-request-id"), "from-the-gateway.1");
    assert.equal(json.source, "http");
    assert.equal(json.deadline, "Infinity");
    assert.equal(json.headers["x-two"], "b");
    assert.match(json.url, /\/predict$/);
  });

  test("gets a name of ours where its own could not be logged", async (t) => {
    const server = await startServer(t, artifact);
    const { headers } = await server.post({}, { headers: { "x-request-id": "a b\tc" } });
    assert.match(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
  });

  test("comes and goes over one connection, again and again", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost({ n: 1 }));
    assert.match(await connection.reads(/\{"got":\{"n":1\}\}$/), /^Keep-Alive: timeout=75\r$/m);
    connection.write(rawPost({ n: 2 }));
    await connection.reads(/\{"got":\{"n":2\}\}$/);
  });

  test("is answered in the order of a pipeline", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost({ words: 3 }) + rawPost({ n: 2 }) + rawPost({ n: 3 }));
    const text = await connection.reads(/\{"got":\{"n":3\}\}$/);
    assert.match(text, /"word":0[^]*"word":2[^]*\{"got":\{"n":2\}\}[^]*\{"got":\{"n":3\}\}$/);
  });

  test("HEAD is GET without a body", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write("HEAD /ping HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    const { text } = await connection.closed();
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(text, /\r\n\r\n$/);
  });

  test("may name the whole address, as proxies do", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write("GET http://model.example/health/live?a=1 HTTP/1.1\r\nhost: test\r\n\r\n");
    await connection.reads(/^HTTP\/1\.1 200 OK[^]*\{"status":"alive"\}$/);
  });

  test("of HTTP/1.0 is answered, and its connection closed", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write("GET / HTTP/1.0\r\n\r\n");
    const { text } = await connection.closed();
    assert.match(text, /^HTTP\/1\.1 200 OK[^]*\{"status":"alive"\}$/);
  });

  test("gets the cookies, the status and the headers of a Response", async (t) => {
    const server = await startServer(t, artifact);
    const response = {
      body: "made",
      status: 201,
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["x-kind", "pot"],
      ],
    };
    const answer = await server.post({ response });
    assert.equal(answer.status, 201);
    assert.equal(answer.text, "made");
    assert.deepEqual(answer.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.equal(answer.headers.get("x-kind"), "pot");
  });

  test("gets a large answer compressed where it takes that, and a stream never", async (t) => {
    const server = await startServer(t, artifact);
    const headers = { "accept-encoding": "gzip" };
    const text = "a".repeat(10_000);
    const answer = await server.post({ text }, { headers });
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.deepEqual(answer.json, { got: { text } });
    const stream = await server.post({ words: 5 }, { headers });
    assert.equal(stream.headers.get("content-encoding"), null);
  });

  test("gets an empty Response with a length", async (t) => {
    const server = await startServer(t, artifact);
    const answer = await server.post({ response: { body: null, status: 200 } });
    assert.equal(answer.headers.get("content-length"), "0");
    assert.equal(
      (await server.post({ response: { body: null, status: 204 } })).headers.get("content-length"),
      null,
    );
  });

  test("that no route takes is refused in our own words", async (t) => {
    const server = await startServer(t, artifact);
    assert.equal((await server.get("/nope")).json.error.code, "ROUTE_NOT_FOUND");
    const wrong = await server.get("/predict");
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "POST");
  });

  test("that takes too long is given up, by config", async (t) => {
    const short = await buildServer({
      "model/model.ts": MODEL,
      "config.yaml": "server:\n  request_timeout_seconds: 1\n",
    });
    const server = await startServer(t, short);
    const answer = await server.post({ never: true });
    assert.equal(answer.status, 504);
    assert.equal(answer.json.error.code, "PREDICT_TIMEOUT");
    assert.deepEqual((await server.post({ a: 1 })).json, { got: { a: 1 } });
  });
});

describe("a body", () => {
  test("in many pieces, and one without a length, arrives whole", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    const head =
      "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.write(head);
    for (const piece of ["{", '"a"', ":", "1}"]) {
      connection.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    connection.write("0\r\n\r\n");
    await connection.reads(/\{"got":\{"a":1\}\}$/);
  });

  test("as large as it may be arrives", async (t) => {
    const server = await startServer(t, artifact);
    const headers = { "content-type": "application/octet-stream" };
    const answer = await server.post(undefined, { body: Buffer.alloc(MEGABYTE), headers });
    assert.deepEqual(answer.json, { bytes: MEGABYTE });
  });

  test("that says it is too large is refused before it is read", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost("", { "content-length": String(MEGABYTE + 1) }));
    const text = await connection.reads(/\}$/);
    assert.match(text, /^HTTP\/1\.1 413 [^]*INPUT_TOO_LARGE[^]*server\.max_body_mb/);
    assert.match(text, /^connection: close\r$/im);
    await connection.closed();
  });

  test("that turns out to be too large is refused, and its sender reads so", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write("POST /predict HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    const chunk = `10000\r\n${"a".repeat(0x10000)}\r\n`;
    for (let i = 0; i < 64; i++) connection.write(chunk);
    assert.match(await connection.reads(/\}$/), /^HTTP\/1\.1 413 /);
    // A reset might take the answer with it.
    assert.equal((await connection.closed()).reset, false);
  });

  test("is sent for when it is wanted: Expect: 100-continue", async (t) => {
    const server = await startServer(t, artifact);
    const wanted = await server.connect();
    const [head = "", body = ""] = rawPost({ a: 1 }, { expect: "100-continue" }).split(/(?<=\r\n\r\n)/);
    wanted.write(head);
    await wanted.reads(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    wanted.write(body);
    await wanted.reads(/\{"got":\{"a":1\}\}$/);

    const unwanted = await server.connect();
    unwanted.write(head.replace("/predict", "/nope"));
    assert.match(await unwanted.reads(/\}$/), /^HTTP\/1\.1 404 /);
    const large = await server.connect();
    large.write(head.replace(/content-length: \d+/, `content-length: ${9 * MEGABYTE}`));
    assert.match(await large.reads(/\}$/), /^HTTP\/1\.1 413 /);
  });

  test("that nobody read is not taken for the next request", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost("", { "content-length": "500" }).replace("/predict", "/nope"));
    await connection.reads(/ROUTE_NOT_FOUND/);
    connection.write("GET /ping HTTP/1.1\r\nhost: smuggled\r\n\r\n");
    const { text } = await connection.closed();
    assert.equal(text.match(/^HTTP\/1\.1/gm)?.length, 1);
  });
});

describe("what is not HTTP", () => {
  const refusals: [what: string, bytes: string, status: number, code: string][] = [
    ["no request at all", "HELO model\r\n\r\n", 400, "INPUT_INVALID"],
    ["no host", "GET / HTTP/1.1\r\n\r\n", 400, "INPUT_INVALID"],
    [
      "a head over 16 KB",
      `GET / HTTP/1.1\r\nhost: test\r\nx-long: ${"a".repeat(20_000)}\r\n\r\n`,
      431,
      "INPUT_TOO_LARGE",
    ],
    [
      "two lengths, which smugglers send",
      "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
      400,
      "INPUT_INVALID",
    ],
    [
      "a length beside chunks, which smugglers send too",
      "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
      "INPUT_INVALID",
    ],
  ];
  for (const [what, bytes, status, code] of refusals) {
    test(`${what}: ${status}`, async (t) => {
      const server = await startServer(t, artifact);
      const connection = await server.connect();
      connection.write(bytes);
      const text = await connection.reads(/\}$/);
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(JSON.parse(text.slice(text.indexOf("{"))).error.code, code);
      assert.equal((await server.get("/ping")).status, 200);
    });
  }
});

describe("a stream", () => {
  test("that is whole ends as HTTP says", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost({ words: 3 }));
    assert.ok(isWhole(await connection.reads(/0\r\n\r\n$/)));
  });

  test("has its first item with the caller while the model computes the second", async (t) => {
    const server = await startServer(t, artifact);
    const folder = mkdtempSync(join(tmpdir(), "coldframe-test-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "read");
    const connection = await server.connect();
    connection.write(rawPost({ file }));
    await connection.reads(/"first":true/);
    writeFileSync(file, "");
    assert.match(await connection.reads(/0\r\n\r\n$/), /"wasThere":true/);
  });

  test("that fails says so in its own format, and breaks off", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost({ words: 5, failAfter: 2 }));
    const { text } = await connection.closed();
    assert.match(text, /"word":1[^]*"code":"PREDICT_FAILED"/);
    assert.ok(!isWhole(text), text);
    const answer = server.post({ words: 5, failAfter: 2 });
    await assert.rejects(answer, { name: "TypeError", message: "terminated" });
  });

  test("that fails before its first item is an honest error", async (t) => {
    const server = await startServer(t, artifact);
    assert.equal((await server.post({ words: 5, failAfter: 0 })).status, 500);
  });

  test("that fails for a caller of HTTP/1.0, whose bodies end with the connection, is reset", async (t) => {
    const server = await startServer(t, artifact);
    const connection = await server.connect();
    connection.write(rawPost({ words: 5, failAfter: 2 }).replace("HTTP/1.1", "HTTP/1.0"));
    assert.equal((await connection.closed()).reset, true);
  });

  test("is gathered for who wants one document", async (t) => {
    const server = await startServer(t, artifact);
    const answer = await server.post({ words: 2 }, { headers: { accept: "application/json" } });
    assert.deepEqual(answer.json, [{ word: 0 }, { word: 1 }]);
  });
});

test("node:http's own agent keeps its connection through errors and streams", async (t) => {
  const server = await startServer(t, artifact);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ports = new Set<number | undefined>();
  for (const body of [{ a: 1 }, { words: 2 }, { words: 1, failAfter: 0 }, { a: 2 }]) {
    await new Promise<void>((resolve, reject) => {
      const headers = { "content-type": "application/json" };
      request(server.url + "/predict", { agent, method: "POST", headers }, (response) => {
        ports.add(response.socket.localPort);
        response.resume().on("end", resolve);
      })
        .on("error", reject)
        .end(JSON.stringify(body));
    });
  }
  assert.equal(ports.size, 1);
});
