// The client in a real browser: a page signs its calls by Web Crypto, reads a stream word by word, and hears a refusal, from
// a function URL that checks each signature. Chromium takes part where it is installed.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildSync } from "esbuild";
import { startServer, startSignedUrl } from "./_function-url.ts";

const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);

/** A page that tells nothing ends the test, not the suite. */
const LIMIT_MS = 60_000;

const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", region: "eu-west-1" };

/** Before the module, so that what is wrong with it is told too. */
const TELLING = `
const tell = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
addEventListener("error", ({ message }) => tell({ message }));
addEventListener("unhandledrejection", ({ reason }) => tell({ message: String(reason) }));
`;

/** What the page finds out, as it tells it. */
const SCRIPT = `
import { createClient } from "/client.js";
const { accessKeyId, secretAccessKey, region } = ${JSON.stringify(KEYS)};
const url = location.origin;
const client = createClient({ url, region, credentials: { accessKeyId, secretAccessKey } });
const words = [];
for await (const word of client.stream({ text: "Grüße" })) words.push(word);
const stranger = createClient({ url, region, credentials: { accessKeyId, secretAccessKey: "other" } });
const refused = await stranger.predict({ text: "x" }).catch(({ name, status }) => ({ name, status }));
const value = await client.predict({ text: "Grüße" });
await tell({ value, words: words.join(""), refused });
`;

test("signs, streams and is refused in a real browser", {
  skip: CHROMIUM === undefined && "chromium is not installed",
  timeout: LIMIT_MS,
}, async (t) => {
  const bundle = buildSync({
    entryPoints: [join(import.meta.dirname, "../../../infra/clients/index.ts")],
    ...{ bundle: true, format: "esm", platform: "browser", write: false },
  });
  const signed = await startSignedUrl(t, KEYS, ({ body }, response) => {
    const { text } = JSON.parse(body.toString()) as { text: string };
    if (response.req.headers.accept?.includes("json")) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ text }));
      return;
    }
    response.setHeader("content-type", "text/plain; charset=utf-8");
    for (const letter of text) response.write(letter);
    response.end();
  });
  const told = Promise.withResolvers<string>();
  const front = await startServer(t, ({ method, path, headers, body }, response) => {
    const [type, text] =
      path === "/"
        ? [
            "text/html; charset=utf-8",
            `<!doctype html><script>${TELLING}</script><script type="module">${SCRIPT}</script>`,
          ]
        : ["text/javascript", bundle.outputFiles[0]?.text];
    if (path === "/result") told.resolve(body.toString());
    if (path === "/" || path === "/client.js")
      return void response.setHeader("content-type", type ?? "").end(text);
    if (path === "/result" || path === "/favicon.ico") return void response.end();
    // With the host that the page has signed.
    const onward = send(`${signed.url}${path}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.end(body);
  });

  const profile = mkdtempSync(join(tmpdir(), "coldframe-browser-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  const browser = spawn(CHROMIUM as string, [...flags, `--user-data-dir=${profile}`, front.url], {
    stdio: "ignore",
  });
  t.after(async () => {
    const ended = new Promise((resolve) => browser.once("close", resolve));
    browser.kill("SIGKILL");
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  browser.once("exit", (status) => told.reject(new Error(`the browser ended with ${status}`)));
  assert.deepEqual(JSON.parse(await told.promise), {
    value: { text: "Grüße" },
    words: "Grüße",
    refused: { name: "ColdframeClientError", status: 403 },
  });
});
