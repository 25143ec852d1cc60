// AWS Lambda: one artifact, two handlers. `stream` is for a function URL in RESPONSE_STREAM mode, `buffered` for
// everything else; the deployment picks one by name. Both do the same and differ in how bytes leave.

import { Cancellation, type Origin } from "../call.ts";
import { beginColdStart } from "../cold-start.ts";
import type { Artifact, Deployment } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { initPhase, unloadOnShutdown } from "./_lifecycle.ts";
import { isPing } from "./_ping.ts";
import type { CreateReceiver, Receiver } from "./_receiver.ts";
import { type ResponseStream, respond, STREAMING } from "./_response-stream.ts";
import { dropClientListeners } from "./_stray-errors.ts";

/** What is read of Lambda's context object. */
export interface LambdaContext {
  readonly awsRequestId: string;
  readonly tenantId?: string;
  /** X-Ray's header: on managed instances, where many invocations share the environment, no variable has it. */
  readonly xRayTraceId?: string;
  getRemainingTimeInMillis(): number;
  /** Node 22's runtime client waits for open handles unless told not to. */
  callbackWaitsForEmptyEventLoop?: boolean;
}

export interface LambdaHandlers {
  stream(event: unknown, stream: ResponseStream, context: LambdaContext): Promise<void>;
  /** Declared with two parameters: Node 24's runtime client refuses a third as a callback. */
  buffered(event: unknown, context: LambdaContext): Promise<unknown>;
  /** What the artifact awaits before its init phase ends. */
  readonly ready: Promise<void>;
}

/** Kept of the time left, to answer before Lambda kills the process, model and all. */
const ANSWER_MARGIN_MS = 250;

/**
 * Start loading the model, and be ready to answer.
 * @param sources the event sources of this deployment; the first that matches an event gets it
 */
export function lambda(
  deployment: Deployment,
  sources: readonly CreateReceiver[],
  artifact: Artifact,
): LambdaHandlers {
  const start = beginColdStart(deployment, artifact);
  const { observer } = deployment;
  const environment = { artifact, start, observer };
  const receivers = sources.map((create) => create(environment));
  const active = new Set<Cancellation>();
  unloadOnShutdown(start, active);

  async function invoke<T>(
    event: unknown,
    context: LambdaContext,
    answer: (receiver: Receiver, origin: Origin) => Promise<T>,
  ): Promise<T> {
    dropClientListeners();
    context.callbackWaitsForEmptyEventLoop = false;
    const { awsRequestId: id, tenantId, xRayTraceId: traceId } = context;
    const receiver = isPing(event)
      ? artifact.late().warmUp(environment)
      : receivers.find((candidate) => candidate.matches(event));
    if (!receiver) throw artifact.late().failedError(unknownEvent(receivers), { id, tenantId }, artifact);
    const left = context.getRemainingTimeInMillis();
    const deadline = Date.now() + left;
    const cancellation = new Cancellation(
      deadline - Math.min(ANSWER_MARGIN_MS, left / 2),
      () =>
        new ColdframeError(
          "PREDICT_TIMEOUT",
          `predict took over ${Math.round(left / 1000)} s: raise serverless.timeout.`,
        ),
    );
    const origin: Origin = { id, source: receiver.name, event, deadline, tenantId, traceId, cancellation };
    active.add(cancellation);
    try {
      return await answer(receiver, origin);
    } finally {
      origin.observation?.end();
      if (observer?.flush) await observer.flush(deadline);
      cancellation.end();
      active.delete(cancellation);
    }
  }

  function buffered(event: unknown, context: LambdaContext): Promise<unknown> {
    return invoke(event, context, (receiver, origin) => receiver.buffered(event, origin));
  }

  function stream(event: unknown, out: ResponseStream, context: LambdaContext): Promise<void> {
    return invoke(event, context, (receiver, origin) =>
      respond(out, origin.cancellation, receiver.streamed(event, origin)).catch((error) => {
        throw artifact.late().failedError(error, origin, artifact);
      }),
    );
  }
  stream[STREAMING] = "response";

  return { stream, buffered, ready: initPhase(start, artifact) };
}

function unknownEvent(receivers: readonly Receiver[]): ColdframeError {
  const names = receivers.map(({ name }) => name).join(", ");
  return new ColdframeError(
    "EVENT_UNKNOWN",
    `the event is of none of ${names}: add its source to serverless.events.`,
  );
}
