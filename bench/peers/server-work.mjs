// What every server of `npm run bench -- server` does for an answer: so little that what is measured is the server. And
// how it says that it listens.

/** @param {{ text: string }} input */
export function answer(input) {
  return { length: input.text.length };
}

/** @param {{ text: string }} input Eight chunks; other callers come in between, as they do between two tokens. */
export async function* pieces(input) {
  for (let i = 0; i < 8; i++) {
    if (i > 0) await new Promise(setImmediate);
    yield `${input.text.slice(0, 4)} ${i}\n`;
  }
}

/** @param {import("node:net").AddressInfo} address */
export function listening({ port }) {
  console.log(JSON.stringify({ message: "listening", port }));
}
