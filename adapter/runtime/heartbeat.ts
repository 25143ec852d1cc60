// Keeps a silent event stream open: CloudFront and API Gateway close a connection that carries nothing for 30 s.

import { SSE_HEARTBEAT } from "./frames.ts";

/** Half of the shortest idle limit on the way. */
const HEARTBEAT_MS = 15_000;

/** The same events, with a comment whenever nothing came for 15 s. */
export function withHeartbeat(
  events: AsyncIterableIterator<string | Uint8Array>,
  everyMs: number = HEARTBEAT_MS,
): AsyncIterableIterator<string | Uint8Array> {
  let pending: Promise<IteratorResult<string | Uint8Array>> | undefined;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      pending ??= events.next();
      const current = pending;
      return new Promise((resolve, reject) => {
        let open = true;
        const timer = setTimeout(() => {
          open = false;
          resolve({ done: false, value: SSE_HEARTBEAT });
        }, everyMs);
        // After a heartbeat the event stays pending, also when it comes before the next call, which delivers it.
        const settle = (deliver: () => void) => {
          if (!open) return;
          clearTimeout(timer);
          pending = undefined;
          deliver();
        };
        current.then(
          (result) => settle(() => resolve(result)),
          (error) => settle(() => reject(error)),
        );
      });
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}
