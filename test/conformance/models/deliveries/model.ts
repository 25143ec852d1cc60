// Reverses bytes and texts.

const load = crypto.randomUUID();

export default class Model {
  predict(input: unknown): unknown {
    if (input instanceof Uint8Array) return Buffer.from(input).reverse().toString("latin1");
    if (typeof input === "string") return Buffer.from(input).reverse();
    return { pid: process.pid, load };
  }
}
