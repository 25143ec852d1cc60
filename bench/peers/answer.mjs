// The work every handler does: so little that what is measured is the adapter.

/** @param {{ text: string }} input */
export function answer(input) {
  return { length: input.text.length };
}

/** @param {{ text: string }} input Eight chunks, as a model would yield tokens. */
export async function* pieces(input) {
  for (let i = 0; i < 8; i++) yield `${input.text.slice(0, 4)} ${i}\n`;
}
