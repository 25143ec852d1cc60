// How much of a push happens at a time: requests, and the bytes they hold in memory.

/** Runs `work` when there is room for `bytes` more, in the order of asking. */
export type Room = <T>(bytes: number, work: () => Promise<T>) => Promise<T>;

/**
 * @param limits one request may always run, however large it is
 * @param signal once it is aborted, nothing more begins
 */
export function createRoom(limits: { requests: number; bytes: number }, signal: AbortSignal): Room {
  const waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  let requests = 0;
  let bytes = 0;

  function admit(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const fits = requests < limits.requests && bytes + next.bytes <= limits.bytes;
      if (!fits && requests > 0) return;
      waiting.shift();
      requests++;
      bytes += next.bytes;
      next.enter();
    }
  }

  return async (wanted, work) => {
    await new Promise<void>((enter) => {
      waiting.push({ bytes: wanted, enter });
      admit();
    });
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      requests--;
      bytes -= wanted;
      admit();
    }
  };
}
