// Streams objects, typed with valibot; and answers OpenAI's clients, so that its document has their paths too.

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";

interface Range {
  readonly from: number;
  readonly to: number;
}

export default class Model {
  static input = toStandardJsonSchema(
    v.object({
      from: v.optional(v.pipe(v.number(), v.integer()), 1),
      to: v.pipe(v.number(), v.integer(), v.maxValue(1000)),
    }),
  );

  static output = toStandardJsonSchema(v.object({ i: v.number(), square: v.nullable(v.number()) }));

  *predict({ from, to }: Range) {
    for (let i = from; i <= to; i++) yield { i, square: i > 3 ? null : i * i };
  }

  chatCompletions() {
    return "one, two";
  }
}
