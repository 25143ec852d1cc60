// The generate extension of the Open Inference Protocol: a text in, a text out, at once or as Server-Sent Events.
// Sources: github.com/kserve/open-inference-protocol, specification/protocol/generate_rest.yaml; Triton's
// docs/protocol/extension_generate.md, for `id`.

import { readInput } from "../../body.ts";
import type { Call, Chunk, Reply } from "../../call.ts";
import { ColdframeError, errorBody } from "../../errors.ts";
import { JSON_TYPE, sseFraming } from "../../frames.ts";
import { withHeartbeat } from "../../heartbeat.ts";
import { toInvocation } from "../../invocation.ts";
import type { Output } from "../../predict.ts";
import { jsonReply, replyWith } from "../../reply.ts";
import type { Environment } from "../../routes.ts";
import { END, Items } from "../../stream.ts";
import { succeeded, wholeValue } from "../_whole-output.ts";
import { calledModel } from "./called-model.ts";
import type { InputSchema } from "./input-schema.ts";

/** What a model may call its text; the first of them that its schema has. */
const TEXT_KEYS = ["text_input", "prompt", "text", "input"];

/** Parts of every answer. */
interface Head {
  readonly model_name: string;
  readonly id: string | undefined;
}

/** One answer with all of the text. @throws INPUT_INVALID, OUTPUT_INVALID, and what predict throws */
export async function generate(call: Call, environment: Environment, schema: InputSchema): Promise<Reply> {
  const { head, output } = await ask(call, environment, schema);
  const value = await wholeValue(await succeeded(output));
  // Of a stream of objects, the texts.
  const answer = Array.isArray(value) ? { text_output: value.map(textOf).join("") } : toAnswer(value);
  return jsonReply(200, { ...head, ...answer });
}

/** One event for each item; a model that does not stream makes one. */
export async function generateStream(
  call: Call,
  environment: Environment,
  schema: InputSchema,
): Promise<Reply> {
  const { head, output } = await ask(call, environment, schema);
  const { contentType, encode } = sseFraming();
  const event = (value: unknown): Chunk => encode({ ...head, ...toAnswer(value) });
  const items = "stream" in output ? output.stream : one(await wholeValue(await succeeded(output)));
  // A failure before the first event is an answer with a status of its own.
  const first = await items.next();
  let ahead: IteratorResult<Chunk> | undefined = first.done
    ? END
    : { done: false, value: event(first.value) };
  const next = async (): Promise<IteratorResult<Chunk>> => {
    const result = ahead;
    ahead = undefined;
    if (result) return result;
    const { done, value } = await items.next();
    return done ? END : { done: false, value: event(value) };
  };
  const reply = replyWith(withHeartbeat(new Items(next, () => items.return())), contentType);
  return {
    ...reply,
    headers: { ...reply.headers, "cache-control": "no-cache", "x-accel-buffering": "no" },
    errorFrame: (error) => encode({ error: errorBody(error, call.origin.id).error.message }),
  };
}

async function ask(
  call: Call,
  environment: Environment,
  schema: InputSchema,
): Promise<{ readonly head: Head; readonly output: Output }> {
  const { artifact, start } = environment;
  const { run } = await calledModel(call, environment);
  // Whatever its client says that it is, as curl and fetch do.
  const headers = { ...call.headers, "content-type": JSON_TYPE };
  const body = readInput({ ...call, headers }, artifact) as Record<string, unknown> | undefined;
  const { id, text_input: text, parameters, ...rest } = body ?? {};
  if (typeof text !== "string") {
    throw new ColdframeError("INPUT_INVALID", "`text_input` is no text.", {
      issues: [{ path: "text_input", message: "must be a text" }],
    });
  }
  const key = TEXT_KEYS.find((name) => schema.has(name)) ?? "text_input";
  const input = { ...(parameters as object | undefined), ...rest, [key]: text };
  const { origin } = call;
  const output = await run("predict", input, toInvocation(origin, { call, late: artifact.late }), origin);
  return { head: { model_name: start.modelName, id: typeof id === "string" ? id : undefined }, output };
}

/** A text, or an object with it, whose other keys leave too. */
function toAnswer(value: unknown): object {
  if (typeof value === "string") return { text_output: value };
  const { text, text_output = text, ...rest } = (value ?? {}) as Record<string, unknown>;
  if (typeof text_output === "string") return { ...rest, text_output };
  throw new ColdframeError(
    "OUTPUT_INVALID",
    "predict gave no text: for /generate, give a string, or an object with `text_output` or `text`.",
  );
}

const textOf = (value: unknown): string => (toAnswer(value) as { text_output: string }).text_output;

function one(value: unknown): Items<unknown> {
  let result: IteratorResult<unknown> = { done: false, value };
  const next = async () => {
    const now = result;
    result = END;
    return now;
  };
  return new Items(next, () => {});
}
