// AWS Lambda: one artifact, two handlers. `stream` is for a function URL in RESPONSE_STREAM mode, `buffered` for
// everything else; the deployment picks one by name. Both do the same and differ in how bytes leave.

import { Cancellation, type Origin, type Reply } from "../call.ts";
import { beginColdStart } from "../cold-start.ts";
import type {
  Artifact,
  Deployment,
  EventSource,
  Outcome,
  Prelude,
  RecordSource,
  SourceRecord,
} from "../contracts.ts";
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
import { type ResponseStream, ResponseWriter, STREAMING } from "./_response-stream.ts";
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

  function begin(event: unknown, context: LambdaContext): { source: EventSource; origin: Origin } {
    if (isFirst) surviveStrayErrors(readStack);
    isFirst = false;
    context.callbackWaitsForEmptyEventLoop = false;
    const source = deployment.events.find((candidate) => candidate.matches(event));
    if (source === undefined)
      throw failedError(unknownEvent(deployment.events), context.awsRequestId, readStack);
    const left = context.getRemainingTimeInMillis();
    const deadline = Date.now() + left;
    const answerBy = deadline - Math.min(ANSWER_MARGIN_MS, left / 2);
    const cancellation = new Cancellation(answerBy, () => tooLate(left));
    active.add(cancellation);
    const { awsRequestId: id, tenantId } = context;
    return { source, origin: { id, source: source.name, event, deadline, tenantId, cancellation } };
  }

  function end({ cancellation }: Origin): void {
    cancellation.end();
    active.delete(cancellation);
  }

  async function predictRecord({ input, event }: SourceRecord, origin: Origin): Promise<Output> {
    const { predict } = start.model ?? (await start.wait(origin.cancellation));
    return predict(input, toInvocation(origin, undefined, event), origin.cancellation);
  }

  async function outcomeOf(record: SourceRecord, origin: Origin): Promise<Outcome> {
    try {
      return { value: jsonValue(await gatherOutput(await predictRecord(record, origin))) };
    } catch (error) {
      return { error: failedError(error, origin.id, readStack) };
    }
  }

  async function buffered(event: unknown, context: LambdaContext): Promise<unknown> {
    const { source, origin } = begin(event, context);
    try {
      if (source.kind === "http") {
        return await httpResult(source, source.toCall(event as never, origin), route, readStack);
      }
      const records = source.toRecords(event as never);
      const outcomes = await Promise.all(records.map((record) => outcomeOf(record, origin)));
      return source.toResult(outcomes, event as never);
    } finally {
      end(origin);
    }
  }

  async function stream(event: unknown, out: ResponseStream, context: LambdaContext): Promise<void> {
    const { source, origin } = begin(event, context);
    const writer = new ResponseWriter(out, origin.cancellation);
    try {
      let head: Prelude | string;
      let reply: Reply;
      if (source.kind === "http") {
        reply = await route(source.toCall(event as never, origin));
        head = source.toPrelude(reply);
      } else {
        const output = await predictRecord(onlyRecord(source, event), origin);
        reply = await outputReply(output, {}, origin.id);
        head = reply.headers["content-type"] ?? "application/octet-stream";
      }
      await writer.write(head, reply);
    } catch (thrown) {
      const error = failedError(thrown, origin.id, readStack);
      if (!writer.isClosed) throw error;
    } finally {
      end(origin);
    }
  }
  stream[STREAMING] = "response";

  return { stream, buffered, ready: initPhase(start, readStack) };
}

function unknownEvent(sources: readonly EventSource[]): ColdframeError {
  return new ColdframeError(
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

function onlyRecord(source: RecordSource, event: unknown): SourceRecord {
  const [record, ...others] = source.toRecords(event as never);
  if (record !== undefined && others.length === 0) return record;
  throw new ColdframeError("EVENT_UNKNOWN", `a batch from ${source.name} cannot be streamed.`, {
    fix: "Deploy the `index.buffered` handler for it.",
  });
}
