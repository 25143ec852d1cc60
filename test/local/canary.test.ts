// A secret that is put through every error path there is, on the local Lambda, on a server, and in the build; then
// everything that was written is searched for it. Only what a model answers on purpose is the model's own.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { hostArchitecture } from "../../adapter/cli/build.ts";
import { type Files, makeProject, withPackages } from "../build/_project.ts";
import { buildServer, startServer } from "../runtime/targets/_server.ts";
import { readExposition } from "../runtime/targets/server/_exposition.ts";
import { RIC_PATH } from "../conformance/_ric.ts";
import { CLIENTS, start } from "./_lambda.ts";

/** Has what has to be escaped, and is long enough to be no word. */
const CANARY = 'canary-"7xqz\\9b"-sings';
/** What stays of it in every form in which it could be written. */
const FEATHER = /7xqz|9b\\*"?-sings/;

const CONFIG = `
model_name: test
secrets: { token: null }
runtime: { enable_tracing_data: true, enable_debug_logs: true }
serverless: { metrics_namespace: Models, events: [function-url, direct, sqs] }
`;

/** What a model can do wrong with a secret. */
const PATHS = [
  ...["message", "cause", "deepCause", "object", "field", "name", "stack", "plain", "ours", "issues", "fix"],
  ...[
    "log",
    "logFields",
    "logError",
    "logSecrets",
    "console",
    "consoleObject",
    "consoleError",
    "stdout",
    "stderr",
  ],
  ...["stray", "badJson", "badResponse", "header", "validation", "stream", "streamOurs", "span", "process"],
  ...["outputError", "huge", "abort"],
] as const;

const MODEL = `
import { context, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { ColdframeError } from "coldframe";

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
const [{ inspect }] = [process.getBuiltinModule("node:util")];

let known;
export default class Model {
  static input = {
    "~standard": {
      version: 1, vendor: "test",
      validate: (value) => value?.path === "validation"
        ? { issues: [{ message: "must be " + known, path: ["a", known] }] }
        : { value },
    },
  };

  constructor(context) {
    this.context = context;
    known = context.secrets.token;
    this.fail("construct");
  }
  load() { this.fail("load"); }
  fail(where) { if (process.env.FAIL === where) throw new Error("no " + known, { cause: new TypeError(known) }); }
  isHealthy() { throw new Error(known); }
  metrics() { return "# HELP own " + known + "\\n# TYPE own gauge\\nown 1\\n"; }
  unload() { throw new Error(known); }

  async predict({ path, ...input }, { log, signal }) {
    const { secrets } = this.context;
    const s = secrets.token;
    switch (path) {
      case "spans": return exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
      case "message": throw new Error("message " + s);
      case "cause": throw new Error("why", { cause: new Error(s) });
      case "deepCause": throw new Error("why", { cause: { of: [new Error("x", { cause: s })] } });
      case "object": throw { token: s, secrets };
      case "field": throw Object.assign(new Error("field"), { token: s, config: { headers: { authorization: "Bearer " + s } } });
      case "name": throw Object.assign(new Error("name"), { name: s });
      case "stack": throw Object.assign(new Error("stack"), { stack: "Error: stack\\n    at " + s + " (file:1:1)" });
      case "plain": throw s;
      case "ours": throw new ColdframeError("INPUT_INVALID", "the token is " + s);
      case "issues": throw new ColdframeError("INPUT_INVALID", "no.", { issues: [{ path: s, message: s }] });
      case "fix": throw new ColdframeError("OUTPUT_INVALID", "no.", { fix: "Use " + s });
      case "log": log.info("token " + s); return 1;
      case "logFields": log.error("fields", { s, deep: [{ s }], url: "https://x/?token=" + encodeURIComponent(s) }); return 1;
      case "logError": log.error("error", { error: new Error(s, { cause: s }) }); return 1;
      case "logSecrets": log.info("all", secrets); log.info(JSON.stringify(secrets) + inspect(secrets)); return 1;
      case "console": console.log("token %s", s); console.log(s); return 1;
      case "consoleObject": console.warn({ s, deep: { er: { and: { deeper: s } } } }, secrets, this.context); return 1;
      case "consoleError": console.error("error", new Error(s)); console.error(new Error(s)); return 1;
      case "stdout": process.stdout.write(s + "\\n"); process.stdout.write(Buffer.from(s + "\\n")); return 1;
      case "stderr": process.stderr.write(s + "\\n"); return 1;
      case "stray": setTimeout(() => { throw new Error(s); }); Promise.reject(new Error(s)); await new Promise((r) => setTimeout(r, 20)); return 1;
      case "badJson": { const cycle = { s }; cycle.cycle = cycle; return cycle; }
      case "badResponse": return new Response("teapot", { status: 418, headers: { "x-fine": "yes" } });
      case "header": throw new TypeError("Invalid header value: " + s);
      case "stream": return (async function* () { yield "a"; throw new Error(s); })();
      case "streamOurs": return (async function* () { yield { a: 1 }; throw new ColdframeError("OUTPUT_INVALID", s); })();
      case "span": trace.getTracer("own"); return 1;
      case "process": process.emitWarning(s); await new Promise((r) => setTimeout(r, 5)); return 1;
      case "outputError": return { toJSON() { throw new Error(s); } };
      case "huge": throw new Error((s + " ").repeat(50_000));
      case "abort": signal.addEventListener("abort", () => { throw new Error(s); }); throw new Error(s);
    }
    return input;
  }
}
`;

const withSecret = { COLDFRAME_SECRET_TOKEN: CANARY };

function project(files: Files = {}): string {
  return withPackages(makeProject({ "config.yaml": CONFIG, "model/model.ts": MODEL, ...files }));
}

async function artifactOf(files?: Files): Promise<string> {
  const options = { project: project(files), zip: false, codeCache: false, architecture: hostArchitecture() };
  return (await build(options)).directory;
}

/** Nothing that was written may have it; what did is named. */
function search(written: readonly string[], what: string): void {
  for (const text of written) assert.doesNotMatch(text, FEATHER, `${what} tells the secret`);
}

const artifact = await artifactOf();

const httpEvent = (body: unknown, path = "/predict", method = "POST", headers = {}) => ({
  version: "2.0",
  rawPath: path,
  rawQueryString: "",
  headers: { host: "x", "content-type": "application/json", ...headers },
  requestContext: { stage: "$default", http: { method, path } },
  body: JSON.stringify(body),
  isBase64Encoded: false,
});

for (const { client, skip } of CLIENTS) {
  for (const format of ["JSON", "Text"]) {
    describe(`on Lambda (${client}, ${format} logs)`, { skip }, () => {
      const begin = (t: TestContext, handler: string, more = {}) =>
        start(t, handler, {
          ...{ artifact, client, ricPath: RIC_PATH, freeze: false },
          environment: { ...withSecret, AWS_LAMBDA_LOG_FORMAT: format, ...more },
        });

      test("no error path tells it", async (t) => {
        for (const handler of ["index.buffered", "index.stream"]) {
          const lambda = await begin(t, handler);
          for (const path of PATHS) {
            for (const event of [
              httpEvent({ path }),
              httpEvent({ path }, "/predict", "POST", { accept: "text/event-stream" }),
              { path },
            ]) {
              const outcome = await lambda.invoke(event);
              if (outcome.kind !== "streamed") continue;
              outcome.body.resume();
              await outcome.completion;
            }
          }
          await lambda.invoke(httpEvent("", "/health/ready", "GET"));
          const message = {
            messageId: "m",
            receiptHandle: "r",
            body: '{"path":"message"}',
            eventSource: "aws:sqs",
          };
          const arn = { eventSourceARN: "arn:aws:sqs:us-east-1:1:q", attributes: {}, messageAttributes: {} };
          await lambda.invoke({ Records: [{ ...message, ...arn }] });
          const spans = await lambda.invoke({ path: "spans" });
          if (spans.kind === "streamed") spans.body.resume();
          await new Promise((resolve) => setTimeout(resolve, 100));
          search(lambda.lines, "the log");
          search(
            lambda.exchanges.map((exchange) => JSON.stringify(exchange, bytesAsText)),
            "an answer",
          );
          const all = lambda.lines.join("\n");
          assert.ok(
            all.split("[secret]").length > PATHS.length,
            "where it would have stood, something else stands",
          );
          assert.match(all, /"_aws":/);
          assert.match(
            JSON.stringify(lambda.exchanges, bytesAsText),
            /exception\.message/,
            "spans were looked at",
          );
        }
      });

      for (const where of ["construct", "load"]) {
        test(`nor does a cold start that fails in ${where}`, async (t) => {
          const lambda = await begin(t, "index.stream", { FAIL: where });
          search(lambda.lines, "the log");
          search(
            lambda.exchanges.map((exchange) => JSON.stringify(exchange, bytesAsText)),
            "the init error",
          );
          assert.match(JSON.stringify(lambda.initError), /no \[secret\]/);
        });
      }
    });
  }
}

function bytesAsText(_key: string, value: unknown): unknown {
  const bytes = value as { type?: string; data?: number[] } | null;
  return bytes?.type === "Buffer" && bytes.data ? Buffer.from(bytes.data).toString() : value;
}

describe("on a server", async () => {
  const server = await buildServer({}, project());

  test("no error path tells it", async (t) => {
    const started = await startServer(t, server, { env: withSecret });
    const answers: string[] = [];
    for (const path of PATHS) {
      for (const accept of ["*/*", "text/event-stream"]) {
        // One that breaks off is an answer too, as far as it came.
        const answer = await started.post({ path }, { headers: { accept } }).catch((error: Error) => ({
          text: String(error),
          headers: new Headers(),
        }));
        answers.push(answer.text, JSON.stringify([...answer.headers]));
      }
    }
    for (const path of ["/health/ready", "/openapi.json", "/schema", "/"]) {
      answers.push((await started.get(path)).text);
    }
    const metrics = (await started.get("/metrics")).text;
    readExposition(metrics);
    answers.push(metrics, (await started.post({ path: "spans" })).text);
    started.child.kill("SIGTERM");
    await started.ended;
    search(answers, "an answer");
    search(started.written(), "the log");
    assert.match(answers.join("\n"), /exception\.message/);
  });

  test("nor does a load that fails", async (t) => {
    const started = await startServer(t, server, { env: { ...withSecret, FAIL: "load" }, until: "nothing" });
    assert.equal(await started.ended, 1);
    search(started.written(), "the log");
    assert.match(started.written().join("\n"), /no \[secret\]/);
  });
});

test("no file of the artifact has a secret of the one who builds", async () => {
  const before = process.env["COLDFRAME_SECRET_TOKEN"];
  process.env["COLDFRAME_SECRET_TOKEN"] = CANARY;
  try {
    const directory = await artifactOf({ "model/model.ts": `${MODEL}\n// another` });
    for (const file of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (!file.isFile() || file.parentPath.includes("node_modules")) continue;
      search([readFileSync(join(file.parentPath, file.name), "latin1")], file.name);
    }
  } finally {
    if (before === undefined) delete process.env["COLDFRAME_SECRET_TOKEN"];
    else process.env["COLDFRAME_SECRET_TOKEN"] = before;
  }
});

test("weights that are refused do not tell with which secret they were asked for", async (t) => {
  const asked: string[] = [];
  const refusing = createServer(({ headers }, response) => {
    asked.push(headers.authorization ?? "");
    response.writeHead(403, { "x-you-said": encodeURIComponent(headers.authorization ?? "") });
    response.end(`Not with ${headers.authorization}`);
  }).listen(0, "127.0.0.1");
  await once(refusing, "listening");
  t.after(() => refusing.close());
  const { port } = refusing.address() as AddressInfo;
  const source = `http://127.0.0.1:${port}/w.bin`;
  const weights = `weights:\n  - { source: "${source}", mount_location: w.bin, auth_secret_name: token }\n`;
  // In a header: without what no header takes.
  const token = "canary-7xqz-9b-sings";
  const directory = await artifactOf({
    "config.yaml": `model_name: test\nsecrets: { token: null }\n${weights}`,
  });
  const lambda = await start(t, "index.stream", {
    artifact: directory,
    environment: { COLDFRAME_SECRET_TOKEN: token },
  });
  assert.ok(
    asked.some((header) => header.includes(token)),
    "nobody asked with it",
  );
  assert.ok(lambda.initError);
  search(lambda.lines, "the log");
  search(
    lambda.exchanges.map((exchange) => JSON.stringify(exchange, bytesAsText)),
    "the init error",
  );
});
