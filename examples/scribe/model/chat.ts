// A request of OpenAI's chat completions as what the network is asked: a text to continue, and when to end. Whatever
// else such a request may hold is ignored, as OpenAI's clients expect.

import { ColdframeError } from "coldframe";
import { z } from "zod";

const Text = z.union([
  z.string(),
  z.array(z.object({ type: z.literal("text"), text: z.string() })).transform(textOf),
]);

/** As many characters as the prompt of predict may have. */
const Prompt = z
  .array(z.object({ content: Text }))
  .transform((messages) => messages.map(({ content }) => content).join("\n"))
  .pipe(z.string().min(1).max(2000));

const Chat = z.object({
  messages: Prompt,
  max_completion_tokens: z.int().min(1).max(2000).nullish(),
  max_tokens: z.int().min(1).max(2000).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().transform((one) => [one]), z.array(z.string()).max(4)]).nullish(),
});

/** @throws INPUT_INVALID with the path of each problem */
export function readChat(request: unknown) {
  const { data, error } = Chat.safeParse(request);
  if (error) {
    const issues = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
    throw new ColdframeError(
      "INPUT_INVALID",
      issues.map(({ path, message }) => `${path}: ${message}.`).join(" "),
      {
        issues,
      },
    );
  }
  const { messages, max_completion_tokens, max_tokens, temperature, seed, stop } = data;
  return {
    prompt: messages,
    max_characters: max_completion_tokens ?? max_tokens ?? 300,
    temperature: temperature ?? 0.5,
    seed: seed ?? 1,
    stop: (stop ?? []).filter((text) => text !== ""),
  };
}

function textOf(parts: readonly { readonly text: string }[]): string {
  return parts.map(({ text }) => text).join("");
}
