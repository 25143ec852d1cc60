// Ends a text where the caller wants it to end. Knows nothing of where the text comes from.

/**
 * The text before the first of `stops`. What may become one is held back until it is known.
 * @returns whether one of them came
 */
export async function* untilStop(
  text: AsyncIterable<string>,
  stops: readonly string[],
): AsyncGenerator<string, boolean> {
  let held = "";
  for await (const piece of text) {
    held += piece;
    const found = stops.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      yield held.slice(0, Math.min(...found));
      return true;
    }
    const safe = held.length - Math.max(0, ...stops.map((stop) => overlap(held, stop)));
    if (safe > 0) yield held.slice(0, safe);
    held = held.slice(safe);
  }
  if (held) yield held;
  return false;
}

/** How many characters at the end of `text` are the beginning of `stop`. */
function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !text.endsWith(stop.slice(0, length))) length--;
  return Math.max(0, length);
}
