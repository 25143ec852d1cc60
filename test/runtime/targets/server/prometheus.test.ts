// GET /metrics, read by a reader that forgives nothing: what was asked, how long it took, and what the model says itself.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import type { ReadyModel } from "../../../../adapter/runtime/cold-start.ts";
import { ColdframeError } from "../../../../adapter/runtime/errors.ts";
import type { Model } from "../../../../adapter/runtime/model.ts";
import { Items } from "../../../../adapter/runtime/stream.ts";
import { toText } from "../../../../adapter/runtime/targets/server/exposition.ts";
import { createPrometheus } from "../../../../adapter/runtime/targets/server/prometheus.ts";
import { makeCall, makeOrigin } from "../../_call.ts";
import { logged } from "../../_log.ts";
import { buildServer, startServer, type TestServer } from "../_server.ts";
import { type ReadFamily, readExposition } from "./_exposition.ts";
import { MODEL } from "./_model.ts";

/** What GET /metrics says of a server whose model is `model`. */
async function scrape(
  prometheus: ReturnType<typeof createPrometheus>,
  model?: Partial<Model>,
): Promise<Map<string, ReadFamily>> {
  const ready = model && ({ instance: model as Model } as ReadyModel);
  const reply = await prometheus.answer({ model: ready })(makeCall({ method: "GET", path: "/metrics" }));
  assert.equal(reply.status, 200);
  assert.match(reply.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/);
  return readExposition(reply.body as string);
}

const begin = (prometheus: ReturnType<typeof createPrometheus>, path = "/predict") => {
  const call = makeCall({ path });
  return prometheus.begin({ ...makeOrigin(), source: "http" }, call);
};

const valueOf = (families: Map<string, ReadFamily>, name: string, labels = ""): number | undefined =>
  families.get(name)?.samples.get(labels);

describe("of its requests, a server counts", () => {
  test("each by route and status, and errors by code", async () => {
    const prometheus = createPrometheus("scribe");
    for (const [path, status] of [
      ["/predict", 200],
      ["/predict", 200],
      ["/predict", 504],
      ["/v1/models/scribe:predict", 200],
      ["/v1/models/any/other:predict", 404],
      ["/v1/chat/completions", 200],
      ["/v2/models/scribe/versions/7/infer", 200],
      [`/${"x".repeat(500)}"}\n# TYPE evil counter`, 404],
    ] as const) {
      const observation = begin(prometheus, path);
      if (status === 504) observation.failed(new ColdframeError("PREDICT_TIMEOUT", "late."));
      observation.answered(status);
      observation.end();
    }
    const families = await scrape(prometheus);
    assert.deepEqual(
      [...(families.get("coldframe_requests_total")?.samples ?? [])],
      [
        ['{route="/predict",status="200"}', 2],
        ['{route="/predict",status="504"}', 1],
        ['{route="/v1/models/{name}:predict",status="200"}', 1],
        ['{route="other",status="404"}', 2],
        ['{route="/v1/chat/completions",status="200"}', 1],
        ['{route="/v2/models/{name}/infer",status="200"}', 1],
      ],
    );
    assert.equal(valueOf(families, "coldframe_errors_total", '{code="PREDICT_TIMEOUT"}'), 1);
  });

  test("those in flight, and those that wait", async () => {
    const prometheus = createPrometheus("scribe");
    const free = Promise.withResolvers<void>();
    const [first, second] = [begin(prometheus), begin(prometheus)];
    const waiting = first.step("queue", () => free.promise);
    const now = async () => {
      const families = await scrape(prometheus);
      return ["coldframe_requests_in_flight", "coldframe_queue_depth"].map((name) => valueOf(families, name));
    };
    assert.deepEqual(await now(), [2, 1]);
    free.resolve();
    await waiting;
    assert.deepEqual(await now(), [2, 0]);
    first.end();
    second.end();
    assert.deepEqual(await now(), [0, 0]);
  });

  test("how long the model took, and its first item", async () => {
    const prometheus = createPrometheus("scribe");
    const observation = begin(prometheus);
    await observation.step("queue", async () => {});
    await observation.step("predict", async () => "a stream");
    const ends = [
      { done: false as const, value: 1 },
      { done: true as const, value: undefined },
    ];
    for await (const _item of observation.items(
      new Items(
        async () => ends.shift() as never,
        () => {},
      ),
    ));
    observation.end();
    const whole = begin(prometheus);
    whole.step("embeddings", () => [1]);
    whole.end();
    const families = await scrape(prometheus);
    for (const name of [
      "coldframe_predict_seconds",
      "coldframe_first_token_seconds",
      "coldframe_queue_seconds",
    ])
      assert.equal(valueOf(families, name, '_count{member="predict"}'), 1, name);
    assert.equal(valueOf(families, "coldframe_predict_seconds", '_count{member="embeddings"}'), 1);
    assert.equal(
      valueOf(families, "coldframe_first_token_seconds", '_count{member="embeddings"}'),
      undefined,
    );
  });

  test("its cold start, and its weights", async () => {
    const prometheus = createPrometheus("scribe");
    assert.ok(
      !(await scrape(prometheus)).has("coldframe_cold_start_seconds"),
      "while it loads there is none",
    );
    const weights = {
      files: 1,
      bytes: 5e6,
      fetched_bytes: 4e6,
      ms: 500,
      mb_per_s: 8,
      requests: 1,
      retries: 0,
    };
    prometheus.coldStart?.({
      phases: { boot: 20, load: 200 },
      began: { boot: 0, load: 20 },
      total_ms: 1500,
      weights: weights as never,
    });
    const families = await scrape(prometheus);
    assert.equal(valueOf(families, "coldframe_cold_start_seconds"), 1.5);
    assert.equal(valueOf(families, "coldframe_cold_start_phase_seconds", '{phase="load"}'), 0.2);
    assert.equal(valueOf(families, "coldframe_weights_bytes"), 5e6);
    assert.equal(valueOf(families, "coldframe_weights_seconds"), 0.5);
  });
});

describe("the model's own metrics", () => {
  const OWN = "# HELP tokens_total Tokens.\n# TYPE tokens_total counter\ntokens_total 7\n";

  test("may be text, with or without its last line's end", async () => {
    for (const text of [OWN, OWN.trimEnd()]) {
      const families = await scrape(createPrometheus("m"), { metrics: () => text });
      assert.equal(valueOf(families, "tokens_total"), 7);
      assert.ok(families.has("process_resident_memory_bytes"));
    }
  });

  test("may be numbers", async () => {
    const families = await scrape(createPrometheus("m"), {
      metrics: async () => ({ cache_hits: 3, ratio: 0.5 }),
    });
    assert.equal(valueOf(families, "cache_hits"), 3);
    assert.equal(families.get("ratio")?.type, "gauge");
  });

  test("take the place of ours that have the same name", async () => {
    const own =
      "# HELP process_cpu_seconds_total Theirs.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1\n";
    const families = await scrape(createPrometheus("m"), { metrics: () => own });
    assert.equal(families.get("process_cpu_seconds_total")?.help, "Theirs.");
  });

  test("that fail are left out, and said so", async () => {
    const failing: Partial<Model>[] = [
      { metrics: () => assert.fail("no metrics today") },
      { metrics: () => ({ "no name": 1 }) },
      { metrics: () => ({ text: "1" }) as never },
    ];
    for (const model of failing) {
      const { lines } = await logged(async () => {
        assert.ok((await scrape(createPrometheus("m"), model)).has("process_cpu_seconds_total"));
      });
      assert.match(lines[0]?.message ?? "", /metrics\(\) failed/);
    }
  });
});

test("what stands in help and labels is escaped", () => {
  const text = toText([
    {
      ...{ name: "a", type: "gauge", help: 'a \\ and\na "line"' },
      samples: [
        { labels: { text: 'a \\ and\na "line"' }, value: Number.POSITIVE_INFINITY },
        { labels: { text: "" }, value: Number.NaN },
        { labels: { text: "small" }, value: 1e-7 },
      ],
    },
  ]);
  const family = readExposition(text).get("a");
  assert.deepEqual(
    [...(family?.samples ?? [])],
    [
      ['{text="a \\\\ and\\na \\"line\\""}', Number.POSITIVE_INFINITY],
      ['{text=""}', Number.NaN],
      ['{text="small"}', 1e-7],
    ],
  );
});

describe("on a server", async () => {
  const model = MODEL.replace(
    "isHealthy()",
    'metrics() { return "# HELP m_total M.\\n# TYPE m_total counter\\nm_total 1\\n"; }\n  isHealthy()',
  );
  const artifact = await buildServer({ "model/model.ts": model });
  const read = async (server: TestServer) => readExposition((await server.get("/metrics")).text);
  const started = (t: TestContext) => startServer(t, artifact);

  test("all of it is there", async (t) => {
    const server = await started(t);
    await server.post({ a: 1 });
    await server.post({ words: 3 });
    await server.post({ megabytes: 1, failAfter: 0 });
    assert.equal((await server.get("/nowhere")).status, 404);
    assert.equal((await server.get("/metrics", { method: "POST" })).status, 405);
    const families = await read(server);
    assert.equal(valueOf(families, "coldframe_requests_total", '{route="/predict",status="200"}'), 3);
    assert.equal(valueOf(families, "coldframe_requests_total", '{route="other",status="404"}'), 1);
    assert.equal(valueOf(families, "coldframe_errors_total", '{code="ROUTE_NOT_FOUND"}'), 1);
    assert.equal(valueOf(families, "coldframe_predict_seconds", '_count{member="predict"}'), 3);
    assert.equal(valueOf(families, "coldframe_first_token_seconds", '_count{member="predict"}'), 2);
    assert.ok((valueOf(families, "coldframe_cold_start_phase_seconds", '{phase="import"}') ?? 0) > 0);
    assert.equal(valueOf(families, "m_total"), 1);
    assert.equal(valueOf(families, "coldframe_requests_in_flight"), 1, "the one that asks");
  });

  test("what the console says is a line with the id of its call, of calls at the same time", async (t) => {
    const server = await startServer(
      t,
      await buildServer({
        "config.yaml": "model_name: test\nruntime:\n  predict_concurrency: 2\n",
        "model/model.ts": `export default class Model {
          async *predict({ name }) {
            console.log("began %s", name);
            await new Promise((resolve) => setTimeout(resolve, 20));
            console.error("failed", new RangeError(name));
            yield name;
            await new Promise((resolve) => setTimeout(resolve, 20));
            console.warn({ name, deep: { er: true } });
            console.debug("not heard");
          }
        }`,
      }),
    );
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const headers = (id: string) => ({ "x-request-id": id, traceparent: `00-${trace}-b7ad6b7169203331-01` });
    await Promise.all(["a", "b"].map((name) => server.post({ name }, { headers: headers(`id-${name}`) })));
    await server.logged("{ name: 'b', deep: { er: true } }");
    const lines = server.log().filter(({ requestId }) => requestId !== undefined);
    for (const name of ["a", "b"]) {
      const mine = lines.filter(({ requestId }) => requestId === `id-${name}`);
      assert.deepEqual(
        mine.map(({ level, message, traceId }) => [level, message, traceId]),
        [
          ["INFO", `began ${name}`, trace],
          ["ERROR", `failed RangeError: ${name}`, trace],
          ["WARN", `{ name: '${name}', deep: { er: true } }`, trace],
        ],
      );
      assert.deepEqual([mine[1]?.["errorType"], mine[1]?.["errorMessage"]], ["RangeError", name]);
      assert.match(String((mine[1]?.["stackTrace"] as string[])[1]), /^ {4}at /);
    }
  });
});
