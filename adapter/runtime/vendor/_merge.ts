// The pieces of a streamed object as the object they add up to. Source: the chunk accumulation of
// lib/ChatCompletionStream.ts in the `openai` package 7, and accumulate_delta of its Python twin.

import { isJson, type Json } from "./_draft.ts";

/** Given whole with each chunk, also where a server repeats it: never joined. */
const NOT_JOINED = new Set(["id", "type", "role", "name", "index", "finish_reason"]);

/**
 * Add a piece to what there is: text grows, lists grow, objects merge; the members of a list that have an index merge
 * with those of the same.
 */
export function merge(into: Record<string, unknown>, piece: Json): void {
  for (const [key, value] of Object.entries(piece)) {
    // Its own: what an upstream sent as JSON may name what every object inherits.
    into[key] = joined(key, Object.hasOwn(into, key) ? into[key] : undefined, value);
  }
}

function joined(key: string, before: unknown, value: unknown): unknown {
  if (value === null || value === undefined) return before ?? value;
  if (typeof value === "string" && typeof before === "string") {
    return NOT_JOINED.has(key) ? value || before : before + value;
  }
  if (Array.isArray(value)) {
    const list: unknown[] = Array.isArray(before) ? before : [];
    for (const member of value) append(list, member);
    return list;
  }
  if (!isJson(value)) return value;
  const inner = isJson(before) ? before : {};
  merge(inner as Record<string, unknown>, value);
  return inner;
}

function append(list: unknown[], member: unknown): void {
  const index = isJson(member) ? member["index"] : undefined;
  if (typeof index !== "number") {
    list.push(member);
    return;
  }
  let known = list.find((other) => isJson(other) && other["index"] === index);
  if (!known) list.push((known = {}));
  merge(known as Record<string, unknown>, member as Json);
}
