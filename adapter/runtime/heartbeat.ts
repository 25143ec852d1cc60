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
        const timer = setTimeout(() => resolve({ done: false, value: SSE_HEARTBEAT }), everyMs);
        const settle = () => {
          clearTimeout(timer);
          pending = undefined;
        };
        // After a heartbeat this does nothing, and the next call, which waits for the same event, delivers it.
        current.then(
          (result) => {
            settle();
            resolve(result);
          },
          (error) => {
            settle();
            reject(error);
          },
        );
      });
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}
