// How long a check waits for somebody else. What is late is given up on, and the doctor does not wait for it to end.

/** Of each wait for a network or another program. */
export const LIMIT_MS = 5000;

/** What was waited for did not come in time. */
export class Late extends Error {
  constructor() {
    super(`there was no answer within ${LIMIT_MS / 1000} s.`);
  }
}

/** @throws Late after LIMIT_MS, else as the promise does */
export async function withinLimit<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Late()), LIMIT_MS);
  });
  // Whatever it still comes to, nobody is there any more.
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
