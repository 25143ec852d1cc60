// Many inputs in one body, `{"instances": [...]}`, and `{"predictions": [...]}` in the same order: how KServe's version 1
// and Vertex AI call a model. Each instance is a call of predict of its own, so the model needs to know nothing of it.
// Sources: kserve.github.io, "V1 Protocol"; cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements.
//
// Plain bodies stay what they are, since Truss's clients call the same path. An envelope is what has the key and no
// other but its companions, unless the schema of the model's input has that key itself. Without a schema, `inputs` is
// too common a name to be taken for an envelope, which KServe allows it to be.

import { readInput } from "../../body.ts";
import { type Call, Cancellation, type Origin } from "../../call.ts";
import { ColdframeError, toColdframeError } from "../../errors.ts";
import { toInvocation } from "../../invocation.ts";
import { toBuffer } from "../../json.ts";
import { jsonReply } from "../../reply.ts";
import type { Answer, Environment } from "../../routes.ts";
import { succeeded, wholeValue } from "../_whole-output.ts";
import { calledModel } from "./called-model.ts";
import type { InputSchema } from "./input-schema.ts";

/** What many inputs came in. */
interface Envelope {
  readonly key: "instances" | "inputs";
  readonly instances: readonly unknown[];
  /** Of all instances: what an instance does not say itself. */
  readonly parameters: Readonly<Record<string, unknown>> | undefined;
  /** As sent. */
  readonly body: object;
}

/**
 * Answers envelopes, and leaves every other call to `predict`.
 * @param parallel how many instances of one body are with the model at a time
 */
export function predictInstances(
  predict: Answer,
  environment: Environment,
  schema: InputSchema,
  parallel: number,
): Answer {
  return async (call) => {
    const { run } = await calledModel(call, environment);
    const envelope = openEnvelope(call, environment, schema);
    if (!envelope) return predict({ ...call, arrived: async () => {} });
    const { key, instances, parameters, body } = envelope;
    const cancellation = new Cancellation();
    call.origin.cancellation.onCancel((reason) => cancellation.cancel(reason));
    const origin: Origin = { ...call.origin, cancellation, event: body };
    const invocation = toInvocation(origin, { call, late: environment.artifact.late });
    const predictions: unknown[] = [];
    let next = 0;

    async function predictNext(): Promise<void> {
      while (next < instances.length && !cancellation.reason) {
        const index = next++;
        const input = withParameters(instances[index], parameters);
        try {
          const output = await run("predict", input, invocation, origin);
          predictions[index] = await wholeValue(await succeeded(output));
        } catch (error) {
          const failure = atInstance(toColdframeError(error), `${key}[${index}]`);
          // The answer is all of them or none.
          cancellation.cancel(failure);
        }
      }
    }

    await Promise.all(Array.from({ length: parallel }, predictNext));
    if (cancellation.reason) throw cancellation.reason;
    cancellation.end();
    return jsonReply(200, { predictions });
  };
}

function openEnvelope(call: Call, { artifact }: Environment, schema: InputSchema): Envelope | undefined {
  // Nearly every body is told apart by a search for its key.
  if (!mayHold(call, "instances") && !(schema.isKnown && mayHold(call, "inputs"))) return undefined;
  const body = readInput(call, artifact);
  if (!isObject(body)) return undefined;
  const key = Object.hasOwn(body, "instances") ? "instances" : "inputs";
  const { [key]: instances, parameters, signature_name: _signature, ...rest } = body;
  const isOwn = schema.has(key) || (key === "inputs" && !schema.isKnown);
  if (!Array.isArray(instances) || isOwn || Object.keys(rest).length > 0) return undefined;
  return { key, instances, parameters: isObject(parameters) ? parameters : undefined, body };
}

function mayHold(call: Call, key: string): boolean {
  const body = call.body();
  // What is compressed shows nothing.
  if (call.headers["content-encoding"]) return true;
  return typeof body === "string" ? body.includes(`"${key}"`) : toBuffer(body).includes(`"${key}"`);
}

const withParameters = (instance: unknown, parameters: Envelope["parameters"]): unknown =>
  parameters && isObject(instance) ? { ...parameters, ...instance } : instance;

/** The same error, which says of which instance. */
function atInstance(error: ColdframeError, place: string): ColdframeError {
  const { code, message, fix, issues } = error;
  const placed = issues?.map((issue) => ({
    ...issue,
    path: issue.path.startsWith("[") || !issue.path ? `${place}${issue.path}` : `${place}.${issue.path}`,
  }));
  return new ColdframeError(code, `${place}: ${message}`, {
    cause: error.cause ?? error,
    ...(fix !== undefined && { fix }),
    ...(placed && { issues: placed }),
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && !!value && !Array.isArray(value) && !ArrayBuffer.isView(value);
