// The cold start as a server's callers see it. While the model loads they are told to come again, and when the server is
// about to go they are sent away: readiness first, then every call. What is being answered is not touched.

import type { ColdStart } from "../../cold-start.ts";
import { ColdframeError } from "../../errors.ts";

export interface Serving extends ColdStart {
  /** Not ready any more, for load balancers to see; calls are still answered. */
  leave(): void;
  /** No call is answered any more. */
  close(): void;
  readonly isLeaving: boolean;
}

/** Why a call is not answered, or not to its end. */
export const goingAway = (): ColdframeError =>
  new ColdframeError("MODEL_NOT_READY", "this instance is shutting down; try again.");

/** @param waits a call that comes while the model loads waits for it */
export function createServing(start: ColdStart, waits: boolean): Serving {
  let stage: "open" | "leaving" | "closed" = "open";
  const closed = () => stage === "closed";

  function now() {
    if (stage !== "open") throw goingAway();
    return start.now();
  }

  return {
    modelName: start.modelName,
    initialised: start.initialised,
    get model() {
      return closed() ? undefined : start.model;
    },
    get failure() {
      return closed() ? goingAway() : start.failure;
    },
    get isLeaving() {
      return stage !== "open";
    },
    now,
    async wait(cancellation) {
      if (closed()) throw goingAway();
      return waits ? start.wait(cancellation) : start.now();
    },
    leave() {
      if (stage === "open") stage = "leaving";
    },
    close() {
      stage = "closed";
    },
  };
}
