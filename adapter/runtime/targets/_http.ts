// Events that are HTTP requests: each is a Call for the table of routes, and its Reply is the answer.

import { isStream } from "../call.ts";
import type { HttpSource } from "../contracts.ts";
import { failedReply } from "../failure.ts";
import { createRoutes } from "../routes.ts";
import type { CreateReceiver } from "./_receiver.ts";
import { checkSize, collect, MAX_RESULT_BYTES } from "./_result-size.ts";

/** What JSON's escapes make of one character at most: a body that fits all the same is not measured. */
const MAX_ESCAPE_BYTES = 6;

/** Answer the events of an HTTP source. */
export function http(source: HttpSource): CreateReceiver {
  return (environment) => {
    const { readStack } = environment;
    const route = createRoutes(environment);
    return {
      ...source,
      // A stream is collected, and its failure becomes an honest error status.
      async buffered(event, origin) {
        const reply = await route(source.toCall(event as never, origin));
        try {
          const body = isStream(reply.body) ? await collect(reply.body) : reply.body;
          const result = source.toResult({ ...reply, body });
          if (body && body.length * MAX_ESCAPE_BYTES > MAX_RESULT_BYTES) {
            checkSize(Buffer.byteLength(JSON.stringify(result)));
          }
          return result;
        } catch (error) {
          return source.toResult(failedReply(error, origin.id, readStack));
        }
      },
      async streamed(event, origin) {
        const reply = await route(source.toCall(event as never, origin));
        return { head: source.toPrelude(reply), reply };
      },
    };
  };
}
