// Several observers as one: metrics and traces of one deployment. The generated entry puts them together.

import type { Observer } from "../contracts.ts";

/** Everybody is told everything; the first one's steps are around the others'. */
export function together(...observers: readonly Observer[]): Observer {
  return {
    coldStart: (facts) => Object.assign({}, ...observers.map((observer) => observer.coldStart?.(facts))),
    begin(origin, call, record) {
      const all = observers.map((observer) => observer.begin(origin, call, record));
      return {
        traceId: all.find(({ traceId }) => traceId)?.traceId,
        step: (name, run) => all.reduceRight((inner, one) => () => one.step(name, inner), run)(),
        items: (items) => all.reduceRight((inner, one) => one.items(inner), items),
        answered: (status) => all.forEach((one) => one.answered(status)),
        failed: (error) => all.forEach((one) => one.failed(error)),
        end: () => all.forEach((one) => one.end()),
      };
    },
    async flush(deadline) {
      await Promise.all(observers.map((observer) => observer.flush?.(deadline)));
    },
  };
}
