// Whatever a model yields, the vendor's own decoder reads back from the frames: however the bytes are cut on the way,
// and with heartbeats in between.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Stream as AnthropicStream } from "@anthropic-ai/sdk/core/streaming";
import fc from "fast-check";
import { Stream as OpenAIStream } from "openai/core/streaming";
import { HEARTBEAT } from "../../../adapter/runtime/heartbeat.ts";
import type { Head, Json, VendorRoute } from "../../../adapter/runtime/vendor/_draft.ts";
import { chatCompletions } from "../../../adapter/runtime/vendor/chat-completions.ts";
import { completions } from "../../../adapter/runtime/vendor/completions.ts";
import { messages } from "../../../adapter/runtime/vendor/messages.ts";
import { responses } from "../../../adapter/runtime/vendor/responses.ts";
import { drain } from "./_front.ts";

const HEAD: Head = { requestId: "1", created: 1, model: "m", request: { stream: true } };

/** Text as models give it: line breaks, half characters and what looks like an event. */
const pieces = fc.array(
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom("\r", "\n", "\ud83d", "\ude00", "data: ", "[DONE]", "event: error", ":", "a"),
    }),
  ),
  { maxLength: 12 },
);

/** A chunk of the model's own, with anything below its keys. */
const ownChunk = fc.record({
  id: fc.string(),
  choices: fc.array(fc.record({ index: fc.nat(3), delta: fc.dictionary(fc.string(), fc.jsonValue()) }), {
    maxLength: 3,
  }),
  extra: fc.jsonValue(),
});

const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

function framesOf(
  { vendor, begin }: VendorRoute,
  items: readonly unknown[],
  beats: boolean,
): { events: Json[]; frames: string[] } {
  const draft = begin(HEAD, true);
  const events = [...items.flatMap((item) => draft.write(item)), ...draft.end()];
  const beat = beats ? (vendor.heartbeat ?? HEARTBEAT.value) : "";
  return {
    events,
    frames: [beat, ...events.flatMap((event) => [vendor.frame(event), beat]), vendor.lastFrame],
  };
}

/** The bytes of all frames, cut into pieces of the given sizes, over and over. */
function response(frames: readonly string[], sizes: readonly number[]): Response {
  const bytes = Buffer.from(frames.join(""));
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    }),
  );
}

type Decode = (response: Response) => AsyncIterable<unknown>;

const asOpenAI: Decode = (answer) => OpenAIStream.fromSSEResponse(answer, new AbortController());
const asAnthropic: Decode = (answer) => AnthropicStream.fromSSEResponse(answer, new AbortController());

const ROUTES: readonly [route: VendorRoute, decode: Decode, textOf: (event: unknown) => string][] = [
  [chatCompletions, asOpenAI, (event) => (event as Chunk).choices[0]?.delta?.content ?? ""],
  [completions, asOpenAI, (event) => (event as Chunk).choices[0]?.text ?? ""],
  [
    responses,
    asOpenAI,
    (event) => ((event as Named).type === "response.output_text.delta" ? String((event as Named).delta) : ""),
  ],
  [messages, asAnthropic, (event) => (event as { delta?: { text?: string } }).delta?.text ?? ""],
];

interface Chunk {
  readonly choices: readonly { delta?: { content?: string }; text?: string }[];
}

interface Named {
  readonly type: string;
  readonly delta?: unknown;
}

for (const [route, decode, textOf] of ROUTES) {
  describe(route.member, () => {
    test("text comes out as it went in", () =>
      fc.assert(
        fc.asyncProperty(pieces, cuts, fc.boolean(), async (items, sizes, beats) => {
          const { events, frames } = framesOf(route, items, beats);
          const decoded = (await drain(decode(response(frames, sizes)))).events;
          assert.deepEqual(decoded, JSON.parse(JSON.stringify(events)));
          assert.equal(decoded.map(textOf).join(""), items.join(""));
        }),
      ));

    test("gathered, the text is the same", () =>
      fc.assert(
        fc.property(pieces, (items) => {
          const draft = route.begin(HEAD, false);
          const events = [...items.flatMap((item) => draft.write(item)), ...draft.end()];
          const again = route.begin(HEAD, false);
          const spread = again.spread(draft.gather(events) as Json);
          // A whole answer as events, and those as a whole answer.
          assert.deepEqual(again.gather(spread), draft.gather(events));
          assert.equal(spread.map(textOf).join(""), items.join(""));
        }),
      ));
  });
}

test("chunks of the model's own come out as they went in", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(ownChunk, { maxLength: 6 }),
      cuts,
      fc.boolean(),
      async (chunks, sizes, beats) => {
        const { events, frames } = framesOf(chatCompletions, chunks, beats);
        const decoded = (await drain(asOpenAI(response(frames, sizes)))).events;
        assert.deepEqual(decoded, JSON.parse(JSON.stringify(events)));
        for (const [i, chunk] of chunks.entries()) {
          const own = decoded[i] as unknown as typeof chunk;
          assert.deepEqual([own.id, own.extra], JSON.parse(JSON.stringify([chunk.id, chunk.extra])));
        }
      },
    ),
  ));

test("chunks of any content are merged without harm", () =>
  fc.assert(
    fc.property(fc.array(ownChunk, { maxLength: 6 }), (chunks) => {
      const draft = chatCompletions.begin(HEAD, false);
      draft.gather([...chunks.flatMap((chunk) => draft.write(chunk)), ...draft.end()]);
      assert.deepEqual(Object.keys(Object.prototype), []);
    }),
  ));

test("a chunk cannot reach the prototype of all objects", () => {
  const draft = chatCompletions.begin(HEAD, false);
  const evil = JSON.parse(
    '{"choices":[{"index":0,"delta":{"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}]}',
  );
  draft.gather([...draft.write(evil), ...draft.end()]);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});
