// POST /v1/chat/completions. Source: platform.openai.com/docs/api-reference/chat, and the `openai` package 7.

import { type Grammar, choicesDraft } from "./_choices.ts";
import type { Json, VendorRoute } from "./_draft.ts";
import { openai } from "./_openai.ts";

const grammar: Grammar = {
  member: "chatCompletions",
  idPrefix: "chatcmpl",
  chunkObject: "chat.completion.chunk",
  wholeObject: "chat.completion",
  partKeys: ["content", "tool_calls", "refusal", "reasoning_content"],
  toPart: (content) => ({ content }),
  firstChoice: ({ delta, ...choice }) => ({ ...choice, delta: { role: "assistant", ...(delta as Json) } }),
  toChunkChoice: (part, isFirst) => ({ delta: isFirst ? { role: "assistant", ...part } : part }),
  toWholeChoice({ delta, index, finish_reason, logprobs, ...rest }) {
    const { tool_calls, ...message } = delta as Json;
    // An index is what a stream needs to find the call that grows.
    const calls = Array.isArray(tool_calls) && tool_calls.map(({ index: _index, ...call }: Json) => call);
    return {
      index,
      message: {
        role: "assistant",
        content: null,
        refusal: null,
        ...message,
        ...(calls ? { tool_calls: calls } : {}),
      },
      logprobs: logprobs ?? null,
      finish_reason,
      ...rest,
    };
  },
  fromWholeChoice({ message, ...rest }) {
    const { tool_calls, ...delta } = (message ?? {}) as Json;
    const calls = Array.isArray(tool_calls) && tool_calls.map((call: Json, index) => ({ index, ...call }));
    return { ...rest, delta: { ...delta, ...(calls ? { tool_calls: calls } : {}) } };
  },
};

/** Text, messages or chunks as a chat completion. */
export const chatCompletions: VendorRoute = {
  member: "chatCompletions",
  vendor: openai,
  begin: (head, streams) => choicesDraft(grammar, head, streams),
};
