// AWS Lambda: one artifact, two handlers. `stream` is for a function URL in RESPONSE_STREAM mode, `buffered` for
// everything else; the deployment picks one by name. Both do the same and differ in how bytes leave.

import { Cancellation, type Origin, type Reply } from "../call.ts";
import { beginColdStart } from "../cold-start.ts";
import type { Artifact, Deployment, EventSource, Outcome, RecordSource } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { failedError } from "../failure.ts";
import { gatherOutput } from "../gather.ts";
import { toInvocation } from "../invocation.ts";
import type { Output } from "../predict.ts";
import { outputReply } from "../reply.ts";
import { createRoutes } from "../routes.ts";
import { stackReader } from "../stack.ts";
import { httpResult, jsonValue } from "./_buffered-result.ts";
import { initPhase, unloadOnShutdown } from "./_lifecycle.ts";
import { type ResponseStream, STREAMING, writeResponse } from "./_response-stream.ts";
import { surviveStrayErrors } from "./_stray-errors.ts";

/** What is read of Lambda's context object. */
export interface LambdaContext {
  readonly awsRequestId: string;
  readonly tenantId?: string;
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

/** Start loading the model, and be ready to answer. */
export function lambda(deployment: Deployment, artifact: Artifact): LambdaHandlers {
  const start = beginColdStart(deployment, artifact);
  const readStack = stackReader(`${artifact.folder}/bundle.cjs`);
  const route = createRoutes(artifact, start, readStack);
  const active = new Set<Cancellation>();
  unloadOnShutdown(start, active);
  let isFirst = true;

  async function invoke<T>(
    event: unknown,
    context: LambdaContext,
    run: (source: EventSource, origin: Origin) => Promise<T>,
  ) {
    if (isFirst) surviveStrayErrors(readStack);
    isFirst = false;
    context.callbackWaitsForEmptyEventLoop = false;
    const source = sourceOf(event, deployment.events);
    const cancellation = new Cancellation();
    const left = context.getRemainingTimeInMillis();
    const answerWithin = Math.max(left - ANSWER_MARGIN_MS, left / 2);
    const timer = setTimeout(() => cancellation.cancel(tooLate(left)), answerWithin);
    active.add(cancellation);
    try {
      return await run(source, {
        id: context.awsRequestId,
        source: source.name,
        event,
        deadline: Date.now() + left,
        tenantId: context.tenantId,
        cancellation,
      });
    } finally {
      active.delete(cancellation);
      clearTimeout(timer);
    }
  }

  /** One record of a source that is not HTTP. @throws an error that is logged and fit to be seen */
  async function predictRecord<T>(
    input: unknown,
    event: unknown,
    origin: Origin,
    finish: (output: Output) => Promise<T>,
  ) {
    try {
      const { predict } = start.model ?? (await start.wait(origin.cancellation));
      return await finish(await predict(input, toInvocation(origin, undefined, event), origin.cancellation));
    } catch (error) {
      throw failedError(error, origin.id, readStack);
    }
  }

  async function buffered(event: unknown, context: LambdaContext): Promise<unknown> {
    return invoke(event, context, async (source, origin) => {
      if (source.kind === "http")
        return httpResult(source, source.toCall(event as never, origin), route, readStack);
      const outcomes = source.toRecords(event as never).map(({ input, event: record }) =>
        predictRecord(input, record, origin, async (output) => jsonValue(await gatherOutput(output))).then(
          (value): Outcome => ({ value }),
          (error: Error): Outcome => ({ error }),
        ),
      );
      return source.toResult(await Promise.all(outcomes), event as never);
    });
  }

  async function stream(
    event: unknown,
    responseStream: ResponseStream,
    context: LambdaContext,
  ): Promise<void> {
    await invoke(event, context, async (source, origin) => {
      if (source.kind === "http") {
        const reply = await route(source.toCall(event as never, origin));
        return send(responseStream, source.toPrelude(reply), reply, origin);
      }
      const [record, ...others] = source.toRecords(event as never);
      if (record === undefined || others.length > 0) throw notStreamable(source);
      const reply = await predictRecord(record.input, record.event, origin, (output) =>
        outputReply(output, {}, origin.id),
      );
      return send(responseStream, reply.headers["content-type"] ?? "application/octet-stream", reply, origin);
    });
  }
  stream[STREAMING] = "response";

  async function send(
    ...[responseStream, head, reply, origin]: [
      ResponseStream,
      Parameters<typeof writeResponse>[1],
      Reply,
      Origin,
    ]
  ) {
    try {
      await writeResponse(responseStream, head, reply, origin.cancellation);
    } catch (error) {
      const failure = failedError(error, origin.id, readStack);
      // Nobody is left to be told.
      if (failure.name !== "CANCELLED") throw failure;
    }
  }

  return { stream, buffered, ready: initPhase(start, readStack) };
}

function sourceOf(event: unknown, sources: readonly EventSource[]): EventSource {
  const source = sources.find((candidate) => candidate.matches(event));
  if (source !== undefined) return source;
  throw new ColdframeError(
    "EVENT_UNKNOWN",
    `the event is none of ${sources.map(({ name }) => name).join(", ")}, the event sources of this deployment.`,
    { fix: "Add its source to `serverless.events` in config.yaml." },
  );
}

function tooLate(left: number): ColdframeError {
  return new ColdframeError(
    "PREDICT_TIMEOUT",
    `the model did not finish within the ${Math.round(left / 1000)} s it had.`,
    {
      fix: "Raise `serverless.timeout` in config.yaml, or make predict stop when its signal aborts.",
    },
  );
}

function notStreamable(source: RecordSource): ColdframeError {
  return new ColdframeError(
    "EVENT_UNKNOWN",
    `a batch from ${source.name} cannot be answered by the stream handler.`,
    {
      fix: "Deploy the `index.buffered` handler for it.",
    },
  );
}
