// The spans of one invocation's steps: each ends when its step does, and predict's with the last item of its stream.

import type { Context, Span, Tracer } from "@opentelemetry/api";
import type { Observation, Step } from "../contracts.ts";
import { toColdframeError } from "../errors.ts";
import type { Api } from "./traces.ts";
import { watched } from "./watched-items.ts";

/** What GenAI's conventions call the members of the vendors' routes. */
const OPERATIONS: Readonly<Partial<Record<Step, string>>> = {
  chatCompletions: "chat",
  responses: "chat",
  messages: "chat",
  completions: "text_completion",
  embeddings: "embeddings",
};

/**
 * The part of an Observation that is about steps.
 * @param around the invocation's span
 */
export function createSteps(
  { context, trace, SpanStatusCode }: Api,
  tracer: Tracer,
  around: Context,
): Pick<Observation, "step" | "items" | "end"> {
  // Predict's is left open until it is known whether it streams.
  let open: { readonly span: Span; readonly active: Context; settledAt?: Date } | undefined;

  function close(): void {
    open?.span.end(open.settledAt);
    open = undefined;
  }

  function queued<T>(run: () => T): T {
    const startTime = new Date();
    // A free slot is taken within this turn of the event loop: a wait that nobody wants to see.
    let hasWaited = false;
    const turn = setImmediate(() => {
      hasWaited = true;
    });
    const settle = () => {
      clearImmediate(turn);
      if (hasWaited) tracer.startSpan("queue", { startTime }, around).end();
    };
    const result = context.with(around, run);
    if (isThenable(result)) result.then(settle, settle);
    else settle();
    return result;
  }

  function step<T>(name: Step, run: () => T): T {
    close();
    if (name === "queue") return queued(run);
    const isAround = name === "preprocess" || name === "postprocess";
    const operation = OPERATIONS[name];
    const span = tracer.startSpan(
      isAround ? name : "predict",
      { attributes: operation ? { "gen_ai.operation.name": operation } : {} },
      around,
    );
    const active = trace.setSpan(around, span);
    const here: typeof open = { span, active };
    const settle = () => {
      if (isAround) span.end();
      else here.settledAt = new Date();
    };
    const fail = (error: unknown) => {
      mark(span, error);
      settle();
    };
    if (!isAround) open = here;
    try {
      const result = context.with(active, run);
      if (isThenable(result)) result.then(settle, fail);
      else settle();
      return result;
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  function mark(span: Span, error: unknown): void {
    const { code } = toColdframeError(error);
    span.setAttribute("error.type", code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  }

  return {
    step,
    items(items) {
      const here = open;
      if (!here) return items;
      open = undefined;
      return watched(items, {
        first: () => here.span.addEvent("first token"),
        end(error) {
          if (error) mark(here.span, error);
          here.span.end();
        },
        // A generator runs where it is asked for its next item.
        ask: (next) => context.with(here.active, next),
      });
    },
    end: close,
  };
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === "function";
