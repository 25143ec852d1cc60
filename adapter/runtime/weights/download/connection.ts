// One keep-alive HTTP/1.1 connection that GETs bytes into a slab, as lean as Node allows: `onread` lets the kernel write
// into our memory, so there is no stream, no Buffer and no promise per chunk. Strict: what is not exactly the bytes asked
// for is either an answer, for the source to judge, or an error. Retries and what is done with the bytes are not here.

import type { OnReadOpts, Socket } from "node:net";
import type { Exchange, Outcome, Sink } from "./exchange.ts";
import { checkData, framing, type Head, parseHead, toWireError, WireError } from "./http.ts";
import { Silence } from "./silence.ts";
import { SmallAnswer } from "./small-answer.ts";
import type { Timing } from "./timing.ts";

/** Enough for every XML or JSON that says what went wrong. */
export const MAX_ERROR_BYTES = 64 * 1024;
/** Between two requests, and for heads: shared by all connections of a thread, for what is read is dealt with at once. */
const SCRATCH = new Uint8Array(64 * 1024);
const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

interface Pending extends Exchange {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

export class Connection {
  /** Of what it is connected to. */
  readonly origin: string;
  /** Give these to the socket when it is made. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#buffer(),
    callback: (count, bytes) => {
      this.#onBytes(count, bytes as Uint8Array);
      return true;
    },
  };
  /** `performance.now()` of the end of the last request. */
  idleSince = 0;
  /** An answer has come on it before. */
  used = false;
  /** It broke before the first byte of an answer. */
  brokeSilent = false;
  #socket: Socket | undefined;
  readonly #silence: Silence;
  #pending: Pending | undefined;
  #phase: "idle" | "head" | "data" | "collect" = "idle";
  #head: Head | undefined;
  #early = "";
  /** Of the slab. */
  #filled = 0;
  /** Bytes of the data still to come. */
  #left = 0;
  #small: SmallAnswer | undefined;
  #failure: Error | undefined;

  constructor(origin: string, timing: Timing) {
    this.origin = origin;
    this.#silence = new Silence(timing, (error) => this.#fail(error));
  }

  /** Takes the socket that was made with `onread`. */
  attach(socket: Socket): this {
    this.#socket = socket;
    socket.on("error", (error) => this.#fail(toWireError(error, "the connection broke")));
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#fail(new WireError("CUT", "the server closed the connection")));
    return this;
  }

  /** Can take a request. */
  get usable(): boolean {
    return this.#phase === "idle" && this.#failure === undefined;
  }

  /**
   * One at a time. What has arrived before a failure has gone to the sink.
   * @param head of the request, as text
   * @throws WireError, what the sink throws, or the reason given to `destroy`
   */
  exchange(exchange: Exchange, head: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (!this.usable) return reject(this.#failure ?? new Error("the connection is in use"));
      this.#pending = { ...exchange, resolve, reject };
      this.#phase = "head";
      this.#head = undefined;
      this.#early = "";
      this.#socket?.ref();
      this.#socket?.write(head, "latin1");
      this.#silence.watch("head");
    });
  }

  /** Ends the connection; a pending exchange fails with `reason`. */
  destroy(reason: Error): void {
    this.#fail(reason);
  }

  /** Lets the process end while the connection is idle. */
  unref(): void {
    this.#socket?.unref();
  }

  #buffer(): Uint8Array {
    if (this.#phase !== "data") return SCRATCH;
    const { slab } = (this.#pending as Pending & { data: { sink: Sink } }).data.sink;
    const room = slab.length - this.#filled;
    return slab.subarray(this.#filled, this.#filled + (room < this.#left ? room : this.#left));
  }

  #onBytes(count: number, bytes: Uint8Array): void {
    this.#silence.heardAt = performance.now();
    try {
      if (this.#phase === "data") this.#onData(count);
      else if (this.#phase === "collect") this.#onCollect(bytes.subarray(0, count));
      else if (this.#phase === "head") this.#onHead(bytes.subarray(0, count));
      // Nobody has asked: whatever it is, the next answer would be read out of step.
      else this.#fail(new WireError("PROTOCOL", "the server sent bytes nobody asked for"));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #onHead(bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let end = view.indexOf(HEAD_END);
    let text: string;
    if (this.#early === "" && end >= 0) {
      text = view.toString("latin1", 0, end);
      end += HEAD_END.length;
    } else {
      // In pieces, which is rare: the end itself may have been cut in two.
      const before = this.#early.length;
      this.#early += view.toString("latin1");
      const at = this.#early.indexOf("\r\n\r\n");
      if (at < 0) {
        if (this.#early.length > MAX_HEAD_BYTES)
          throw new WireError("PROTOCOL", "the answer's head is too long");
        return;
      }
      text = this.#early.slice(0, at);
      end = at + HEAD_END.length - before;
    }
    const head = parseHead(text);
    const rest = bytes.subarray(end);
    this.#early = "";
    if (head.status < 200) {
      if (head.status === 101) throw new WireError("PROTOCOL", "the server switched protocols");
      // Interim: the answer follows.
      if (rest.length > 0) this.#onHead(rest);
      return;
    }
    this.used = true;
    this.#head = head;
    this.#silence.watch("body");
    this.#begin(head, rest);
  }

  #begin(head: Head, rest: Uint8Array): void {
    const { method, data, maxBytes } = this.#pending as Pending;
    const verdict = data ? checkData(head, data.expected) : "answer";
    if (verdict === "data" && data) {
      this.#left = framing(method, head) as number;
      this.#phase = "data";
      this.#filled = 0;
      this.#onEarly(rest, data.sink);
      return;
    }
    if (verdict !== "answer" && verdict !== "data") {
      this.#settle({ kind: "changed", found: verdict.changed }, false);
      return;
    }
    const good = head.status >= 200 && head.status <= 299;
    this.#small = new SmallAnswer(head, framing(method, head), good ? maxBytes : MAX_ERROR_BYTES);
    this.#phase = "collect";
    this.#onCollect(rest);
  }

  /** The bytes that came with the head. */
  #onEarly(bytes: Uint8Array, { slab }: Sink): void {
    let at = 0;
    do {
      const count = Math.min(bytes.length - at, this.#left, slab.length - this.#filled);
      slab.set(bytes.subarray(at, at + count), this.#filled);
      at += count;
      this.#onData(count);
    } while (at < bytes.length && this.#phase === "data");
    if (at < bytes.length)
      this.#fail(new WireError("PROTOCOL", "the server sent more than it had announced"));
  }

  /** `count` more bytes are in the slab. */
  #onData(count: number): void {
    const { sink } = (this.#pending as Pending).data as { sink: Sink };
    this.#filled += count;
    this.#left -= count;
    if (this.#left > 0 && this.#filled < sink.slab.length) return;
    this.#flush(sink);
    if (this.#left === 0) this.#settle({ kind: "data" }, (this.#head as Head).keepAlive);
  }

  #flush(sink: Sink): void {
    const count = this.#filled;
    this.#filled = 0;
    if (count > 0) sink.write(count === sink.slab.length ? sink.slab : sink.slab.subarray(0, count));
  }

  #onCollect(bytes: Uint8Array): void {
    const small = this.#small as SmallAnswer;
    const taken = small.push(bytes);
    if (small.over) this.#settleSmall(!small.truncated && taken === bytes.length);
  }

  #settleSmall(whole: boolean): void {
    const { answer, truncated } = this.#small as SmallAnswer;
    this.#small = undefined;
    this.#settle({ kind: "answer", answer, truncated }, whole && (this.#head as Head).keepAlive);
  }

  #onEnd(): void {
    if (this.#phase === "collect" && this.#small?.untilClose) this.#settleSmall(false);
    else this.#fail(new WireError("CUT", "the server closed the connection"));
  }

  #settle(outcome: Outcome, reusable: boolean): void {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#phase = "idle";
    this.idleSince = performance.now();
    this.#silence.end();
    // A body that was not read would be the head of the next answer.
    if (!reusable) this.#fail(new WireError("CUT", "the connection is over"));
    pending?.resolve(outcome);
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#silence.end();
    const pending = this.#pending;
    const keep = this.#phase === "data";
    this.brokeSilent = this.#phase === "head" && this.#early === "" && this.#head === undefined;
    this.#pending = undefined;
    this.#phase = "idle";
    this.#socket?.destroy();
    if (!pending) return;
    let reason = error;
    try {
      if (keep && pending.data) this.#flush(pending.data.sink);
    } catch (thrown) {
      reason = thrown as Error;
    }
    pending.reject(reason);
  }
}
