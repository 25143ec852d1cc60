import assert from "node:assert/strict";
import { test } from "node:test";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import type { ColdframeError, Issue } from "../../adapter/runtime/errors.ts";
import { validate } from "../../adapter/runtime/schema.ts";

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
