// Bytes as they arrive, and the text that they are: what the readers of streams have in common.

/** The body of a `Response`, or any other sequence of bytes. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Each chunk of the source. Who stops reading cancels what is left of it. */
export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array, undefined> {
  // Not every browser iterates over a ReadableStream.
  if (!("getReader" in source)) return yield* source;
  const reader = source.getReader();
  let isOpen = true;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    isOpen = false;
  } finally {
    // A source that failed says so again, to nobody.
    if (isOpen) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/**
 * UTF-8 as text, without a byte order mark; a character may be split over chunks.
 * @param onCut runs when the source ends within a character
 */
export async function* textOf(source: ByteSource, onCut = () => {}): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(source)) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== "") yield text;
  }
  const rest = decoder.decode();
  if (rest === "") return;
  onCut();
  yield rest;
}
