// Events that are HTTP requests: each is a Call for the table of routes, and its Reply is the answer.

import { isStream, type Origin, type Reply } from "../call.ts";
import type { HttpSource } from "../contracts.ts";
import { JSON_TYPE } from "../frames.ts";
import { createRoutes } from "../routes.ts";
import { compressed } from "./_compression.ts";
import type { CreateReceiver, Receiver } from "./_receiver.ts";
import { checkSize, collect, MAX_RESULT_BYTES } from "./_result-size.ts";

/** What JSON's escapes make of one character at most: a body that fits all the same is not measured. */
const MAX_ESCAPE_BYTES = 6;

/** Answer the events of an HTTP source. */
export function http(source: HttpSource): CreateReceiver {
  return (environment) => {
    const { artifact, observer } = environment;
    const route = createRoutes(environment);
    const answer = (streams: boolean) => async (event: unknown, origin: Origin) => {
      async function leave(reply: Reply): Promise<unknown> {
        origin.observation?.answered(reply.status);
        if (streams && source.toPrelude) return { head: source.toPrelude(reply, event as never), reply };
        const body = isStream(reply.body) ? await collect(reply.body) : reply.body;
        const plain: Reply = { ...reply, body };
        // Before its size is looked at: compressed, it may fit.
        const whole = source.compresses === false ? plain : compressed(plain, call, artifact.late);
        const result = source.toResult(whole, event as never);
        if (body && body.length * MAX_ESCAPE_BYTES > MAX_RESULT_BYTES) {
          checkSize(Buffer.byteLength(JSON.stringify(result)));
        }
        // Who takes no streams invokes a streaming handler all the same, and is handed the bytes that it wrote.
        return streams ? { head: JSON_TYPE, reply: { body: JSON.stringify(result) } } : result;
      }
      const call = source.toCall(event as never, origin);
      origin.observation = observer?.begin(origin, call);
      const reply = await route(call);
      try {
        return await leave(reply);
      } catch (error) {
        // What cannot leave is an honest error status, and nobody reads what a model may still have to say.
        origin.cancellation.cancel(error as Error);
        return leave(reply.failed?.(error) ?? artifact.late().failedReply(error, origin, artifact));
      }
    };
    return { ...source, buffered: answer(false), streamed: answer(true) as Receiver["streamed"] };
  };
}
