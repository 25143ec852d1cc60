// A message of Anthropic's as its events, and the events as the message they stand for.
// Source: lib/MessageStream.ts of `@anthropic-ai/sdk` 1; docs.anthropic.com/en/api/messages-streaming.

import type { Json } from "./_draft.ts";

type Block = Record<string, unknown>;

/** What of a block is told piece by piece: its key, and the delta's type and key. */
const GROWING = [
  ["text", "text_delta", "text"],
  ["thinking", "thinking_delta", "thinking"],
  ["signature", "signature_delta", "signature"],
] as const;

/** One content block as its events. */
export function spreadBlock(block: Json, index: number): Json[] {
  const content_block: Block = { ...block };
  const deltas: Json[] = [];
  for (const [key, type, part] of GROWING) {
    if (typeof block[key] !== "string") continue;
    content_block[key] = "";
    deltas.push({ type, [part]: block[key] });
  }
  // Only of a call is the input JSON that grows.
  if (/tool_use$/.test(String(block["type"]))) {
    content_block["input"] = {};
    deltas.push({ type: "input_json_delta", partial_json: JSON.stringify(block["input"] ?? {}) });
  }
  for (const citation of (block["citations"] as readonly unknown[] | null | undefined) ?? []) {
    deltas.push({ type: "citations_delta", citation });
  }
  if (block["citations"]) content_block["citations"] = [];
  return [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

/** A whole message as its events. */
export function spreadMessage(message: Json): Json[] {
  const { content, stop_reason, stop_sequence = null, stop_details, usage, ...head } = message;
  const counts = usage as Json | undefined;
  return [
    {
      type: "message_start",
      message: {
        ...head,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...counts, output_tokens: 0 },
      },
    },
    ...((content ?? []) as readonly Json[]).flatMap(spreadBlock),
    {
      type: "message_delta",
      delta: { stop_reason, stop_sequence, ...(stop_details ? { stop_details } : {}) },
      usage: { ...counts },
    },
    { type: "message_stop" },
  ];
}

/** The message that its events stand for. */
export function gatherMessage(events: readonly Json[]): unknown {
  let message: Record<string, unknown> = {};
  const blocks: Block[] = [];
  for (const event of events) {
    const index = event["index"] as number;
    if (event["type"] === "message_start") message = { ...(event["message"] as Json) };
    else if (event["type"] === "content_block_start") blocks[index] = { ...(event["content_block"] as Json) };
    else if (event["type"] === "content_block_delta") grow((blocks[index] ??= {}), event["delta"] as Json);
    else if (event["type"] === "content_block_stop") finish(blocks[index]);
    else if (event["type"] === "message_delta") {
      const { usage, delta } = event as Record<string, Json | undefined>;
      message = { ...message, ...delta, usage: { ...(message["usage"] as Json), ...present(usage) } };
    }
  }
  return { ...message, content: [...((message["content"] ?? []) as unknown[]), ...blocks] };
}

/** The input of a call while it is text. */
const INPUT_TEXT = Symbol("input");

function grow(block: Block & { [INPUT_TEXT]?: string }, delta: Json): void {
  for (const [key, type, part] of GROWING) {
    if (delta["type"] === type) block[key] = `${block[key] ?? ""}${delta[part] ?? ""}`;
  }
  if (delta["type"] === "input_json_delta") {
    block[INPUT_TEXT] = `${block[INPUT_TEXT] ?? ""}${delta["partial_json"] ?? ""}`;
  }
  if (delta["type"] === "citations_delta") {
    block["citations"] = [...((block["citations"] ?? []) as unknown[]), delta["citation"]];
  }
}

function finish(block: (Block & { [INPUT_TEXT]?: string }) | undefined): void {
  if (block?.[INPUT_TEXT]) block["input"] = JSON.parse(block[INPUT_TEXT]);
  delete block?.[INPUT_TEXT];
}

// A count that does not apply is left out, or null.
const present = (counts: Json | undefined): Json =>
  Object.fromEntries(Object.entries(counts ?? {}).filter(([, count]) => count != null));
