import assert from "node:assert/strict";
import { test } from "node:test";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import type { ColdframeError, Issue } from "../../adapter/runtime/errors.ts";
import { validate } from "../../adapter/runtime/schema.ts";
import { bodyOf, startFunction } from "./_function.ts";
import { logged } from "./_log.ts";

/** The value, or what is wrong with it. */
async function check(
  schema: StandardSchemaV1,
  value: unknown,
): Promise<{ value: unknown } | { issues: readonly Issue[] }> {
  try {
    return {
      value: await validate(schema, value, "input"),
    };
  } catch (error) {
    return { issues: (error as ColdframeError).issues ?? assert.fail(String(error)) };
  }
}

const issuesOf = async (schema: StandardSchemaV1, value: unknown): Promise<readonly Issue[]> => {
  const checked = await check(schema, value);
  return "issues" in checked ? checked.issues : assert.fail("was accepted");
};

const zod = z.object({
  items: z.array(z.object({ text: z.string() })),
  max_tokens: z.number().int().max(512).default(64),
});
const valibot = v.object({
  items: v.array(v.object({ text: v.string() })),
  max_tokens: v.optional(v.pipe(v.number(), v.integer(), v.maxValue(512)), 64),
});
const arktype = type({ items: type({ text: "string" }).array(), max_tokens: "number <= 512 = 64" });

for (const [library, schema] of Object.entries({ zod, valibot, arktype })) {
  test(`${library}: defaults are filled in`, async () => {
    assert.deepEqual(await check(schema, { items: [] }), { value: { items: [], max_tokens: 64 } });
  });

  test(`${library}: a problem is named by its place, as one would write it`, async () => {
    const issues = await issuesOf(schema, { items: [{ text: "a" }, { text: 7 }], max_tokens: 1000 });
    assert.deepEqual(issues.map(({ path }) => path).toSorted(), ["items[1].text", "max_tokens"]);
    for (const { message } of issues) assert.notEqual(message, "");
  });

  test(`${library}: a problem with the whole has an empty place`, async () => {
    const [issue] = await issuesOf(schema, "not an object");
    assert.equal(issue?.path, "");
  });
}

test("an array at the top is indexed without a dot before it", async () => {
  const [issue] = await issuesOf(z.array(z.object({ a: z.string() })), [{ a: "x" }, {}]);
  assert.equal(issue?.path, "[1].a");
});

test("an asynchronous refinement is waited for", async () => {
  const schema = z.string().refine(async (name) => name !== "taken", "is taken");
  assert.deepEqual(await check(schema, "free"), { value: "free" });
  assert.deepEqual(await issuesOf(schema, "taken"), [{ path: "", message: "is taken" }]);
});

test("a schema may change the value, and a falsy value is one", async () => {
  assert.deepEqual(await check(z.string().transform(Number), "7"), { value: 7 });
  assert.deepEqual(await check(z.number(), 0), { value: 0 });
});

// The same model, typed with each library: a word is repeated, and what leaves is checked.

interface Order {
  readonly word: string;
  readonly times: number;
  readonly wrong: boolean;
}

interface Schemas {
  readonly input: StandardSchemaV1<unknown, Order>;
  readonly output: StandardSchemaV1<unknown, string>;
  readonly item: StandardSchemaV1<unknown, { word: string; i: number }>;
}

const LIBRARIES: Readonly<Record<string, Schemas>> = {
  zod: {
    input: z.object({
      word: z.string().transform((word) => word.trim()),
      times: z.union([z.number(), z.literal("twice").transform(() => 2)]).default(1),
      wrong: z.boolean().default(false),
    }),
    output: z
      .string()
      .refine(async (text) => text !== "taboo", "is taboo")
      .transform((text) => `${text}.`),
    item: z.object({ word: z.string(), i: z.number().default(7) }),
  },
  valibot: {
    input: v.object({
      word: v.pipe(
        v.string(),
        v.transform((word) => word.trim()),
      ),
      times: v.optional(
        v.union([
          v.number(),
          v.pipe(
            v.literal("twice"),
            v.transform(() => 2),
          ),
        ]),
        1,
      ),
      wrong: v.optional(v.boolean(), false),
    }),
    output: v.pipeAsync(
      v.string(),
      v.checkAsync(async (text) => text !== "taboo", "is taboo"),
      v.transform((text) => `${text}.`),
    ),
    item: v.object({ word: v.string(), i: v.optional(v.number(), 7) }),
  },
  arktype: {
    input: type({
      word: type("string").pipe((word) => word.trim()),
      times: type("number")
        .or(type("'twice'").pipe(() => 2))
        .default(1),
      wrong: "boolean = false",
    }),
    output: type("string")
      .narrow((text, context) => text !== "taboo" || context.mustBe("no taboo"))
      .pipe((text) => `${text}.`),
    item: type({ word: "string", i: "number = 7" }),
  },
};

for (const [library, schemas] of Object.entries(LIBRARIES)) {
  class Repeat {
    static input = schemas.input;
    static output = schemas.output;
    predict({ word, times, wrong }: Order) {
      return wrong ? 7 : word.repeat(times);
    }
  }
  const { post } = startFunction(Repeat);

  test(`${library}: a model gets what its schema makes of the input, and the caller what it makes of the output`, async () => {
    assert.equal(bodyOf(await post({ word: " a " })), "a.");
    assert.equal(bodyOf(await post({ word: "b", times: 3 })), "bbb.");
    assert.equal(bodyOf(await post({ word: "c", times: "twice" })), "cc.");
  });

  test(`${library}: what fits no member of a union is 400 with its path`, async () => {
    const answer = await post({ word: "a", times: "thrice" });
    assert.equal(answer.statusCode, 400);
    const { error } = bodyOf(answer) as { error: { code: string; issues: Issue[] } };
    assert.deepEqual([error.code, error.issues.map(({ path }) => path)], ["INPUT_INVALID", ["times"]]);
  });

  test(`${library}: an output that does not fit is 500, and only the log says why`, async () => {
    for (const input of [{ word: "a", wrong: true }, { word: "taboo" }]) {
      const { result: answer, lines } = await logged(() => post(input));
      assert.equal(answer.statusCode, 500);
      const { error } = bodyOf(answer) as { error: { code: string; issues?: Issue[] } };
      assert.deepEqual([error.code, error.issues], ["OUTPUT_INVALID", undefined]);
      assert.match(JSON.stringify(lines), /taboo|string/);
    }
  });

  test(`${library}: each item of a stream is checked, and leaves as the schema makes it`, async () => {
    class Count {
      static output = schemas.item;
      *predict({ last }: { last: unknown }) {
        yield { word: "a" };
        yield { word: "b", i: 1 };
        yield last;
      }
    }
    const { postStream } = startFunction(Count);
    const whole = await postStream({ last: { word: "c" } });
    assert.equal(whole.body, '{"word":"a","i":7}\n{"word":"b","i":1}\n{"word":"c","i":7}\n');
    const broken = await postStream({ last: { word: 3 } });
    assert.match(String(broken.body), /^(\{"word".*\n){2}\{"error":\{"code":"OUTPUT_INVALID"/);
    assert.equal((broken.failure as ColdframeError | undefined)?.code, "OUTPUT_INVALID");
  });
}
