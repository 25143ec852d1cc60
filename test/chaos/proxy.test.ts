// Each fault of the proxy really happens, and what is not one does not. Read over a bare socket, because an HTTP client
// would hide most of them.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { request } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { makeCertificate } from "./_certificate.ts";
import { BROKEN_FAULTS, type Fault, FAULTS, LAWFUL_FAULTS } from "./_faults.ts";
import { type FaultProxy, startFaultProxy } from "./_proxy.ts";
import { randomBytes } from "./_random.ts";

const OBJECT = randomBytes(1, "object", 300_000);
const ETAG = '"of the object"';
const FROM = 1000;
const TO = 200_999;
const PART = OBJECT.subarray(FROM, TO + 1);

const upstream = createServer((request, response) => {
  if (request.url === "/list") {
    // Two writes: no Content-Length.
    response.write("<Contents>");
    response.end("</Contents>");
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")?.map(Number) ?? [];
  const range = from === undefined || to === undefined ? undefined : { from, to };
  const body = range ? OBJECT.subarray(range.from, range.to + 1) : OBJECT;
  if (range) response.setHeader("Content-Range", `bytes ${range.from}-${range.to}/${OBJECT.length}`);
  response.writeHead(range ? 206 : 200, { ETag: ETAG, "Content-Length": body.length });
  response.end(request.method === "HEAD" ? undefined : body);
});

before(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
});
after(() => void upstream.close());

interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly head: string;
  readonly body: Buffer;
  /** How the connection ended; "open" when all had come that was waited for. */
  readonly end: "open" | "closed" | "ECONNRESET" | "ECONNREFUSED";
  readonly pieces: number;
}

interface Get {
  readonly method?: string;
  readonly path?: string;
  /** Default: as many bytes of the body as Content-Length says. The end of the connection is always enough. */
  readonly until?: "end" | "more";
}

/** One GET of the part. */
async function get(
  url: string,
  { method = "GET", path = "/bucket/key", until }: Get = {},
): Promise<Received> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<Received["end"]>();
  const chunks: Buffer[] = [];
  const split = () => {
    const bytes = Buffer.concat(chunks);
    const at = bytes.indexOf("\r\n\r\n");
    const head = at < 0 ? bytes.toString("latin1") : bytes.toString("latin1", 0, at);
    const [first = "", ...lines] = head.split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.split(": ")[0]?.toLowerCase(), line.split(": ")[1]]),
    );
    return {
      status: Number(first.split(" ")[1]),
      headers,
      head,
      body: at < 0 ? Buffer.alloc(0) : bytes.subarray(at + 4),
    };
  };
  const complete = () => {
    const { headers, body } = split();
    if (headers["transfer-encoding"] !== undefined) return body.toString("latin1").endsWith("0\r\n\r\n");
    const length = headers["content-length"];
    if (length === undefined || until === "end") return false;
    return body.length >= (method === "HEAD" ? 0 : Number(length)) + (until === "more" ? 1 : 0);
  };
  socket
    .on("data", (chunk) => {
      chunks.push(chunk);
      if (complete()) resolve("open");
    })
    .on("end", () => resolve("closed"))
    .on("error", ({ code }: NodeJS.ErrnoException) => resolve(code as Received["end"]))
    .write(`${method} ${path} HTTP/1.1\r\nHost: bucket\r\nRange: bytes=${FROM}-${TO}\r\n\r\n`);
  const end = await promise;
  socket.destroy();
  return { ...split(), end, pieces: chunks.length };
}

/** Enough for each of a fault's two faces, and for some places in the body. */
const SEEDS = [1, 2, 3, 4];

async function withFault(
  kind: Fault,
  seed: number,
  body: (proxy: FaultProxy) => Promise<void>,
): Promise<void> {
  const { port } = upstream.address() as AddressInfo;
  const proxy = await startFaultProxy(`http://127.0.0.1:${port}`, {
    seed,
    rate: 1,
    max: 1,
    kinds: [kind],
    stallMs: 20,
    slowMs: 40,
    refuseMs: 20,
  });
  try {
    await body(proxy);
    assert.equal(proxy.requests[0]?.fault, kind);
    // The limit is reached: from here on the server is itself.
    for (;;) {
      const good = await get(proxy.url);
      if (good.end === "ECONNREFUSED") continue;
      assert.equal(good.status, 206);
      assert.ok(good.body.equals(PART));
      break;
    }
  } finally {
    await proxy.close();
  }
}

const isGood = ({ status, headers, body }: Received) => {
  assert.equal(status, 206);
  assert.equal(headers["content-range"], `bytes ${FROM}-${TO}/${OBJECT.length}`);
  assert.equal(headers["content-length"], String(PART.length));
  assert.equal(headers["etag"], ETAG);
  assert.ok(body.equals(PART));
};

const isPrefix = ({ body }: Received) => {
  assert.ok(body.length < PART.length);
  assert.ok(body.equals(PART.subarray(0, body.length)));
};

const EXPECTED: Record<Fault, (received: Received) => void> = {
  reset: ({ end, head }) => assert.deepEqual([end, head], ["ECONNRESET", ""]),
  close: ({ end, head }) => assert.deepEqual([end, head], ["closed", ""]),
  silent: ({ end, head }) => assert.deepEqual([end, head], ["ECONNRESET", ""]),
  garbage: ({ end, head }) => {
    assert.equal(end, "closed");
    assert.doesNotMatch(head, /^HTTP/);
    assert.notEqual(head, "");
  },
  refuse: ({ end }) => assert.equal(end, "ECONNRESET"),
  "stall-head": ({ end, head, body }) => {
    assert.equal(end, "ECONNRESET");
    assert.ok(head.length > 0 && body.length === 0);
  },
  "endless-head": ({ end, head }) => {
    assert.equal(end, "ECONNRESET");
    assert.ok(head.length > 100_000);
  },
  "reset-body": (received) => {
    assert.equal(received.end, "ECONNRESET");
    isPrefix(received);
  },
  "stall-body": (received) => {
    assert.equal(received.end, "ECONNRESET");
    isPrefix(received);
  },
  truncate: (received) => {
    assert.equal(received.end, "closed");
    isPrefix(received);
  },
  "half-close": (received) => {
    assert.equal(received.end, "closed");
    isPrefix(received);
  },
  flip: ({ body }) => {
    assert.equal(body.length, PART.length);
    const different = body.reduce((bits, byte, i) => bits + ones(byte ^ (PART[i] ?? 0)), 0);
    assert.equal(different, 1);
  },
  duplicate: ({ body }) => {
    assert.equal(body.length, PART.length);
    const same = body.findIndex((byte, i) => byte !== PART[i]);
    assert.ok(same > 0);
    assert.ok(body.subarray(same).equals(PART.subarray(same - 1000, PART.length - 1000)));
  },
  extra: ({ body }) => {
    assert.ok(body.length > PART.length);
    assert.ok(body.subarray(0, PART.length).equals(PART));
  },
  "wrong-content-length": ({ headers, body }) => {
    assert.notEqual(headers["content-length"], String(PART.length));
    assert.ok(body.equals(PART));
  },
  "wrong-content-range": ({ headers, body }) => {
    assert.notEqual(headers["content-range"], `bytes ${FROM}-${TO}/${OBJECT.length}`);
    assert.match(headers["content-range"] ?? "", /^bytes \d+-\d+\/\d+$/);
    assert.ok(body.equals(PART));
  },
  "ignored-range": ({ status, headers, body }) => {
    assert.equal(status, 200);
    assert.equal(headers["content-range"], undefined);
    assert.ok(body.equals(OBJECT));
  },
  "other-object": ({ status, headers, body }) => {
    assert.equal(status, 206);
    assert.notEqual(headers["etag"], ETAG);
    assert.equal(body.length, PART.length);
    assert.equal(body.equals(PART), false);
  },
  chunked: ({ headers, body }) => {
    assert.equal(headers["content-length"], undefined);
    assert.equal(headers["transfer-encoding"], "chunked");
    assert.match(body.toString("latin1"), /^[0-9a-f]+\r\n/);
  },
  "slow-head": isGood,
  slow: isGood,
  fragment: (received) => {
    isGood(received);
    assert.ok(received.pieces > 3);
  },
  "connection-close": (received) => {
    isGood(received);
    assert.equal(received.headers["connection"], "close");
    assert.equal(received.end, "closed");
  },
  "idle-close": (received) => {
    isGood(received);
    assert.equal(received.headers["connection"], undefined);
    assert.equal(received.end, "closed");
  },
  "403": s3Error(403, "AccessDenied"),
  "403-expired": s3Error(403, "RequestExpired"),
  "404": s3Error(404, "NoSuchKey"),
  "412": s3Error(412, "PreconditionFailed"),
  "416": s3Error(416, "InvalidRange"),
  "429": s3Error(429, "TooManyRequests"),
  "500": s3Error(500, "InternalError"),
  "502": s3Error(502, "BadGateway"),
  "503": s3Error(503, "SlowDown"),
  "503-retry-after": (received) => {
    s3Error(503, "ServiceUnavailable")(received);
    assert.equal(received.headers["retry-after"], "1");
  },
  "301": (received) => {
    s3Error(301, "PermanentRedirect")(received);
    assert.equal(received.headers["x-amz-bucket-region"], "eu-central-1");
    assert.equal(received.headers["location"], undefined);
  },
  "307": (received) => {
    s3Error(307, "TemporaryRedirect")(received);
    assert.match(received.headers["location"] ?? "", /^http:\/\/127\.0\.0\.1:\d+\/bucket\/key$/);
  },
};

function s3Error(status: number, code: string) {
  return ({ status: found, headers, body }: Received) => {
    assert.equal(found, status);
    assert.match(body.toString(), new RegExp(`<Error><Code>${code}</Code>`));
    assert.equal(headers["content-length"], String(body.length));
  };
}

function ones(byte: number): number {
  return byte.toString(2).replaceAll("0", "").length;
}

const UNTIL: Partial<Record<Fault, "end" | "more">> = {
  extra: "more",
  "connection-close": "end",
  "idle-close": "end",
  "wrong-content-length": "end",
};

for (const kind of FAULTS) {
  test(`${kind}: happens once, and then the server is itself`, async () => {
    const until = UNTIL[kind];
    for (const seed of SEEDS) {
      await withFault(kind, seed, async ({ url }) => EXPECTED[kind](await get(url, until ? { until } : {})));
    }
  });
}

test("nobody listens for a while after a refusal", () =>
  withFault("refuse", 1, async ({ url }) => {
    await get(url);
    assert.equal((await get(url)).end, "ECONNREFUSED");
  }));

test("a HEAD and a list are passed on; faults of bodies spare them", async () => {
  const { port } = upstream.address() as AddressInfo;
  const target = `http://127.0.0.1:${port}`;
  const proxy = await startFaultProxy(target, { seed: 1, rate: 1, kinds: ["flip", "wrong-content-range"] });
  try {
    const head = await get(proxy.url, { method: "HEAD" });
    assert.equal(head.headers["content-length"], String(PART.length));
    assert.equal(head.body.length, 0);
    assert.equal(proxy.requests[0]?.fault, undefined);
    proxy.calm();
    assert.equal((await get(proxy.url, { path: "/list" })).body.toString(), "<Contents></Contents>");
  } finally {
    await proxy.close();
  }
});

test("the same seed does the same to the same requests, another seed does not", async () => {
  const { port } = upstream.address() as AddressInfo;
  const kinds = LAWFUL_FAULTS.filter((kind) => !kind.includes("slow"));
  const play = async (seed: number, order: readonly number[]) => {
    const options = { seed, rate: 0.5, kinds };
    const proxy = await startFaultProxy(`http://127.0.0.1:${port}`, options);
    for (const i of order) await get(proxy.url, { path: `/bucket/key-${i}` });
    await proxy.close();
    const seen = proxy.requests.map(({ path, fault }) => `${path} ${fault}`).sort();
    return createHash("sha256").update(seen.join("\n")).digest("hex");
  };
  const upwards = [0, 1, 2, 3, 4, 5, 6, 7];
  assert.equal(await play(1, upwards), await play(1, upwards.toReversed()));
  assert.notEqual(await play(1, upwards), await play(2, upwards));
});

test("calm lets go what stalls and ends the faults", async () => {
  const { port } = upstream.address() as AddressInfo;
  const proxy = await startFaultProxy(`http://127.0.0.1:${port}`, { seed: 1, rate: 1, kinds: ["silent"] });
  try {
    const stalled = get(proxy.url);
    while (proxy.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    proxy.calm();
    assert.equal((await stalled).end, "ECONNRESET");
    isGood(await get(proxy.url));
  } finally {
    await proxy.close();
  }
});

test("another plan counts anew", async () => {
  const { port } = upstream.address() as AddressInfo;
  const plan = { seed: 1, rate: 1, max: 1, kinds: ["503"] as const };
  const proxy = await startFaultProxy(`http://127.0.0.1:${port}`, plan);
  try {
    for (let i = 0; i < 2; i++) {
      assert.equal((await get(proxy.url)).status, 503);
      isGood(await get(proxy.url));
      proxy.use(plan);
    }
  } finally {
    await proxy.close();
  }
});

test("TLS is served with the certificate, and its connections are reset below it", async (t) => {
  const { port } = upstream.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), "coldframe-proxy-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const certificate = makeCertificate(folder);
  const plan = { seed: 1, rate: 1, max: 1, kinds: ["reset-body"] as const, tls: certificate };
  const proxy = await startFaultProxy(`http://127.0.0.1:${port}`, plan);
  try {
    const url = `${proxy.url}/bucket/key`;
    await assert.rejects(getTls(url, certificate.cert), { code: "ECONNRESET" });
    assert.ok((await getTls(url, certificate.cert)).equals(OBJECT));
  } finally {
    await proxy.close();
  }
});

async function getTls(url: string, ca: string): Promise<Buffer> {
  const asked = request(url, { ca, agent: false });
  // A reset in the middle of the body is told to both: the answer's reader is who has to know.
  asked.on("error", () => {}).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return buffer(response);
}

test("every broken fault has been looked at", () => {
  for (const kind of BROKEN_FAULTS) assert.ok(EXPECTED[kind] !== isGood, kind);
});
