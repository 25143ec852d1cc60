import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { coldframe, projectCopy } from "./_command.ts";

const MAIN = join(import.meta.dirname, "../../adapter/cli/main.ts");

test("the answer alone is on standard output; dist/ is left alone", async (t) => {
  const project = projectCopy(t, "parrot");
  const { status, stdout, stderr } = await coldframe([
    "invoke",
    project,
    "--data",
    '{"say":"hi","warn":"careful"}',
  ]);
  assert.deepEqual([status, stdout], [0, '{"says":"hi!"}']);
  assert.equal(stderr, "WARN careful feathers=2\n");
  assert.ok(!existsSync(join(project, "dist")));
});

test("a streamed answer is printed as it arrives", async (t) => {
  const project = projectCopy(t, "parrot");
  const child = spawn(process.execPath, [MAIN, "invoke", project, "-d", '{"words":12}'], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const times: number[] = [];
  let text = "";
  for await (const chunk of child.stdout) {
    times.push(performance.now());
    text += chunk;
  }
  assert.equal(text, Array.from({ length: 12 }, (_, i) => `word${i} `).join(""));
  assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) > 200, `${times}`);
});

test("an error answer is its code and message on standard error, and status 1; the log says why", async (t) => {
  const project = projectCopy(t, "parrot");
  const { status, stdout, stderr } = await coldframe(["invoke", project, "-d", '{"fail":true}']);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(
    stderr,
    /^ERROR TypeError: no crackers .*\n {2}TypeError: no crackers\n {6}at .*model\/model\.ts:/,
  );
  assert.match(stderr, /^PREDICT_FAILED: the model failed in predict/m);
});

test("a stream that breaks leaves what came, then says why", async (t) => {
  const project = projectCopy(t, "parrot");
  const broken = await coldframe(["invoke", project, "-d", '{"words":5,"failAfter":2}']);
  assert.deepEqual([broken.status, broken.stdout], [1, "word0 word1 "]);
  assert.match(broken.stderr, /^PREDICT_FAILED: /m);
  const json = await coldframe(["invoke", project, "-d", '{"words":5,"failAfter":2}', "--json"]);
  assert.equal(json.status, 1);
  assert.partialDeepStrictEqual(JSON.parse(json.stdout), {
    status: 200,
    body: "word0 word1 ",
    error: { code: "PREDICT_FAILED" },
  });
});

test("a stream that says in-band that it failed ends with status 1, here and at a URL", async (t) => {
  const project = projectCopy(t, "parrot");
  const events = await coldframe([
    ...["invoke", project, "-d", '{"words":5,"failAfter":1}', "-H", "accept: text/event-stream"],
  ]);
  assert.equal(events.status, 1);
  assert.match(events.stdout, /^data: word0 \n\nevent: error\ndata: .*PREDICT_FAILED/);
  assert.match(events.stderr, /^PREDICT_FAILED: /m);

  const failed = { error: { code: "PREDICT_FAILED", message: "the model failed.", request_id: "r1" } };
  const bodies: Readonly<Record<string, [type: string, body: string]>> = {
    "/lines": ["application/x-ndjson", `{"token":1}\n${JSON.stringify(failed)}\n`],
    "/events": ["text/event-stream", `data: a\n\nevent: error\ndata: ${JSON.stringify(failed)}\n\n`],
    "/whole": ["application/x-ndjson; charset=utf-8", '{"error":"is a value like any other"}\n{"token":1}\n'],
    "/text": ["text/plain", JSON.stringify(failed)],
  };
  const server = createServer(({ url = "" }, response) => {
    const [type = "", body = ""] = bodies[url] ?? [];
    response.setHeader("content-type", type).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const [path, [, body]] of Object.entries(bodies)) {
    const { status, stdout, stderr } = await coldframe([
      ...["invoke", "-d", "{}", "--url", `http://127.0.0.1:${port}${path}`],
    ]);
    const isError = path === "/lines" || path === "/events";
    assert.deepEqual(
      [stdout, status, stderr],
      [body, isError ? 1 : 0, isError ? "PREDICT_FAILED: the model failed.\n" : ""],
      path,
    );
  }
});

test("a model that does not load is its code, message and place, without a second telling", async (t) => {
  const { status, stderr } = await coldframe(["invoke", projectCopy(t, "no-load"), "-d", "{}"]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^MODEL_LOAD_FAILED: model\/model\.ts: load\(\) failed: Error: no weights here\n +at .*model\.ts:3:/m,
  );
  assert.equal(stderr.match(/MODEL_LOAD_FAILED/g)?.length, 1);
});

test("input comes from --data, a file by its type, or standard input", async (t) => {
  const project = projectCopy(t, "parrot");
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(project, name), content);
    return ["--file", join(project, name)];
  };
  const ask = async (args: string[], input?: string | Buffer) => {
    const { stdout, stderr } = await coldframe(["invoke", project, ...args], input);
    return stdout || stderr;
  };
  assert.equal(await ask(file("in.json", '{"say":"a"}')), '{"says":"a!"}');
  assert.equal(await ask(file("in.txt", '{"say":"a"}')), '{"text":"{\\"say\\":\\"a\\"}"}');
  assert.equal(await ask(file("in.png", Buffer.from([1, 2, 3]))), '{"bytes":3}');
  assert.equal(await ask([], '{"say":"b"}'), '{"says":"b!"}');
  assert.equal(await ask(["--file", "-"], Buffer.from([255, 254])), '{"bytes":2}');
  assert.equal(await ask([], "words"), '{"text":"words"}');
  assert.match(
    await ask([]),
    /^INPUT_MISSING: .*\nGive --data '<json>', --file <path>, .*--data '\{"say":"it'\\''s me"\}'\n$/,
  );
  assert.match(await ask([], ""), /^INPUT_MISSING: /);
  assert.match(await ask(["-d", "{say:1}"]), /^OPTION_INVALID: --data is not JSON: /);
  assert.match(await ask(["-f", "/nowhere"]), /^FILE_NOT_FOUND: \/nowhere/);
});

test("--example sends one of the project's own examples by its name", async (t) => {
  const project = projectCopy(t, "parrot");
  writeFileSync(
    join(project, "examples.yaml"),
    "- name: a greeting\n  input: { say: hi }\n- input: { say: you }\n",
  );
  const ask = async (...args: string[]) => {
    const { stdout, stderr } = await coldframe(["invoke", project, ...args]);
    return stdout || stderr;
  };
  assert.equal(await ask("--example", "a greeting"), '{"says":"hi!"}');
  assert.equal(await ask("-e", "example 2"), '{"says":"you!"}');
  assert.equal(
    await ask("-e", "another"),
    'OPTION_INVALID: --example another: the project has no example of that name.\nIt has "a greeting", "example 2".\n',
  );
  assert.match(
    await ask("-e", "a greeting", "-d", "1"),
    /^OPTION_INVALID: --example and --data were both given\./,
  );
  assert.match(await ask(), /^INPUT_MISSING: .*\n.*--data '\{"say":"hi"\}'\n$/);
});

test("--json has status, headers, body and times; binary as base64", async (t) => {
  const project = projectCopy(t, "parrot");
  const { status, stdout } = await coldframe(["invoke", project, "-d", '{"say":"a"}', "--json"]);
  const answer = JSON.parse(stdout);
  assert.equal(status, 0);
  assert.partialDeepStrictEqual(answer, { status: 200, body: { says: "a!" } });
  assert.match(answer.headers["content-type"], /^application\/json/);
  assert.ok(answer.ms.init > 0 && answer.ms.first_byte > 0 && answer.ms.total >= answer.ms.first_byte);
  const bytes = await coldframe(["invoke", project, "-d", '{"bytes":true}', "--json"]);
  assert.equal(JSON.parse(bytes.stdout).body, "AP+A");
  const raw = spawn(process.execPath, [MAIN, "invoke", project, "-d", '{"bytes":true}'], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.deepEqual(Buffer.concat(await raw.stdout.toArray()), Buffer.from([0, 255, 128]));
});

test("--logs shows everything; secrets of the shell reach the model; --path and --request", async (t) => {
  const project = projectCopy(t, "parrot");
  const { stdout, stderr } = await coldframe(
    ["invoke", project, "-d", '{"name":true}', "--logs"],
    undefined,
    {
      COLDFRAME_SECRET_PARROT_NAME: "coco",
    },
  );
  assert.equal(stdout, '{"name":"coco"}');
  assert.match(stderr, /^INFO cold start phases=/m);
  assert.match(stderr, /^INFO was asked$/m);
  const ready = await coldframe(["invoke", project, "--path", "/health/ready", "-X", "GET"]);
  assert.equal(ready.status, 0);
  const missing = await coldframe(["invoke", project, "--path", "nope", "-d", "{}"]);
  assert.match(missing.stderr, /^ROUTE_NOT_FOUND: /);
});

test("--report: sizes, phases, times", async (t) => {
  const { status, stdout, stderr } = await coldframe([
    "invoke",
    projectCopy(t, "parrot"),
    "-d",
    '{"words":3}',
    "--report",
  ]);
  assert.deepEqual([status, stdout], [0, "word0 word1 word2 "]);
  assert.match(
    stderr,
    /^artifact, zipped +[\d.]+ KB\nartifact, unzipped +[\d.]+ KB\ninit, spawn to first poll +[\d.]+ ms\n {2}boot +/m,
  );
  assert.match(
    stderr,
    /^time to first token +[\d.]+ ms\nwhole answer +[\d.]+ ms\ncharacters per second +\d+$/m,
  );
});

test("--url sends it elsewhere; nobody there is CONNECTION_FAILED", async (t) => {
  const server = createServer((request, response) => {
    response.statusCode = request.headers["x-ok"] === "1" ? 200 : 403;
    response.end(request.url);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const there = (target: string, ...args: string[]) =>
    coldframe(["invoke", "-d", "{}", "--url", target, ...args]);
  assert.equal((await there(url, "-H", "X-Ok: 1")).stdout, "/predict");
  assert.equal((await there(`${url}/mine`, "-H", "x-ok:1")).stdout, "/mine");
  assert.equal((await there(`${url}/stage/`, "-H", "x-ok:1", "--path", "/schema")).stdout, "/stage/schema");
  assert.equal((await there(url)).stderr, "HTTP_403: /predict\n");
  assert.match(
    (await there("http://127.0.0.1:1")).stderr,
    /^CONNECTION_FAILED: http:\/\/127\.0\.0\.1:1 did not answer/,
  );
  assert.match((await there("example.com")).stderr, /^OPTION_INVALID: .*\n.*--url https:\/\/example\.com\n$/);
});

test("--event: a whole document, and what the service that sent it gets", async (t) => {
  const project = projectCopy(t, "parrot");
  appendFileSync(join(project, "config.yaml"), "  events: [alb, function-url, direct]\n");
  const send = (name: string, change: object = {}, ...more: string[]) => {
    const fixture = join(import.meta.dirname, `../fixtures/events/${name}.json`);
    const file = join(project, "event.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(fixture, "utf8")), ...change }));
    return coldframe(["invoke", project, "--event", file, ...more]);
  };
  const body = '{"say":"hi"}';
  const balancer = await send("alb", { body });
  assert.equal(balancer.status, 0, balancer.stderr);
  assert.partialDeepStrictEqual(JSON.parse(balancer.stdout), {
    statusDescription: "200 OK",
    body: '{"says":"hi!"}',
  });
  const url = await send("function-url", { body, headers: {} });
  assert.deepEqual([url.status, url.stdout], [0, '{"says":"hi!"}']);
  assert.match(url.stderr, /^\{"statusCode":200/);
  const json = await send("function-url", { body: '{"words":5,"failAfter":2}', headers: {} }, "--json");
  assert.partialDeepStrictEqual(JSON.parse(json.stdout), {
    prelude: { statusCode: 200 },
    body: "word0 word1 ",
    error: { code: "PREDICT_FAILED" },
  });
  const unknown = await send("sqs");
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^EVENT_UNKNOWN: .*alb, function-url, direct.*serverless\.events/m);
  assert.match(unknown.stderr, /event\.json is an event of sqs, .*\nAdd sqs to serverless\.events/);
  assert.equal(unknown.stderr.match(/EVENT_UNKNOWN/g)?.length, 1, unknown.stderr);
  const whole = await send("sqs", {}, "--logs", "--json");
  assert.match(whole.stderr, /^ERROR EVENT_UNKNOWN/m);
  assert.partialDeepStrictEqual(JSON.parse(whole.stdout), { error: { code: "EVENT_UNKNOWN" } });
  const foreign = await send("alb", { requestContext: { http: {} } });
  assert.match(foreign.stderr, /of no source that Coldframe knows, .*\nSend one of .*\bsqs\b/);
  const both = await send("alb", {}, "--data", "{}");
  assert.match(both.stderr, /^OPTION_INVALID: --event and --data were both given/m);
});
