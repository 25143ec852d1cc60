// POST /v1/messages. Source: docs.anthropic.com/en/api/messages and .../messages-streaming; lib/MessageStream.ts of
// `@anthropic-ai/sdk` 1.

import { ColdframeError } from "../errors.ts";
import { anthropic } from "./_anthropic.ts";
import { gatherMessage, spreadBlock, spreadMessage } from "./_message-events.ts";
import {
  type Draft,
  givenError,
  type Head,
  isJson,
  type Json,
  refuseItem,
  type VendorRoute,
} from "./_draft.ts";

const ALLOWED = "text, an event, a content block, or an object with usage, stop_reason or stop_sequence";

const TOLD = ["usage", "stop_reason", "stop_sequence"];

const NO_USAGE = { input_tokens: 0, output_tokens: 0 };

/** Text, content blocks or events as a message. */
export const messages: VendorRoute = { member: "messages", vendor: anthropic, begin };

function begin({ requestId, model }: Head): Draft {
  let told: Record<string, unknown> = {};
  let started = false;
  let stopped = false;
  // Of a message whose first event is the model's own, the last one is too.
  let isTheModels = false;
  let calls = false;
  /** Where the next content block goes, and whether the one before it is text that may grow. */
  let index = 0;
  let isOpen = false;

  const message = (more: Json): Json => ({
    id: `msg_${requestId}`,
    type: "message",
    role: "assistant",
    content: [],
    model,
    stop_reason: null,
    stop_sequence: null,
    ...more,
    usage: { ...NO_USAGE, ...(more["usage"] as Json | undefined) },
  });

  function start(): Json[] {
    if (started) return [];
    started = true;
    return [{ type: "message_start", message: message({ usage: told["usage"] }) }];
  }

  function close(): Json[] {
    if (!isOpen) return [];
    isOpen = false;
    return [{ type: "content_block_stop", index: index++ }];
  }

  function text(piece: string): Json[] {
    if (!piece) return [];
    const events = start();
    if (!isOpen)
      events.push({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
    isOpen = true;
    events.push({ type: "content_block_delta", index, delta: { type: "text_delta", text: piece } });
    return events;
  }

  function block(content: Json): Json[] {
    calls ||= content["type"] === "tool_use";
    return [...start(), ...close(), ...spreadBlock(content, index++)];
  }

  function event(own: Json): Json[] {
    if (own["type"] === "error") throw givenError(own, anthropic.errorStatus(own));
    if (own["type"] === "ping") return [own];
    if (own["type"] === "message_start") {
      started = isTheModels = true;
      return [own];
    }
    const before = [...start(), ...close()];
    if (own["type"] === "content_block_start") {
      index = Math.max(index, Number(own["index"]) + 1);
      calls ||= (own["content_block"] as Json | undefined)?.["type"] === "tool_use";
    }
    stopped ||= own["type"] === "message_stop";
    return [...before, own];
  }

  function write(item: unknown): Json[] {
    if (typeof item === "string") return text(item);
    if (!isJson(item)) return refuseItem("messages", item, ALLOWED);
    const { type } = item;
    if (typeof type === "string") {
      return /^(message|content_block)_|^(ping|error)$/.test(type) ? event(item) : block(item);
    }
    if (!TOLD.some((key) => key in item)) return refuseItem("messages", item, ALLOWED);
    const usage = { ...(told["usage"] as Json | undefined), ...(item["usage"] as Json | undefined) };
    told = { ...told, ...item, usage };
    return [];
  }

  function end(): Json[] {
    if (stopped) return [];
    if (isTheModels) {
      throw new ColdframeError("OUTPUT_INVALID", "messages gave message_start, and no message_stop.");
    }
    const { stop_reason = calls ? "tool_use" : "end_turn", stop_sequence = null, usage } = told;
    return [
      ...start(),
      ...close(),
      {
        type: "message_delta",
        delta: { stop_reason, stop_sequence },
        usage: { output_tokens: 0, ...(usage as Json | undefined) },
      },
      { type: "message_stop" },
    ];
  }

  function whole(value: unknown): unknown {
    if (isJson(value) && value["type"] === "error") throw givenError(value, anthropic.errorStatus(value));
    if (isJson(value) && Array.isArray(value["content"])) {
      return { ...message({}), stop_reason: "end_turn", ...value };
    }
    return gatherMessage([...write(value), ...end()]);
  }

  return { write, end, gather: gatherMessage, whole, spread: spreadMessage };
}
