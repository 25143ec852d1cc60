// The output items of OpenAI's responses as events: a message that grows with each piece of text, and items that are
// there as a whole. Source: platform.openai.com/docs/api-reference/responses-streaming.

import type { Json } from "./_draft.ts";

/** How the ids of items begin, by type. */
export const OPEN_ITEM: Readonly<Record<string, string>> = {
  message: "msg",
  function_call: "fc",
  reasoning: "rs",
};

const textPart = (text: string): Json => ({ type: "output_text", text, annotations: [], logprobs: [] });

const message = (id: string, status: string, content: readonly Json[]): Json => ({
  type: "message",
  id,
  status,
  role: "assistant",
  content,
});

/** A message begins, with one part of text. */
export function openItem(item_id: string, output_index: number): Json[] {
  return [
    { type: "response.output_item.added", output_index, item: message(item_id, "in_progress", []) },
    { type: "response.content_part.added", item_id, output_index, content_index: 0, part: textPart("") },
  ];
}

/** Its text grows. */
export const textDelta = (item_id: string, delta: string, output_index: number, content_index = 0): Json => ({
  type: "response.output_text.delta",
  item_id,
  output_index,
  content_index,
  delta,
  logprobs: [],
});

/** It is complete: the events, and the item as it now is. */
export function closeItem(item_id: string, text: string, output_index: number): [Json[], Json] {
  const part = textPart(text);
  const item = message(item_id, "completed", [part]);
  return [
    [...partDone(item_id, part, output_index, 0), { type: "response.output_item.done", output_index, item }],
    item,
  ];
}

/** A whole item as its events. */
export function spreadItem(item: Json, output_index: number): Json[] {
  const item_id = item["id"] as string;
  const parts = item["type"] === "message" ? ((item["content"] ?? []) as readonly Json[]) : [];
  const calls = item["type"] === "function_call";
  const begun: Json = { ...item, status: "in_progress" };
  const inner = parts.flatMap((part, content_index) => {
    const at = { item_id, output_index, content_index };
    // A refusal grows as text does; both begin empty.
    const isText = part["type"] === "output_text";
    const empty = isText ? { ...part, text: "" } : { ...part, refusal: "" };
    return [
      { type: "response.content_part.added", ...at, part: empty },
      isText
        ? textDelta(item_id, String(part["text"] ?? ""), output_index, content_index)
        : { type: "response.refusal.delta", ...at, delta: part["refusal"] },
      ...partDone(item_id, part, output_index, content_index),
    ];
  });
  if (calls) {
    const { arguments: text } = item;
    const at = { item_id, output_index };
    inner.push(
      { type: "response.function_call_arguments.delta", ...at, delta: text },
      { type: "response.function_call_arguments.done", ...at, name: item["name"], arguments: text },
    );
  }
  return [
    {
      type: "response.output_item.added",
      output_index,
      item: parts.length ? { ...begun, content: [] } : calls ? { ...begun, arguments: "" } : item,
    },
    ...inner,
    { type: "response.output_item.done", output_index, item },
  ];
}

function partDone(item_id: string, part: Json, output_index: number, content_index: number): Json[] {
  const at = { item_id, output_index, content_index };
  const { text, refusal, logprobs = [] } = part;
  return [
    part["type"] === "refusal"
      ? { type: "response.refusal.done", ...at, refusal }
      : { type: "response.output_text.done", ...at, text, logprobs },
    { type: "response.content_part.done", ...at, part },
  ];
}
