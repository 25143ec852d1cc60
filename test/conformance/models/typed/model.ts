// A model with a schema and a predict that is itself a generator.

import { z } from "zod";

const load = crypto.randomUUID();

export default class Model {
  static input = z.object({
    prompt: z.string().min(1),
    max_tokens: z.int().max(8).default(2),
    tags: z.array(z.object({ name: z.string() })).optional(),
    do: z.literal("who").optional(),
  });

  async *predict(input: z.infer<typeof Model.input>) {
    if (input.do === "who") {
      yield { pid: process.pid, load };
      return;
    }
    for (let count = 0; count < input.max_tokens; count++) yield `${input.prompt}${count} `;
  }
}
