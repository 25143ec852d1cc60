// Whatever comes over a socket: no crash, no hang, no answer that blames the server, and the next good request is
// answered. The same bytes every time, from one seed.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test, type TestContext } from "node:test";
import * as fc from "fast-check";
import { buildServer, pause, startServer, type TestServer } from "../_server.ts";

const SEED = 20260;
const RUNS = 600;

/** A connection that is still open by then hangs. */
const PATIENCE_MS = 10_000;

/** Enough for what was written first to be read by itself. */
const APART_MS = 20;

const artifact = await buildServer({
  "config.yaml": "server:\n  max_body_mb: 1\n",
  "model/model.ts": "export default class Model { predict(input: unknown) { return { got: input }; } }\n",
});

let server: TestServer;
let stop: () => void = () => {};
before(async () => {
  const closing: (() => void)[] = [];
  const outliving = { after: (run: () => void) => closing.push(run) } as unknown as TestContext;
  server = await startServer(outliving, artifact);
  stop = () => closing.forEach((run) => run());
});
after(() => stop());

/**
 * Send pieces one after another, and read until the other side ends.
 * @param ends whether this side does before that; a caller that closes its half has left
 */
async function send(
  pieces: readonly (string | Uint8Array)[],
  { apartMs = 0, ends = true } = {},
): Promise<string> {
  const socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true });
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  // A refusal may come before all was said, and close the door on the rest.
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve, reject) => {
    const patience = setTimeout(() => {
      socket.destroy();
      reject(new Error(`a connection hangs; received:\n${text}`));
    }, PATIENCE_MS);
    socket.on("close", () => {
      clearTimeout(patience);
      resolve();
    });
  });
  for (const [i, piece] of pieces.entries()) {
    if (i > 0 && apartMs > 0) await pause(apartMs);
    socket.write(piece);
  }
  if (ends) socket.end();
  await closed;
  return text;
}

const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** The server is as it was: nothing in flight, nothing broken. */
async function assertWell(): Promise<void> {
  const { json } = await server.post({ well: true });
  assert.deepEqual(json, { got: { well: true } });
  const errors = server.log().filter(({ level }) => level.toUpperCase() === "ERROR");
  assert.deepEqual(errors, []);
  // The one that is asking.
  for (const until = Date.now() + PATIENCE_MS; ; await pause()) {
    const { text } = await server.get("/metrics");
    const inFlight = /^coldframe_requests_in_flight (\d+)$/m.exec(text)?.[1];
    if (inFlight === "1") return;
    if (Date.now() > until) assert.fail(`${inFlight} requests are still in flight`);
  }
}

/** No answer blames the server for what `pieces` say. */
async function assertHarmless(pieces: readonly (string | Uint8Array)[]): Promise<void> {
  const text = await send(pieces);
  for (const status of statuses(text)) assert.ok(status < 500, text);
}

const check = (pieces: fc.Arbitrary<readonly (string | Uint8Array)[]>): Promise<void> =>
  fc.assert(fc.asyncProperty(pieces, assertHarmless), { seed: SEED, numRuns: RUNS, endOnFailure: true });

describe("bytes at random", () => {
  test("that are no HTTP", async () => {
    const bytes = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 });
    await check(bytes);
    await assertWell();
  });

  test("in the place of some of a good request", async () => {
    const damaged = fc
      .tuple(fc.nat(), fc.nat({ max: 8 }), fc.uint8Array({ maxLength: 8 }), fc.constantFrom(CHUNKED, LENGTH))
      .map(([place, removed, put, good]) => {
        const at = place % good.length;
        return [good.slice(0, at), put, good.slice(at + removed)];
      });
    await check(damaged);
    await assertWell();
  });
});

const BODY = '{"text":"Once upon a time"}';

const LENGTH = `POST /predict HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

const CHUNKED = `POST /predict HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunks(BODY, [5, 1, 12])}`;

/** A chunked body, its chunks of these sizes and one with the rest. */
function chunks(body: string, sizes: readonly number[], extension = "", trailers = ""): string {
  let text = "";
  let at = 0;
  for (const size of [...sizes, body.length]) {
    const chunk = body.slice(at, at + size);
    at += chunk.length;
    if (chunk) text += `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`;
  }
  return `${text}0\r\n${trailers}\r\n`;
}

/** What HTTP lets into a header, and now and then what it does not. */
const word = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/) },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 20 }) },
);
const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/);

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("POST", "POST", "GET") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("HEAD", "PUT", "OPTIONS", "DELETE", "TRACE", "CONNECT", "PRI", "M-SEARCH"),
  },
  { weight: 1, arbitrary: token },
);

const target = fc.oneof(
  fc.constantFrom(
    "/predict",
    "/predict?a=%",
    "/invocations",
    "/v1/models/a:predict",
    "/v2/models/test/infer",
  ),
  fc.constantFrom(
    "/v1/chat/completions",
    "/v1/",
    "/v2",
    "/metrics",
    "/ping?",
    "/%",
    "*",
    "/",
    "//",
    "http://",
  ),
  fc.constantFrom(
    "/__proto__",
    "/constructor",
    "/v1/models/%00/x",
    "/predict/../ping",
    "http://a.example/ping",
  ),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  word.map((text) => `/${text}`),
);

const type = fc.constantFrom(
  "application/json",
  "text/plain",
  "application/octet-stream",
  "application/msgpack",
  "multipart/form-data; boundary=x",
  "application/x-www-form-urlencoded",
  "application/json; charset=utf-16",
);

const header = fc.oneof(
  fc.tuple(token, word),
  fc.tuple(fc.constant("content-type"), fc.oneof(type, type, word)),
  fc.tuple(fc.constantFrom("accept", "accept-encoding", "x-request-id", "traceparent", "cookie"), word),
  fc.tuple(
    fc.constantFrom("accept", "accept-encoding", "content-encoding", "expect", "connection", "upgrade"),
    fc.constantFrom(
      "gzip",
      "br;q=x",
      "identity",
      "100-continue",
      "upgrade",
      "close",
      "text/event-stream",
      ",;=,",
    ),
  ),
);

/** The body, and the headers that say where it ends; one in five lies. */
const framed = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ says: "", body: "" }) },
  {
    weight: 2,
    arbitrary: fc
      .oneof(fc.json(), word)
      .map((text) => ({ says: `content-length: ${Buffer.byteLength(text)}\r\n`, body: text })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.json({ stringUnit: "grapheme-ascii" }), fc.array(fc.nat({ max: 9 }), { maxLength: 5 }), token)
      .map(([text, sizes, name]) => ({
        says: "transfer-encoding: chunked\r\n",
        body: chunks(text, sizes, `;${name}=1`, `${name}: x\r\n`),
      })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom("content-length", "transfer-encoding"),
        fc.oneof(fc.constantFrom("0", "27", "-1", "1e3", "99999999999999999999", "gzip, chunked"), word),
        fc.json(),
      )
      .map(([name, value, body]) => ({ says: `${name}: ${value}\r\n`, body })),
  },
);

const request = fc
  .record({
    method,
    target,
    version: fc.oneof(
      { weight: 9, arbitrary: fc.constant("HTTP/1.1") },
      { weight: 1, arbitrary: fc.constantFrom("HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "ICY") },
    ),
    host: fc.oneof({ weight: 9, arbitrary: fc.constant("host: test\r\n") }, { weight: 1, arbitrary: word }),
    headers: fc.array(header, { maxLength: 4 }),
    framed,
  })
  .map(({ method, target, version, host, headers, framed }) => {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return `${method} ${target} ${version}\r\n${host}${lines}${framed.says}\r\n${framed.body}`;
  });

test("requests at random, several on a connection, cut anywhere", async () => {
  const cut = fc
    .tuple(
      fc.array(request, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat({ max: 400 }), { maxLength: 4 }),
    )
    .map(([requests, places]) => {
      const text = requests.join("");
      const at = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length];
      return at.slice(1).map((end, i) => text.slice(at[i], end));
    });
  await check(cut);
  await assertWell();
});

for (const [what, good] of [
  ["with a length", LENGTH],
  ["in chunks", CHUNKED],
] as const) {
  const everywhere = Array.from({ length: good.length - 1 }, (_, i) => i + 1);

  test(`a good request ${what} may be cut at every byte`, async () => {
    const answers = await Promise.all(
      everywhere.map((at) => send([good.slice(0, at), good.slice(at)], { apartMs: APART_MS, ends: false })),
    );
    for (const answer of answers) {
      assert.match(answer, /^HTTP\/1\.1 200 [^]*\{"got":\{"text":"Once upon a time"\}\}$/);
    }
  });

  test(`a good request ${what} may end at every byte`, async () => {
    const answers = await Promise.all(everywhere.map((at) => send([good.slice(0, at)])));
    for (const answer of answers) assert.ok(!/^HTTP\/1\.1 [25]/.test(answer), answer);
    await assertWell();
  });
}
