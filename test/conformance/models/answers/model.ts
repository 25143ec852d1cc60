// Answers with whatever it is asked for, well or badly: `{ "do": "name of an act", ... }`. Anything else comes back as
// it is, bytes reversed.

import { ColdframeError, type Invocation } from "coldframe";

interface Ask {
  readonly do?: string;
  readonly value?: unknown;
  readonly ms?: number;
  readonly bytes?: number;
  readonly chunk?: number;
  readonly items?: readonly unknown[];
  readonly message?: string;
}

const sleep = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

const seen = { load: crypto.randomUUID(), calls: 0, finals: 0, ticks: 0 };
let ticking: NodeJS.Timeout | undefined;

const cyclic: Record<string, unknown> = { name: "ring" };
cyclic["self"] = cyclic;

const thrown: Record<string, unknown> = {
  string: "a thrown string",
  undefined: undefined,
  null: null,
  object: { reason: "a thrown object" },
};

const acts: Record<string, (ask: Ask, invocation: Invocation) => unknown> = {
  who: () => ({ pid: process.pid, ...seen }),
  value: ({ value }) => value,
  undefined: () => undefined,
  nan: () => ({ nan: Number.NaN, infinity: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], zero: -0 }),
  cycle: () => cyclic,
  bigint: () => ({ big: 2n ** 64n }),
  floats: () => new Float32Array([0.5, -1, Number.NaN]),
  text: ({ bytes = 0 }) => "x".repeat(bytes),
  binary: () => Uint8Array.from({ length: 300 }, (_, i) => i),

  "empty response": () => new Response(""),
  "204": () => new Response(null, { status: 204 }),
  cookies() {
    const headers = new Headers({ "x-answer": "caf\xe9", "content-type": "text/html" });
    headers.append("set-cookie", "a=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT");
    headers.append("set-cookie", "b=2; HttpOnly");
    return new Response("<p>two</p>", { status: 201, headers });
  },
  request: (_ask, { request, headers, source }) => ({
    method: request?.method,
    url: request?.url,
    cookie: headers["cookie"],
    source,
  }),

  *nothing() {},
  async *stream({ items = [] }) {
    for (const item of items) {
      await sleep(2);
      yield item;
    }
  },
  // An emoji cut between its surrogates, then an accent cut between its two bytes.
  async *"split text"() {
    yield "caf\u00e9 \ud83d";
    yield "\ude00 ";
    yield "fin";
  },
  async *"split bytes"() {
    yield Uint8Array.of(0x63, 0xc3);
    yield Uint8Array.of(0xa9);
  },
  // What separates the prelude from the body, inside the body.
  async *"bytes like a delimiter"() {
    yield new Uint8Array(16);
    yield Uint8Array.of(0xff, 0);
  },

  async fail({ message = "the weights are gone" }) {
    await sleep(2);
    throw new Error(message);
  },
  async throw({ value }) {
    throw thrown[String(value)];
  },
  async refuse({ message = "the prompt is empty" }) {
    throw new ColdframeError("INPUT_INVALID", message, { fix: "Write one." });
  },
  async *"fail before the first"({ message = "the weights are gone" }) {
    await sleep(2);
    if (message) throw new Error(message);
    yield "never";
  },
  async *"fail after"({ items = [], message = "the weights are gone" }) {
    try {
      for (const item of items) yield item;
      await sleep(2);
      throw new Error(message);
    } finally {
      seen.finals++;
    }
  },
  async *"refuse after"({ items = [], message = "the prompt is empty" }) {
    for (const item of items) yield item;
    throw new ColdframeError("INPUT_INVALID", message);
  },
  async *"bigint after"({ items = [] }) {
    try {
      for (const item of items) yield item;
      yield { big: 2n ** 64n };
      yield "never";
    } finally {
      seen.finals++;
    }
  },

  never: () => new Promise(() => {}),
  async sleep({ ms }) {
    await sleep(ms);
    return "awake";
  },
  async polite(_ask, { signal }) {
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  },
  async *"stream past the deadline"({ items = [], ms }) {
    try {
      for (const item of items) yield item;
      await sleep(ms);
      yield "never";
    } finally {
      seen.finals++;
    }
  },

  async "stray rejection"() {
    void Promise.reject(new Error("a stray rejection"));
    await sleep(20);
    return "answered";
  },
  async "stray exception"() {
    setTimeout(() => {
      throw new Error("a stray exception");
    });
    await sleep(20);
    return "answered";
  },
  "stray after the answer"() {
    setTimeout(() => {
      throw new Error("a stray exception");
    });
    return "answered";
  },
  async *"stray in a stream"() {
    yield "one ";
    void Promise.reject(new Error("a stray rejection"));
    setTimeout(() => {
      throw new Error("a stray exception");
    });
    await sleep(20);
    yield "two";
  },

  async *flood({ bytes = 0, chunk = 65_536 }) {
    // Each chunk is memory of its own: what is queued anywhere shows in the process's size.
    try {
      for (let sent = 0; sent < bytes; sent += chunk)
        yield Buffer.alloc(Math.min(chunk, bytes - sent), sent / chunk);
    } finally {
      seen.finals++;
    }
  },
  async *drip({ ms }) {
    try {
      for (let count = 0; ; count++) {
        yield `${count}\n`;
        await sleep(ms);
      }
    } finally {
      seen.finals++;
    }
  },
  tick({ ms }) {
    clearInterval(ticking);
    seen.ticks = 0;
    ticking = setInterval(() => seen.ticks++, ms);
    return "ticking";
  },
};

export default class Model {
  predict(input: unknown, invocation: Invocation): unknown {
    seen.calls++;
    if (input instanceof Uint8Array) return Uint8Array.from(input).reverse();
    const ask = input as Ask | null;
    const act = typeof ask === "object" && ask !== null && ask.do !== undefined ? acts[ask.do] : undefined;
    return act === undefined ? input : act(ask as Ask, invocation);
  }
}
