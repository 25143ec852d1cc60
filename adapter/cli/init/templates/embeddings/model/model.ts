// Turns texts into vectors, for one caller or for many at once, and for the clients of OpenAI. Put your network in place
// of embed.ts: open it in `load`, from `dataDir`.

import { z } from "zod";
import { embed } from "./embed.ts";

const Texts = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(512)]);

export default class Model {
  static input = z.object({ texts: Texts });

  predict({ texts }: z.infer<typeof Model.input>) {
    return { embeddings: [texts].flat().map((text) => Array.from(embed(text))) };
  }

  /** What several callers sent, in one go; one answer for each, in their order. */
  predictBatch(inputs: z.infer<typeof Model.input>[]) {
    return inputs.map((input) => this.predict(input));
  }

  /** POST /v1/embeddings: the caller says whether the vectors leave as numbers or as base64. */
  embeddings({ input }: { input: string | string[] }) {
    return { data: [input].flat().map(embed) };
  }
}
