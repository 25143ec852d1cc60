// The ways to a server: TLS and whom it trusts, IPv6, several addresses of a name, a proxy.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import dns from "node:dns/promises";
import { syncBuiltinESMExports } from "node:module";
import { connect, isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { Pool } from "../../../adapter/runtime/weights/download/pool.ts";
import { proxyFor } from "../../../adapter/runtime/weights/download/proxy.ts";
import { createFetch } from "../../../adapter/runtime/weights/download/request.ts";
import { TIMING, type Timing } from "../../../adapter/runtime/weights/download/timing.ts";
import { CERTIFICATE } from "./_engine-certificate.ts";
import {
  bytesOf,
  freePort,
  sendRange,
  type Received,
  type ScriptedServer,
  send,
  startServer,
} from "./_engine-server.ts";

const hello = (request: Received) => send(request, "200 OK", "hello");
const never = (): never => assert.fail("nothing to judge");

function trusting(t: TestContext): { AWS_CA_BUNDLE: string } {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "bundle.pem");
  writeFileSync(file, CERTIFICATE);
  return { AWS_CA_BUNDLE: file };
}

async function get(
  url: string,
  environment: Record<string, string> = {},
  timing: Partial<Timing> = {},
): Promise<string> {
  const fetch = createFetch({ environment, timing: { backoffMs: 1, ...timing } });
  const target = async () => ({ url: new URL(url), headers: {} });
  return Buffer.from((await fetch("GET", target, never)).body).toString();
}

/** A proxy for tunnels; `routes` says where a name is, for none of them is real. */
async function startProxy(
  t: TestContext,
  route: (authority: string) => number | undefined,
): Promise<ScriptedServer> {
  return startServer(t, ({ method, path, socket }) => {
    const port = method === "CONNECT" ? route(path) : undefined;
    if (port === undefined) return socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const upstream = connect(port, "127.0.0.1", () => {
      socket.removeAllListeners("data");
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  });
}

test("TLS with an authority from AWS_CA_BUNDLE, its session used again", async (t) => {
  const reused: boolean[] = [];
  const server = await startServer(
    t,
    (request) => {
      reused.push((request.socket as TLSSocket).isSessionReused());
      send(request, "200 OK", "hello", "Connection: close\r\n");
    },
    { tls: true },
  );
  const fetch = createFetch({ environment: trusting(t) });
  const target = async () => ({ url: new URL(`https://localhost:${server.port}/`), headers: {} });
  for (let i = 0; i < 3; i++) {
    const { body } = await fetch("GET", target, never);
    assert.equal(Buffer.from(body).toString(), "hello");
  }
  assert.deepEqual(reused, [false, true, true]);
});

test("an AWS_CA_BUNDLE that is not there is told by itself, whatever becomes of the name", async () => {
  const environment = { AWS_CA_BUNDLE: "/nowhere/bundle.pem" };
  await assert.rejects(get("https://nowhere.invalid/", environment), {
    code: "WEIGHTS_UNREACHABLE",
    message: /AWS_CA_BUNDLE names a file that cannot be read: \/nowhere\/bundle\.pem/,
  });
});

test("a certificate nobody vouches for is refused at the first try, with the way out", async (t) => {
  const server = await startServer(t, hello, { tls: true });
  await assert.rejects(
    get(`https://localhost:${server.port}/list?secret=1`),
    (error: Error & { fix?: string }) => {
      assert.equal((error as unknown as { code: string }).code, "WEIGHTS_UNREACHABLE");
      assert.match(error.message, /at the first try: .*certificate/);
      assert.doesNotMatch(error.message, /secret/);
      assert.match(error.fix ?? "", /AWS_CA_BUNDLE/);
      return true;
    },
  );
  assert.equal(server.requests.length, 0);
});

test("a certificate of another name is refused", async (t) => {
  const server = await startServer(t, hello, { tls: true });
  const proxy = await startProxy(t, () => server.port);
  await assert.rejects(
    get("https://elsewhere.test/", { ...trusting(t), HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }),
    { code: "WEIGHTS_UNREACHABLE", message: /elsewhere\.test/ },
  );
  assert.equal(server.requests.length, 0);
});

test("AWS_CA_BUNDLE that is not there is named", async (t) => {
  const server = await startServer(t, hello, { tls: true });
  await assert.rejects(get(`https://localhost:${server.port}/`, { AWS_CA_BUNDLE: "/nowhere.pem" }), {
    code: "WEIGHTS_UNREACHABLE",
    message: /AWS_CA_BUNDLE.*\/nowhere\.pem/,
  });
});

test("IPv6, with and without TLS", async (t) => {
  let server: ScriptedServer;
  try {
    server = await startServer(t, hello, { host: "::1" });
  } catch {
    return t.skip("no IPv6 here");
  }
  assert.equal(await get(`http://[::1]:${server.port}/`), "hello");
  assert.equal((server.requests[0] as Received).headers["host"], `[::1]:${server.port}`);
  const secure = await startServer(t, hello, { host: "::1", tls: true });
  // By name: some versions of Node 22 match no certificate with an IPv6 address.
  resolveTo(t, "::1");
  assert.equal(await get(`https://bucket.test:${secure.port}/`, trusting(t)), "hello");
});

/** The addresses of every name, in the order of its look-ups, until the test ends. */
function resolveTo(t: TestContext, ...addresses: readonly string[]): void {
  const lookup = async () => addresses.map((address) => ({ address, family: isIP(address) }));
  const mock = t.mock.method(dns, "lookup", lookup as unknown as typeof dns.lookup);
  syncBuiltinESMExports();
  t.after(() => {
    mock.mock.restore();
    syncBuiltinESMExports();
  });
}

test("connections go to all addresses of a name", async (t) => {
  const reached = new Set<string | undefined>();
  const server = await startServer(
    t,
    (request) => {
      reached.add(request.socket.localAddress);
      send(request, "200 OK", "hello", "Connection: close\r\n");
    },
    { host: "0.0.0.0" },
  );
  resolveTo(t, "127.0.0.1", "127.0.0.2", "127.0.0.3");
  const fetch = createFetch({ environment: {} });
  const target = async () => ({ url: new URL(`http://bucket.test:${server.port}/`), headers: {} });
  for (let i = 0; i < 3; i++) await fetch("GET", target, never);
  assert.deepEqual([...reached].toSorted(), ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
});

test("an address nobody answers on costs no try, and is asked last from then on", async (t) => {
  const server = await startServer(t, (request) => send(request, "200 OK", "hello", "Connection: close\r\n"));
  // As where IPv6 is announced and does not work.
  resolveTo(t, "::2", "127.0.0.2", "127.0.0.1");
  const fetch = createFetch({ environment: {}, timing: { connectMs: 1000, backoffMs: 1 } });
  let tries = 0;
  const target = async () => {
    tries++;
    return { url: new URL(`http://bucket.test:${server.port}/`), headers: {} };
  };
  for (let i = 0; i < 4; i++) assert.equal((await fetch("GET", target, never)).status, 200);
  assert.equal(tries, 4);
});

test("a name that is none is said to be none", async () => {
  await assert.rejects(get("http://nowhere.invalid/", {}, { headMs: 200 }), {
    code: "WEIGHTS_UNREACHABLE",
    message: /nowhere\.invalid\/ could not be fetched after 8 tries: .*look/,
  });
});

test("weights go through a tunnel as well, byte for byte", async (t) => {
  const content = bytesOf(1_000_000);
  const server = await startServer(t, (request) => sendRange(request, content), { tls: true });
  const proxy = await startProxy(t, () => server.port);
  const pool = new Pool({ ...trusting(t), HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }, TIMING);
  t.after(() => pool.close(new Error("the test is over")));
  for (let i = 0; i < 2; i++) {
    const pieces: Buffer[] = [];
    const outcome = await pool.exchange({
      method: "GET",
      url: new URL("https://bucket.test/key"),
      headers: {},
      data: {
        expected: { range: undefined, size: content.length, etag: undefined },
        sink: { slab: Buffer.alloc(100_000), write: (bytes) => void pieces.push(Buffer.from(bytes)) },
      },
      maxBytes: 0,
    });
    assert.equal(outcome.kind, "data");
    assert.ok(Buffer.concat(pieces).equals(content));
  }
  assert.equal(proxy.requests.length, 1, "the tunnel is used again");
});

test("HTTPS goes through a tunnel of the proxy, which sees the name and its own credentials alone", async (t) => {
  const server = await startServer(t, hello, { tls: true });
  const proxy = await startProxy(t, (authority) =>
    authority === "bucket.test:443" ? server.port : undefined,
  );
  const environment = { ...trusting(t), https_proxy: `http://user:p%40ss@127.0.0.1:${proxy.port}` };
  assert.equal(await get("https://bucket.test/key", environment), "hello");
  const { headers, path } = proxy.requests[0] as Received;
  assert.equal(path, "bucket.test:443");
  assert.equal(headers["proxy-authorization"], `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
  const inside = server.requests[0] as Received;
  assert.equal(inside.path, "/key");
  assert.equal(inside.headers["proxy-authorization"], undefined);
});

test("a proxy that refuses is named, without its password", async (t) => {
  const proxy = await startProxy(t, () => undefined);
  const environment = { HTTPS_PROXY: `http://user:hidden@127.0.0.1:${proxy.port}` };
  await assert.rejects(get("https://bucket.test/", environment), (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`proxy 127.0.0.1:${proxy.port} answered 403 to CONNECT bucket.test`),
    );
    assert.doesNotMatch(error.message, /hidden/);
    return true;
  });
});

test("plain HTTP through a proxy names the whole URL", async (t) => {
  const proxy = await startServer(t, hello);
  const environment = { HTTP_PROXY: `http://u:p@127.0.0.1:${proxy.port}` };
  assert.equal(await get("http://bucket.test/key?a=b", environment), "hello");
  const { path, headers } = proxy.requests[0] as Received;
  assert.equal(path, "http://bucket.test/key?a=b");
  assert.equal(headers["host"], "bucket.test");
  assert.equal(headers["proxy-authorization"], "Basic dTpw");
});

test("what is on this machine is reached directly", async (t) => {
  const server = await startServer(t, hello);
  const dead = `http://127.0.0.1:${await freePort()}`;
  assert.equal(await get(`${server.origin}/`, { HTTP_PROXY: dead, ALL_PROXY: dead }), "hello");
});

test("NO_PROXY exempts names, what is below them, networks and ports", () => {
  const via = (url: string, rules: string) =>
    proxyFor(new URL(url), { HTTP_PROXY: "proxy:3128", no_proxy: rules })?.host;
  for (const rule of ["*", "bucket.test", ".test", "*.test", "other, TEST", "bucket.test:80"]) {
    assert.equal(via("http://bucket.test/", rule), undefined, rule);
  }
  for (const rule of ["", "ucket.test", "bucket.test:81", "127.0.0.1", "10.0.0.0/8", "/8"]) {
    assert.equal(via("http://bucket.test/", rule), "proxy:3128", rule);
  }
  assert.equal(via("http://10.1.2.3/", "10.0.0.0/8"), undefined);
  assert.equal(via("http://10.1.2.3/", "10.2.0.0/16"), "proxy:3128");
  assert.equal(via("http://[fd00::1]/", "fd00::/8"), undefined);
  assert.equal(via("http://[fd00::1]/", "fd00::1"), undefined);
  assert.equal(proxyFor(new URL("https://bucket.test"), { HTTP_PROXY: "http://proxy" }), undefined);
  assert.equal(proxyFor(new URL("https://bucket.test"), { ALL_PROXY: "http://proxy" })?.host, "proxy");
});

test("a proxy of another kind is refused", async () => {
  await assert.rejects(get("https://bucket.test/", { HTTPS_PROXY: "socks5://user:hidden@127.0.0.1:1" }), {
    code: "WEIGHTS_INVALID",
    message: "HTTPS_PROXY is no HTTP proxy.",
  });
});
