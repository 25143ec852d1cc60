// Every example is a test: built as a user builds it, run behind its function URL, asked each of its requests.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build } from "../adapter/build/build.ts";
import { hostArchitecture } from "../adapter/cli/build.ts";
import { type LocalWeights, startLocalWeights } from "../adapter/cli/local-weights.ts";
import { startFunctionUrl } from "../adapter/local/function-url.ts";
import { type LocalLambda, startLocalLambda } from "../adapter/local/local-lambda.ts";

const EXAMPLES = join(import.meta.dirname, "..", "examples");

/** One file of requests/; see examples/README.md. */
interface Exchange {
  readonly description: string;
  readonly request: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
    readonly text?: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
    readonly text?: string;
    readonly match?: unknown;
    /** What the JSON of each event holds at least. */
    readonly events?: readonly unknown[];
    readonly tolerance?: number;
  };
}

for (const example of readdirSync(EXAMPLES, { withFileTypes: true })) {
  // What begins with "_" is shared by examples, and is none.
  if (!example.isDirectory() || example.name.startsWith("_")) continue;
  const project = join(EXAMPLES, example.name);

  describe(example.name, { skip: missingWeights(project) }, () => {
    let folder: string;
    let lambda: LocalLambda;
    let weights: LocalWeights;
    let front: Awaited<ReturnType<typeof startFunctionUrl>>;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "coldframe-example-"));
      const { directory, warnings } = await build({
        project,
        outDir: folder,
        architecture: hostArchitecture(),
        zip: false,
        localWeights: true,
      });
      assert.deepEqual(warnings, []);
      weights = await startLocalWeights(project);
      // Not the project's own folder: each run is a cold start.
      const environment = { ...weights.environment, COLDFRAME_DATA_DIR: join(folder, "weights") };
      lambda = await startLocalLambda({ artifact: directory, environment });
      front = await startFunctionUrl({ lambda: () => lambda });
    });

    after(async () => {
      await front.close();
      await Promise.all([lambda.close(), weights.close()]);
      await rm(folder, { recursive: true });
    });

    for (const file of readdirSync(join(project, "requests"))) {
      const exchange = JSON.parse(readFileSync(join(project, "requests", file), "utf8")) as Exchange;
      test(`${file}: ${exchange.description}`, () => run(front.url, exchange));
    }

    for (const { code, output } of clientsOf(project)) {
      test("the client of its README says what its README says", async () => {
        assert.equal(await runClient(code.replace(/http:\/\/localhost:\d+/, front.url)), output);
      });
    }

    test("one process answered them all", () => assert.equal(lambda.restarts, 0));
  });
}

/** Why an example cannot run yet: what it needs is made by a script of its own, and too large to keep. */
function missingWeights(project: string): string | false {
  const { scripts } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as {
    scripts?: Record<string, string>;
  };
  if (scripts?.["weights"] === undefined || existsSync(join(project, "weights"))) return false;
  return `its weights are made first: npm run weights --prefix examples/${basename(project)}`;
}

/** The programs in an example's README, each with the output that is shown below it. */
function clientsOf(project: string): { code: string; output: string }[] {
  const file = join(project, "README.md");
  const readme = existsSync(file) ? readFileSync(file, "utf8") : "";
  return Array.from(
    readme.matchAll(/```js\n(.*?)```\n\n```\n(.*?)\n```/gs),
    ([, code = "", output = ""]) => ({
      code,
      output,
    }),
  );
}

/** What a program writes that imports packages of the repository. */
async function runClient(code: string): Promise<string> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return (await child.stdout.toArray()).join("");
}

async function run(url: string, { request, response: owed }: Exchange): Promise<void> {
  const { method = "POST", path = "/predict", headers = {}, body, text } = request;
  const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(new URL(path, url), {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(content === undefined ? undefined : { body: content }),
  });
  const answer = await response.text();
  assert.equal(response.status, owed.status, answer);
  for (const [name, value] of Object.entries(owed.headers ?? {}))
    assert.equal(response.headers.get(name), value);
  if (owed.text !== undefined) assert.equal(answer, owed.text);
  if (owed.body !== undefined) assert.deepEqual(JSON.parse(answer), owed.body);
  if (owed.events !== undefined) assertMatch(eventsOf(answer), owed.events, owed.tolerance ?? 0, "events");
  if (owed.match !== undefined) assertMatch(JSON.parse(answer), owed.match, owed.tolerance ?? 0, "body");
}

/** The JSON of each `data:` line; what is no JSON, such as `[DONE]`, as it is. */
function eventsOf(text: string): unknown[] {
  return Array.from(text.matchAll(/^data: (.*)$/gm), ([, data = ""]) =>
    data.startsWith("{") ? JSON.parse(data) : data,
  );
}

/** `actual` holds at least what `expected` names; numbers differ by no more than `tolerance`. */
function assertMatch(actual: unknown, expected: unknown, tolerance: number, path: string): void {
  if (typeof expected === "number" && typeof actual === "number") {
    assert.ok(Math.abs(actual - expected) <= tolerance, `${path}: ${actual} is not ${expected}`);
  } else if (Array.isArray(expected)) {
    assert.equal((actual as unknown[] | undefined)?.length, expected.length, path);
    expected.forEach((item, i) => {
      assertMatch((actual as unknown[])[i], item, tolerance, `${path}[${i}]`);
    });
  } else if (typeof expected === "object" && expected !== null) {
    for (const [key, value] of Object.entries(expected)) {
      assertMatch((actual as Record<string, unknown> | undefined)?.[key], value, tolerance, `${path}.${key}`);
    }
  } else {
    assert.deepEqual(actual, expected, path);
  }
}
