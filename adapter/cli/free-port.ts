// A port that could be used instead of one that is taken.

import { createServer } from "node:net";

const TRIES = 20;

/** The next free one on 127.0.0.1; `undefined` when none is near. */
export async function freePortAfter(port: number): Promise<number | undefined> {
  for (let next = port + 1; next <= Math.min(port + TRIES, 65_535); next++) {
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(next, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return next;
  }
  return undefined;
}
