// One call of one member of the model, from the request's body to the vendor's answer: an object, or events. Which of
// the two is the caller's choice, whatever the model gave.

import { readInput } from "../body.ts";
import type { Call, Chunk, Reply } from "../call.ts";
import { ColdframeError } from "../errors.ts";
import { SSE_TYPE } from "../frames.ts";
import { HEARTBEAT, withHeartbeat } from "../heartbeat.ts";
import { toInvocation } from "../invocation.ts";
import { jsonReply, replyWith } from "../reply.ts";
import { responseReply } from "../response-reply.ts";
import type { Environment } from "../routes.ts";
import { END, Items } from "../stream.ts";
import { type Draft, givenBody, type Head, isJson, type Json, type VendorRoute } from "./_draft.ts";
import { missingMember } from "./_members.ts";

/** Answer a call of `route`. */
export async function answer(
  route: VendorRoute,
  call: Call,
  { artifact, start }: Environment,
): Promise<Reply> {
  const { origin } = call;
  const { cancellation, id } = origin;
  const model = start.model ?? (await start.wait(cancellation));
  if (!model.instance[route.member]) throw missingMember(model.instance, route.member);
  await call.arrived?.();
  const request = readInput(call, artifact);
  if (!isJson(request)) {
    throw new ColdframeError("INPUT_INVALID", "the body is not a JSON object.", {
      fix: "Send the request as its vendor describes it.",
    });
  }
  const invocation = toInvocation(origin, { call, late: artifact.late });
  const output = await model.run(route.member, request, invocation, origin);
  // With full control, status and headers and all.
  if ("response" in output) return responseReply(output.response, output.body);
  const streams = request["stream"] === true && route.member !== "embeddings";
  const draft = route.begin(headOf(request, id, start.modelName), streams);
  if ("value" in output) {
    const whole = draft.whole(output.value);
    if (!streams) return jsonReply(200, whole);
    const { frame, lastFrame } = route.vendor;
    const events = draft.spread(whole as Json).map(frame);
    return replyWith(events.join("") + lastFrame, SSE_TYPE);
  }
  return streams
    ? streamed(output.stream, draft, route, id)
    : jsonReply(200, await gathered(output.stream, draft));
}

const headOf = (request: Json, requestId: string, modelName: string): Head => ({
  requestId,
  created: Math.floor(Date.now() / 1000),
  model: typeof request["model"] === "string" ? request["model"] : modelName,
  request,
});

async function gathered(items: Items<unknown>, draft: Draft): Promise<unknown> {
  const events: Json[] = [];
  for await (const item of items) events.push(...draft.write(item));
  return draft.gather([...events, ...draft.end()]);
}

async function streamed(
  items: Items<unknown>,
  draft: Draft,
  { vendor }: VendorRoute,
  requestId: string,
): Promise<Reply> {
  let over = false;

  async function read(): Promise<IteratorResult<Chunk>> {
    try {
      for (;;) {
        if (over) return END;
        const { done = false, value } = await items.next();
        over = done;
        const events = (done ? draft.end() : draft.write(value)).map(vendor.frame);
        if (done) events.push(vendor.lastFrame);
        const text = events.join("");
        // An item may say what becomes an event only later.
        if (text) return { done: false, value: text };
      }
    } catch (error) {
      // The model does not know that what it yielded was refused: it would wait for its reader for ever.
      over = true;
      void items.return();
      throw error;
    }
  }

  // Before the status is chosen: what fails here is an honest error.
  let ahead: IteratorResult<Chunk> | undefined = await read();
  const next = async () => {
    const result = ahead ?? (await read());
    ahead = undefined;
    return result;
  };
  const chunks = withHeartbeat(new Items(next, () => items.return()));
  const { heartbeat, errorBody, frame } = vendor;
  return {
    status: 200,
    headers: { "content-type": SSE_TYPE, "cache-control": "no-cache", "x-accel-buffering": "no" },
    body: heartbeat ? beatingWith(heartbeat, chunks) : chunks,
    errorFrame: (error) => frame(givenBody(error) ?? draft.failure?.(error) ?? errorBody(error, requestId)),
  };
}

/** The same chunks, with heartbeats of the vendor's own. */
function beatingWith(heartbeat: string, chunks: Items<Chunk>): Items<Chunk> {
  const next = async () => {
    const result = await chunks.next();
    return result.value === HEARTBEAT.value ? { done: false as const, value: heartbeat } : result;
  };
  return new Items(next, () => chunks.return());
}
