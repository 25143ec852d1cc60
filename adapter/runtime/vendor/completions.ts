// POST /v1/completions. Source: platform.openai.com/docs/api-reference/completions, and the `openai` package 7.

import { type Grammar, choicesDraft } from "./_choices.ts";
import type { VendorRoute } from "./_draft.ts";
import { openai } from "./_openai.ts";

const grammar: Grammar = {
  member: "completions",
  idPrefix: "cmpl",
  chunkObject: "text_completion",
  wholeObject: "text_completion",
  partKeys: ["text"],
  toPart: (text) => ({ text }),
  firstChoice: (choice) => choice,
  toChunkChoice: (part) => ({ text: "", ...part }),
  toWholeChoice: (choice) => choice,
  fromWholeChoice: (choice) => choice,
};

/** Text or chunks as a completion. */
export const completions: VendorRoute = {
  member: "completions",
  vendor: openai,
  begin: (head, streams) => choicesDraft(grammar, head, streams),
};
