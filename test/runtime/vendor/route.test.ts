// Whatever goes wrong reaches the user of a vendor's SDK as that SDK's own error: before the model, in it, in the middle
// of its stream. And who leaves stops the model.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as anthropicErrors from "@anthropic-ai/sdk";
import * as openaiErrors from "openai";
import {
  anthropicClient,
  API_KEY,
  drain,
  onEveryFront,
  openaiClient,
  part,
  partOf,
  raw,
  rejection,
} from "./_front.ts";

/** What no caller may read. */
const SECRET = /the secret is/;

onEveryFront((front) => {
  const chat = (model: string) => front.openai.chat.completions.create(part(model));
  const message = (model: string) => front.anthropic.messages.create(partOf(model));

  describe("OpenAI's SDK", () => {
    test("a model that fails is its InternalServerError, and masked", async () => {
      for (const model of ["throws", "throwsFirst"]) {
        for (const stream of [false, true]) {
          const error = await rejection(front.openai.chat.completions.create({ ...part(model), stream }));
          assert.ok(error instanceof openaiErrors.InternalServerError);
          assert.equal(error.status, 500);
          assert.equal(error.code, "PREDICT_FAILED");
          assert.equal(error.type, "server_error");
          assert.match(error.message, /the model failed in chatCompletions; the log has the reason/);
          assert.ok(error.requestID);
          assert.equal((error.error as { request_id: string }).request_id, error.requestID);
          assert.doesNotMatch(JSON.stringify([error.message, error.error]), SECRET);
        }
      }
      assert.match(front.lines.join("\n"), SECRET);
    });

    test("a model that refuses is its BadRequestError, with where and why", async () => {
      const error = await rejection(chat("refuses"));
      assert.ok(error instanceof openaiErrors.BadRequestError);
      assert.equal(error.message, "400 no poems.");
      assert.equal(error.param, "messages[0].content");
      assert.equal(error.type, "invalid_request_error");
      assert.equal(error.code, "INPUT_INVALID");
    });

    test("what the model must not give is told to its author", async () => {
      const error = await rejection(chat("number"));
      assert.ok(error instanceof openaiErrors.InternalServerError);
      assert.match(
        error.message,
        /chatCompletions gave number, not text, an object with choices, or one with content/,
      );
    });

    test("a Response passes through untouched, an error too", async () => {
      const answer = await chat("response").withResponse();
      assert.deepEqual({ ...answer.data }, { untouched: true });
      assert.equal(answer.response.status, 202);
      assert.equal(answer.response.headers.get("x-own"), "yes");
      const error = await rejection(chat("limited"));
      assert.ok(error instanceof openaiErrors.RateLimitError);
      assert.equal(error.code, "rate");
    });

    test("an error in OpenAI's shape passes through untouched, with its status", async () => {
      const error = await rejection(chat("errors"));
      assert.ok(error instanceof openaiErrors.BadRequestError);
      assert.deepEqual(error.error, {
        message: "too many tokens",
        type: "invalid_request_error",
        code: "context",
        param: "messages",
      });
    });

    test("a failure in the middle of a stream", async () => {
      for (const [model, code] of [
        ["throwsLater", "PREDICT_FAILED"],
        ["errorsLater", "upstream"],
        ["strange", "OUTPUT_INVALID"],
      ] as const) {
        const { events, error } = await streamOf(model);
        assert.ok(error instanceof openaiErrors.APIError, model);
        assert.equal(error.code, code);
        assert.doesNotMatch(JSON.stringify([error.message, error.error]), SECRET);
        if (front.streams) assert.equal(events[0]?.choices[0]?.delta.content, "one ");
        // Nothing of it left yet: then the status can still say so.
        else assert.ok(error instanceof openaiErrors.InternalServerError);
      }
      const { text } = await raw(front.url, "/v1/chat/completions", {
        ...part("throwsLater"),
        stream: true,
      }).catch(
        // The transport says it too.
        () => ({ text: "" }),
      );
      assert.ok(!text.includes("[DONE]"));
    });

    test("a failure in the middle of a stream that nobody asked for is an honest status", async () => {
      const error = await rejection(chat("throwsLater"));
      assert.ok(error instanceof openaiErrors.InternalServerError);
      assert.equal(error.code, "PREDICT_FAILED");
    });

    test("paths that are not there, and bodies that are no objects", async () => {
      const missing = await rejection(front.openai.moderations.create({ input: "a" }));
      assert.ok(missing instanceof openaiErrors.NotFoundError);
      assert.equal(missing.code, "ROUTE_NOT_FOUND");
      const array = await rejection(front.openai.post("/chat/completions", { body: [] }));
      assert.ok(array instanceof openaiErrors.BadRequestError);
      const malformed = await fetch(`${front.url}/v1/completions`, { method: "POST", body: "{" });
      assert.equal(malformed.status, 400);
      assert.equal(
        ((await malformed.json()) as { error: { type: string } }).error.type,
        "invalid_request_error",
      );
      const method = await fetch(`${front.url}/v1/embeddings`);
      assert.equal(method.status, 405);
      assert.equal(method.headers.get("allow"), "POST");
    });

    async function streamOf(model: string) {
      try {
        return await drain(await front.openai.chat.completions.create({ ...part(model), stream: true }));
      } catch (error) {
        return { events: [], error };
      }
    }
  });

  describe("Anthropic's SDK", () => {
    test("a model that fails is its InternalServerError, and masked", async () => {
      for (const stream of [false, true]) {
        const error = await rejection(front.anthropic.messages.create({ ...partOf("throws"), stream }));
        assert.ok(error instanceof anthropicErrors.InternalServerError);
        assert.equal(error.status, 500);
        assert.equal(error.type, "api_error");
        assert.ok(error.requestID);
        assert.doesNotMatch(JSON.stringify([error.message, error.error]), SECRET);
      }
    });

    test("a model that refuses is its BadRequestError", async () => {
      const error = await rejection(message("refuses"));
      assert.ok(error instanceof anthropicErrors.BadRequestError);
      assert.equal(error.type, "invalid_request_error");
      assert.equal(error.apiMessage, "no poems.");
    });

    test("errors of the model's own pass through untouched", async () => {
      const limited = await rejection(message("limited"));
      assert.ok(limited instanceof anthropicErrors.RateLimitError);
      const given = await rejection(message("errors"));
      assert.ok(given instanceof anthropicErrors.OverloadedError);
      assert.deepEqual(given.error, {
        type: "error",
        error: { type: "overloaded_error", message: "too busy" },
      });
    });

    test("a failure in the middle of a stream", async () => {
      for (const [model, type] of [
        ["throwsLater", "api_error"],
        ["errorsLater", "overloaded_error"],
        ["strange", "api_error"],
      ] as const) {
        const error = await rejection(front.anthropic.messages.stream(partOf(model)).finalMessage());
        assert.ok(error instanceof anthropicErrors.APIError, model);
        assert.equal(error.type, type);
        assert.doesNotMatch(JSON.stringify([error.message, error.error]), SECRET);
      }
    });

    test("paths that are not there", async () => {
      const error = await rejection(front.anthropic.messages.countTokens(partOf("text")));
      assert.ok(error instanceof anthropicErrors.NotFoundError);
      assert.equal(error.type, "not_found_error");
    });
  });

  describe("models", () => {
    test("are listed, one of them", async () => {
      const ids: string[] = [];
      for await (const { id } of front.openai.models.list()) ids.push(id);
      assert.deepEqual(ids, ["chorus"]);
      const page = await front.anthropic.models.list();
      assert.equal(page.has_more, false);
      assert.deepEqual(
        page.data.map(({ id, type, display_name }) => [id, type, display_name]),
        [["chorus", "model", "chorus"]],
      );
    });

    test("are there by name, for OpenAI, Anthropic, Truss and KServe", async () => {
      const { id, object, owned_by } = await front.openai.models.retrieve("chorus");
      assert.deepEqual([id, object, owned_by], ["chorus", "model", "coldframe"]);
      assert.equal((await front.anthropic.models.retrieve("chorus")).created_at, "1970-01-01T00:00:00.000Z");
      const ready = await fetch(`${front.url}/v1/models/any`);
      assert.equal(ready.status, 200);
      const body = (await ready.json()) as Record<string, unknown>;
      assert.deepEqual([body["name"], body["ready"], body["status"]], ["chorus", true, "ready"]);
      assert.equal((await fetch(`${front.url}/v1/models/any`, { method: "HEAD" })).status, 200);
    });
  });

  test("a model without predict says what it has", async () => {
    for (const path of ["/predict", "/v1/models/chorus:predict"]) {
      const { status, text } = await raw(front.url, path, {});
      assert.equal(status, 404);
      assert.match(text, /the model has no predict: call POST \/v1\/chat\/completions, .*\/v1\/messages/);
    }
  });

  test("an API key is the caller's, and in no log", async () => {
    await rejection(chat("throws"));
    await rejection(message("throws"));
    assert.ok(front.lines.length > 0);
    assert.ok(!front.lines.join("\n").includes(API_KEY));
  });

  if (!front.streams) return;

  test("both SDKs try again by themselves while a model is not there", async () => {
    const answer = await openaiClient(front.url, 1).chat.completions.create(part("flaky"));
    assert.match(answer.choices[0]?.message.content ?? "", /^attempt \d+$/);
    const other = await anthropicClient(front.url, 1).messages.create(partOf("flaky"));
    assert.equal(other.content[0]?.type, "text");
    const error = await rejection(chat("flaky"));
    assert.ok(error instanceof openaiErrors.InternalServerError);
    assert.equal(error.status, 503);
    assert.equal(error.headers?.get("retry-after"), "1");
  });

  test("neither tries again what would end the same", async () => {
    const error = await rejection(openaiClient(front.url, 2).chat.completions.create(part("number")));
    assert.ok(error instanceof openaiErrors.InternalServerError);
    assert.equal(error.headers?.get("x-should-retry"), "false");
    assert.equal(
      front.lines.filter((line) => line.includes(error.requestID ?? "?") && line.includes("OUTPUT_INVALID"))
        .length,
      1,
    );
  });

  describe("who leaves in the middle of a stream", () => {
    test("stops the model and frees its slot: OpenAI's", async () => {
      const stream = await front.openai.chat.completions.create({ ...part("endless"), stream: true });
      for await (const { choices } of stream) if (choices[0]?.delta.content === "3 ") break;
      // One call at a time: this one waits for the slot.
      assert.equal((await chat("ending")).choices[0]?.message.content, "aborted");
    });

    test("stops the model and frees its slot: Anthropic's", async () => {
      const stream = front.anthropic.messages.stream(partOf("endless"));
      stream.on("text", (_text, all) => all.endsWith("3 ") && stream.abort());
      assert.ok((await rejection(stream.finalMessage())) instanceof anthropicErrors.APIUserAbortError);
      assert.deepEqual((await message("ending")).content, [{ type: "text", text: "aborted" }]);
    });
  });
});
