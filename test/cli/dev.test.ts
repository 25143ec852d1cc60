import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { coldframe, coldframeRunning, projectCopy } from "./_command.ts";

async function ask(url: string, body: unknown): Promise<string> {
  const headers = { "content-type": "application/json" };
  return (await fetch(`${url}/predict`, { method: "POST", headers, body: JSON.stringify(body) })).text();
}

test("serves, reloads at a save, survives broken edits, and ends cleanly", async (t) => {
  const project = projectCopy(t, "parrot");
  const voice = join(project, "model/voice.ts");
  const original = readFileSync(voice, "utf8");
  const dev = coldframeRunning(t, ["dev", project, "--port", "0"]);
  const [, url = "", curl = ""] = await dev.says(/ready in \d+ ms: (\S+)\n\n {2}(curl .*)\n/);
  assert.equal(
    execFileSync("sh", ["-c", curl], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
    `{"says":"it's me!"}`,
  );
  await dev.says(/^POST \/predict 200 \d+ ms$/m);

  const startedAt = performance.now();
  writeFileSync(voice, original.replace("!", "?"));
  while ((await ask(url, { say: "a" })) !== '{"says":"a?"}' && performance.now() - startedAt < 5_000)
    await sleep(20);
  const reloadMs = performance.now() - startedAt;
  // One second on an idle machine; tests share theirs.
  assert.ok(reloadMs < 2_500, `${reloadMs} ms from save to new answer`);

  let from = dev.said().length;
  writeFileSync(voice, "export const voice = (");
  await dev.says(/BUNDLE_FAILED: model\/voice\.ts:.*[^]*The last good version goes on serving\./, from);
  assert.equal(await ask(url, { say: "b" }), '{"says":"b?"}');

  from = dev.said().length;
  writeFileSync(voice, `throw new Error("at import"); ${original}`);
  await dev.says(/at import[^]*The last good version goes on serving\./, from);
  assert.equal(await ask(url, { say: "c" }), '{"says":"c?"}');

  from = dev.said().length;
  writeFileSync(voice, original);
  await dev.says(/reloaded in/, from);
  assert.equal(await ask(url, { say: "d" }), '{"says":"d!"}');

  from = dev.said().length;
  await ask(url, { fail: true });
  await dev.says(/ERROR TypeError: no crackers[^]*POST \/predict 500/, from);

  dev.child.kill("SIGINT");
  assert.equal(await dev.ended, 0);
});

test("an answer that streams during a reload is finished by the version that began it", async (t) => {
  const project = projectCopy(t, "parrot");
  const dev = coldframeRunning(t, ["dev", project, "--port", "0"]);
  const [, url = ""] = await dev.says(/ready in \d+ ms: (\S+)/);
  const streaming = ask(url, { words: 60 });
  await sleep(100);
  const voice = join(project, "model/voice.ts");
  writeFileSync(voice, readFileSync(voice, "utf8").replace("!", "?"));
  await dev.says(/reloaded in/);
  assert.equal(await ask(url, { say: "a" }), '{"says":"a?"}');
  assert.equal((await streaming).trim().split(" ").length, 60);
});

test("a project that does not start at first is waited for", async (t) => {
  const project = projectCopy(t, "no-load");
  const dev = coldframeRunning(t, ["dev", project, "--port", "0"]);
  await dev.says(/MODEL_LOAD_FAILED: [^]*Waiting for a change\./);
  writeFileSync(join(project, "model/model.ts"), "export default class Model { predict() { return 1; } }");
  const [, url = ""] = await dev.says(/ready in \d+ ms: (\S+)/);
  assert.equal(await ask(url, {}), "1");
});

test("a taken port is refused with one that is free", async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { status, stderr } = await coldframe(["dev", projectCopy(t, "parrot"), "--port", String(port)]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(
      `^PORT_IN_USE: port ${port} is in use by another program\\.\nUse --port \\d+, which is free\\.\n$`,
    ),
  );
});

test("--lambda runs it as a function behind its URL, reloaded alike", async (t) => {
  const project = projectCopy(t, "parrot");
  const voice = join(project, "model/voice.ts");
  const dev = coldframeRunning(t, ["dev", project, "--port", "0", "--lambda"]);
  const [, url = ""] = await dev.says(/ready in \d+ ms: (\S+)/);
  const response = await fetch(`${url}/health/ready`);
  assert.ok(response.headers.has("x-amzn-requestid"));
  assert.equal(await ask(url, { say: "a" }), '{"says":"a!"}');
  writeFileSync(voice, readFileSync(voice, "utf8").replace("!", "?"));
  await dev.says(/reloaded in/);
  assert.equal(await ask(url, { say: "b" }), '{"says":"b?"}');
  dev.child.kill("SIGINT");
  assert.equal(await dev.ended, 0);
});

test("a caller that leaves is gone for the model too, and an answer that breaks off breaks off", async (t) => {
  const project = projectCopy(t, "parrot");
  const dev = coldframeRunning(t, ["dev", project, "--port", "0"]);
  const [, url = ""] = await dev.says(/ready in \d+ ms: (\S+)/);
  await assert.rejects(ask(url, { words: 5, failAfter: 2 }), { message: "terminated" });
  await dev.says(/RangeError: lost my voice[^]*POST \/predict 200 \d+ ms broken off/);

  const leaver = new AbortController();
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ words: 10_000 });
  const { signal } = leaver;
  const response = await fetch(`${url}/predict`, { method: "POST", headers, body, signal });
  await response.body?.getReader().read();
  leaver.abort();
  // The parrot has one voice: it would go on for minutes.
  assert.equal(await ask(url, { say: "a" }), '{"says":"a!"}');
});

test("a process that ended is started again by the next call", async (t) => {
  const project = projectCopy(t, "parrot");
  const model = join(project, "model/model.ts");
  const text = readFileSync(model, "utf8");
  writeFileSync(model, text.replace("log.info(", 'if (order.say === "die") process.exit(3);\n    log.info('));
  const dev = coldframeRunning(t, ["dev", project, "--port", "0"]);
  const [, url = ""] = await dev.says(/ready in \d+ ms: (\S+)/);
  const headers = { "content-type": "application/json" };
  const died = await fetch(`${url}/predict`, { method: "POST", headers, body: '{"say":"die"}' });
  assert.equal(died.status, 502);
  await dev.says(/POST \/predict 502/);
  assert.equal(await ask(url, { say: "a" }), '{"says":"a!"}');
});
