// Chat completions and completions have one grammar: chunks with choices, each of which adds to what came before. Here
// text becomes chunks, and chunks become one object. What differs between the two is in their own files.
// Source: lib/ChatCompletionStream.ts of the `openai` package 7.

import type { VendorMember } from "../model.ts";
import { type Draft, givenError, type Head, isJson, type Json, refuseItem } from "./_draft.ts";
import { merge } from "./_merge.ts";
import { openai } from "./_openai.ts";

/** What differs between the two routes. */
export interface Grammar {
  readonly member: VendorMember;
  readonly idPrefix: string;
  /** The `object` of a chunk and of a whole answer. */
  readonly chunkObject: string;
  readonly wholeObject: string;
  /** What of a choice an object without `choices` is about; it may tell `usage` and `finish_reason` beside that. */
  readonly partKeys: readonly string[];
  /** The first chunk of a choice that the model wrote, with what the SDK expects of a first one. */
  firstChoice(choice: Json): Json;
  /** A choice's own keys, for a part of it: `{ delta }`. */
  toChunkChoice(part: Json, isFirst: boolean): Json;
  /** The choice of a whole answer, from the merged choice of all its chunks. */
  toWholeChoice(merged: Json): Json;
  /** The choice of a chunk that says all that a choice of a whole answer says. */
  fromWholeChoice(choice: Json): Json;
  /** The part that a text is. */
  toPart(text: string): Json;
}

/** What the model tells beside its text. */
const TOLD = ["usage", "finish_reason"];

/** An answer of one of the two routes. */
export function choicesDraft(
  grammar: Grammar,
  { requestId, created, model, request }: Head,
  streams: boolean,
): Draft {
  const { member, partKeys } = grammar;
  const keys = [...partKeys, ...TOLD];
  const allowed = `text, an object with choices, or one with ${keys.join(", ")}`;
  const asked = (request["stream_options"] as Json | undefined)?.["include_usage"] === true;
  const envelope = (object: string): Json => ({
    id: `${grammar.idPrefix}-${requestId}`,
    object,
    created,
    model,
  });
  /** By index of the choice: has it said why it ended, and did it call a tool. */
  const choices = new Map<number, { finished: boolean; calls: boolean }>();
  let told: Json = {};

  function chunkOf(part: Json, finish_reason: unknown = null): Json {
    const own = grammar.toChunkChoice(part, !choices.has(0));
    note([{ index: 0, ...own, finish_reason }]);
    return {
      ...envelope(grammar.chunkObject),
      choices: [{ index: 0, ...own, logprobs: null, finish_reason }],
    };
  }

  function note(found: readonly Json[]): void {
    for (const { index = 0, finish_reason, delta } of found) {
      const before = choices.get(index as number);
      const calls = !!(delta as Json | undefined)?.["tool_calls"] || !!before?.calls;
      choices.set(index as number, { finished: !!finish_reason || !!before?.finished, calls });
    }
  }

  function write(item: unknown): Json[] {
    if (typeof item === "string") return item ? [chunkOf(grammar.toPart(item))] : [];
    if (!isJson(item)) return refuseItem(member, item, allowed);
    if (item["error"]) throw givenError(item, openai.errorStatus(item));
    if (Array.isArray(item["choices"])) {
      const own = (item["choices"] as readonly Json[]).map((choice) =>
        choices.has((choice["index"] ?? 0) as number) ? choice : grammar.firstChoice(choice),
      );
      note(own);
      return [{ ...envelope(grammar.chunkObject), ...item, choices: own }];
    }
    const { usage, finish_reason, ...part } = item;
    if (!keys.some((key) => key in item)) return refuseItem(member, item, allowed);
    told = { ...told, ...(usage ? { usage } : {}), ...(finish_reason ? { finish_reason } : {}) };
    return partKeys.some((key) => key in item) ? [chunkOf(part)] : [];
  }

  function end(): Json[] {
    const last: Json[] = [];
    if (!choices.size) last.push(chunkOf(grammar.toPart("")));
    for (const [index, { finished, calls }] of choices) {
      if (finished) continue;
      const finish_reason = told["finish_reason"] ?? (calls ? "tool_calls" : "stop");
      const choice = { index, ...grammar.toChunkChoice({}, false), logprobs: null, finish_reason };
      last.push({ ...envelope(grammar.chunkObject), choices: [choice] });
    }
    if (told["usage"] && (asked || !streams)) {
      last.push({ ...envelope(grammar.chunkObject), choices: [], usage: told["usage"] });
    }
    return last;
  }

  function gather(events: readonly Json[]): Json {
    const whole: Record<string, unknown> = {};
    const merged = new Map<number, Record<string, unknown>>();
    for (const { choices: parts, ...rest } of events) {
      for (const [key, value] of Object.entries(rest)) if (value != null) whole[key] = value;
      for (const part of parts as readonly Json[]) {
        const index = (part["index"] ?? 0) as number;
        const choice = merged.get(index) ?? {};
        merged.set(index, choice);
        merge(choice, part);
      }
    }
    const { usage, ...head } = whole;
    const all = [...merged].sort(([a], [b]) => a - b).map(([, choice]) => grammar.toWholeChoice(choice));
    return { ...head, object: grammar.wholeObject, choices: all, ...(usage ? { usage } : {}) };
  }

  function whole(value: unknown): Json {
    if (isJson(value) && Array.isArray(value["choices"])) {
      return { ...envelope(grammar.wholeObject), ...value };
    }
    const events = write(value);
    return gather([...events, ...end()]);
  }

  const spread = (answer: Json): Json[] => {
    const { usage, ...head } = { ...answer, object: grammar.chunkObject } as Json;
    const parts = (answer["choices"] as readonly Json[]).map((choice) => grammar.fromWholeChoice(choice));
    const chunks: Json[] = [{ ...head, choices: parts }];
    if (usage && asked) chunks.push({ ...head, choices: [], usage });
    return chunks;
  };

  return { write, end, gather, whole, spread };
}
