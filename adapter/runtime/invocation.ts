// What the model sees of one invocation. Whatever costs something to build (the signal, the Request, the log) is built
// when the model first asks for it.

import type { Call, Origin } from "./call.ts";
import type { Late } from "./late.ts";
import type { Log } from "./log.ts";
import type { Invocation } from "./model.ts";

/** What an invocation is about: a call, or a record of another source; and late code, for what few models ask for. */
export type Subject = { readonly late: () => Late } & (
  | { readonly call: Call; readonly event?: undefined }
  | { readonly call?: undefined; readonly event: unknown }
);

/** The Invocation of a call, or of a record of a source that is not HTTP. */
export const toInvocation = (origin: Origin, subject: Subject): Invocation =>
  new OneInvocation(origin, subject);

// A class, whose getters all share: V8 makes a new hidden class for every object literal that has getters of its own,
// and a server that answers small calls then spends a third of its time on garbage.
class OneInvocation implements Invocation {
  readonly id: string;
  readonly source: string;
  readonly deadline: number;
  readonly tenantId: string | undefined;
  readonly event: unknown;
  readonly headers: Readonly<Record<string, string>>;
  #origin: Origin;
  #subject: Subject;
  #request: Request | undefined;
  #log: Log | undefined;

  constructor(origin: Origin, subject: Subject) {
    this.id = origin.id;
    this.source = origin.source;
    this.deadline = origin.deadline;
    this.tenantId = origin.tenantId;
    this.event = subject.event === undefined ? origin.event : subject.event;
    this.headers = subject.call?.headers ?? {};
    this.#origin = origin;
    this.#subject = subject;
  }

  get signal(): AbortSignal {
    return this.#origin.cancellation.signal;
  }

  get request(): Request | undefined {
    const { call, late } = this.#subject;
    return (this.#request ??= call && late().toRequest(call));
  }

  get log(): Log {
    return (this.#log ??= this.#subject.late().logOf(this.#origin));
  }
}
