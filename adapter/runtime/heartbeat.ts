// Keeps a silent event stream open: CloudFront and API Gateway close a connection that carries nothing for 30 s.

import type { Chunk } from "./call.ts";
import { Items } from "./stream.ts";

/** Half of the shortest idle limit on the way. */
const HEARTBEAT_MS = 15_000;

/** A comment of Server-Sent Events: nothing to its reader. */
export const HEARTBEAT = { done: false, value: ": keep-alive\n\n" } as const;

/** The same events, with a comment whenever nothing came for 15 s. */
export function withHeartbeat(events: AsyncIterator<Chunk>, everyMs: number = HEARTBEAT_MS): Items<Chunk> {
  // After a heartbeat the event stays pending, also when it comes before the next call, which delivers it.
  let pending: Promise<IteratorResult<Chunk>> | undefined;

  async function next(): Promise<IteratorResult<Chunk>> {
    pending ??= events.next();
    let timer: NodeJS.Timeout | undefined;
    const beat = new Promise<typeof HEARTBEAT>((resolve) => {
      timer = setTimeout(resolve, everyMs, HEARTBEAT);
    });
    const result = await Promise.race([pending, beat]).finally(() => clearTimeout(timer));
    if (result !== HEARTBEAT) pending = undefined;
    return result;
  }

  return new Items(next, () => events.return?.());
}
