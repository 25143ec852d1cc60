// Clients that openapi-typescript generates from a running function compile and work; and what they are generated from
// is valid by Redocly's linter too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildHere, fixture, generateClient, lint, start, type Started } from "./_generated.ts";

interface Client {
  run(url: string): Promise<unknown>;
}

const LANGUAGE = join(import.meta.dirname, "..", "..", "examples", "language");

describe("examples/language", () => {
  let model: Started;
  before(async () => {
    model = await start(LANGUAGE);
  });
  after(() => model.close());

  test("its generated client compiles and works", async () => {
    const { run } = await generateClient<Client>("language", model.url);
    assert.deepEqual(await run(model.url), {
      language: "nld",
      candidates: 3,
      nothing: undefined,
      alias: ["nld"],
      refused: { status: 400, code: "INPUT_INVALID", places: ["text", "top"], impossible: false },
      status: "ready",
      head: 200,
      streams: false,
    });
  });

  test("its document has no error", async () => {
    assert.equal(await lint(await (await fetch(`${model.url}/openapi.json`)).text()), "");
  });
});

describe("a model that streams", () => {
  let model: Started;
  before(async () => {
    model = await start(fixture("count"));
  });
  after(() => model.close());

  test("its generated client compiles, reads streams and has typed errors", async () => {
    const { run } = await generateClient<Client>("count", model.url);
    const { chat, ...said } = (await run(model.url)) as { chat: Record<string, unknown> };
    assert.deepEqual(said, {
      text: 'data: {"i":1,"square":1}\n\ndata: {"i":2,"square":4}\n\n',
      squares: [9, null],
      place: "to",
      status: 400,
      code: "INPUT_INVALID",
      ids: ["count"],
    });
    assert.equal(chat["object"], "chat.completion");
  });

  for (const target of ["lambda", "server"] as const) {
    test(`its document for ${target} has no error`, async () => {
      const { directory } = await buildHere(fixture("count"), target);
      assert.equal(await lint(readFileSync(join(directory, "openapi.json"), "utf8")), "");
    });
  }
});
