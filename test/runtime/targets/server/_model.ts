// The model of the server's tests: does what its input says, and logs what is done to it. `isHealthy` opens the gate
// that held calls wait at, since predict itself may be taken.

export const MODEL = `
const held = new Set();
const opened = () => new Promise((resolve) => held.add(resolve));

export default class Model {
  async load() {
    const { GATE, FAIL } = process.env;
    const { existsSync } = process.getBuiltinModule("node:fs");
    while (GATE && !existsSync(GATE)) await new Promise((resolve) => setTimeout(resolve, 10));
    if (FAIL === "stray") setTimeout(() => { throw new Error("a stray"); });
    if (FAIL === "stray") await new Promise(() => {});
    if (FAIL) throw new Error("no weights here");
  }

  preprocess(input, { signal, log }) {
    if (!input?.name) return input;
    log.info("came " + input.name);
    signal.addEventListener("abort", () => log.info("aborted " + input.name, { why: signal.reason.message }));
    return input;
  }

  async predict(input, invocation) {
    const { log, signal } = invocation;
    if (input?.name) log.info("ran " + input.name);
    if (input instanceof Uint8Array) return { bytes: input.length };
    if (input?.hold) await opened();
    if (input?.never) await new Promise(() => {});
    if (input?.stray) setTimeout(() => { throw new Error("a stray"); });
    if (input?.words !== undefined) return this.speak(input, invocation);
    if (input?.megabytes !== undefined) return this.pour(input, invocation);
    if (input?.file) return this.compute(input);
    if (input?.response) return new Response(input.response.body, input.response);
    if (input?.about) {
      const { id, source, deadline, headers, request, tenantId, event } = invocation;
      log.info("about " + id);
      return { id, source, deadline: String(deadline), headers, url: request.url, tenantId, event };
    }
    return { got: input };
  }

  async *speak({ name, words, failAfter, hold }, { log, signal }) {
    try {
      for (let i = 0; i < words; i++) {
        if (i === failAfter) throw new RangeError("lost my voice");
        yield { word: i };
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    } finally {
      if (name) log.info("finished " + name);
    }
  }

  async *pour({ megabytes }, { log }) {
    for (let i = 0; i < megabytes; i++) {
      log.info("poured");
      yield new Uint8Array(1 << 20).fill(97);
      await new Promise(setImmediate);
    }
  }

  // Never lets go of the thread: its second item is made when the file is there, or after ten seconds.
  *compute({ file }) {
    const { existsSync } = process.getBuiltinModule("node:fs");
    yield { first: true };
    const end = Date.now() + 10_000;
    while (!existsSync(file) && Date.now() < end);
    yield { wasThere: existsSync(file) };
  }

  isHealthy() {
    for (const open of held) open();
    held.clear();
    return true;
  }

  async unload() {
    console.log("unloaded");
  }
}
`;
