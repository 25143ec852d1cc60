// Server-Sent Events as WHATWG's rules have them: what `EventSource` would give, of an answer to any request.
// Source: html.spec.whatwg.org, "9.2.6 Interpreting an event stream".

import { type ByteSource, textOf } from "./byte-source.ts";
import { Lines } from "./lines.ts";

export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly event: string;
  /** Its lines, with "\n" between them. */
  readonly data: string;
  /** The last one that the stream gave, here or before; "" when it gave none. */
  readonly id: string;
  /** Milliseconds after which a client is to connect again, when the stream has said so by now. */
  readonly retry?: number;
}

/** The events of a body, as they arrive. One that the body ends within is dropped. */
export async function* readEvents(source: ByteSource): AsyncGenerator<ServerSentEvent, undefined> {
  const parser = new EventParser();
  for await (const text of textOf(source)) yield* parser.push(text);
}

/** Takes the text of a stream in pieces, without its byte order mark. */
export class EventParser {
  readonly #lines = new Lines(/\r\n?|\n/g);
  #event = "";
  #data: string[] = [];
  #id = "";
  #retry: number | undefined;

  /** The events that `text` completes. */
  push(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    for (const line of this.#lines.push(text)) {
      const event = line === "" ? this.#take() : this.#read(line);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** Whether the stream would end within an event. */
  get isInside(): boolean {
    return this.#data.length > 0 || this.#event !== "" || this.#lines.rest !== "";
  }

  #take(): ServerSentEvent | undefined {
    const [event, data] = [this.#event || "message", this.#data];
    this.#event = "";
    this.#data = [];
    if (data.length === 0) return undefined;
    const retry = this.#retry === undefined ? {} : { retry: this.#retry };
    return { event, data: data.join("\n"), id: this.#id, ...retry };
  }

  #read(line: string): undefined {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    // A comment is a field without a name.
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#retry = Number(value);
  }
}
