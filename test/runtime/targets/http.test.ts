// What a service in front of the function gets through each of the two handlers, by event source: the streaming ones,
// those that take results only, and what cannot leave as it is.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import alb from "../../../adapter/runtime/events/alb.ts";
import apiGateway from "../../../adapter/runtime/events/api-gateway.ts";
import functionUrl from "../../../adapter/runtime/events/function-url.ts";
import vpcLattice from "../../../adapter/runtime/events/vpc-lattice.ts";
import type { Invocation } from "../../../adapter/runtime/model.ts";
import { http } from "../../../adapter/runtime/targets/_http.ts";
import { EVENTS, REQUEST } from "../events/_http-request.ts";
import { context, FakeResponseStream, startFunction } from "../_function.ts";
import { logged } from "../_log.ts";

const ALL = [http(functionUrl), http(apiGateway), http(alb), http(vpcLattice)];

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"));

/** An event of a source and variant with this input. */
function ask(variant: string, input: unknown, accept = "*/*"): unknown {
  const body = JSON.stringify(input);
  const headers: [string, string][] = [
    ["Content-Type", "application/json"],
    ["Accept", accept],
  ];
  return EVENTS[variant]?.({ ...REQUEST, body, headers });
}

interface Envelope {
  statusCode: number;
  headers?: Record<string, string>;
  multiValueHeaders?: Record<string, string[]>;
  body: string;
}

const seen = { aborted: 0, cancelled: 0 };

class Model {
  async *stream(items: readonly unknown[]) {
    yield* items;
  }

  predict(input: Record<string, unknown>, { source, signal }: Invocation): unknown {
    if (input["items"]) return this.stream(input["items"] as unknown[]);
    if (input["size"]) return "x".repeat(input["size"] as number);
    if (input["header"]) {
      signal.addEventListener("abort", () => seen.aborted++);
      const endless = new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.from("x")),
        cancel: () => void seen.cancelled++,
      });
      return new Response(endless, { headers: { "x-long": "x".repeat(input["header"] as number) } });
    }
    return { source };
  }
}

function start() {
  const { buffered, stream } = startFunction(Model, { sources: ALL });
  return {
    result: async (event: unknown) =>
      JSON.parse(JSON.stringify(await buffered(event, context()))) as Envelope,
    async streamed(event: unknown) {
      const out = new FakeResponseStream();
      await stream(event, out, context());
      return { ...out.parse(), contentType: out.contentType, ended: out.ended };
    },
  };
}

for (const variant of Object.keys(EVENTS)) {
  test(`${variant}: an event is answered, and the model is told where it came from`, async () => {
    const { statusCode, body } = await start().result(ask(variant, { ask: "source" }));
    assert.equal(statusCode, 200);
    assert.deepEqual(JSON.parse(body), { source: variant.split(".", 1)[0] });
  });
}

for (const name of ["function-url", "api-gateway"]) {
  test(`${name}: the streaming handler writes a prelude, and chunks after it`, async () => {
    const { prelude, body, ended } = await start().streamed(
      ask(name, { items: ["one", "two"] }, "text/event-stream"),
    );
    assert.equal(prelude?.statusCode, 200);
    assert.match(prelude?.headers["content-type"] ?? "", /^text\/event-stream/);
    assert.equal(body, "data: one\n\ndata: two\n\n");
    assert.equal(ended, true);
  });
}

for (const name of ["alb", "alb.multi-value", "vpc-lattice"]) {
  test(`${name}: from the streaming handler the service gets the bytes of a result it understands`, async () => {
    const { result, streamed } = start();
    const event = ask(name, { items: ["one ", "two"] });
    const { prelude, body, contentType, ended } = await streamed(event);
    assert.equal(prelude, undefined);
    assert.equal(contentType, "application/json");
    assert.deepEqual(JSON.parse(body), await result(event));
    assert.equal((JSON.parse(body) as Envelope).body, "one two");
    assert.equal(ended, true);
  });
}

test("a load balancer's answer over 1 MB is 413 with the way round, from either handler", async () => {
  const { result, streamed } = start();
  for (const input of [{ size: 1024 * 1024 }, { items: Array(20).fill("x".repeat(60_000)) }]) {
    const whole = await result(ask("alb", input));
    assert.equal(whole.statusCode, 413);
    assert.match(whole.body, /"OUTPUT_TOO_LARGE".*1 MB.*function URL/);
    const { body } = await streamed(ask("alb", input));
    assert.equal((JSON.parse(body) as Envelope).statusCode, 413);
    // The same answer is nothing unusual elsewhere.
    assert.equal((await result(ask("api-gateway", input))).statusCode, 200);
  }
});

test("headers that API Gateway does not take before a stream are 413, and the model stops", async () => {
  const { streamed } = start();
  const { result } = await logged(() => streamed(ask("api-gateway", { header: 17_000 })));
  assert.equal(result.prelude?.statusCode, 413);
  assert.match(result.body, /"OUTPUT_TOO_LARGE".*16 KB/);
  assert.equal(result.ended, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, { aborted: 1, cancelled: 1 });
});

test("an event of none of them is refused by name", async () => {
  const { result } = start();
  for (const name of [
    "websocket.connect",
    "authorizer.rest",
    "authorizer.http-api",
    "lambda-edge",
    "appsync",
  ]) {
    await logged(() =>
      assert.rejects(result(read(name)), {
        name: "EVENT_UNKNOWN",
        message: /function-url, api-gateway, alb, vpc-lattice/,
      }),
    );
  }
});
