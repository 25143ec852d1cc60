// POST .../infer of the Open Inference Protocol: tensors in, predict, tensors out. A model whose input has a schema is
// given plain values, any other one typed arrays; `static tensors` says that it wants those in either case.

import { readInput } from "../../body.ts";
import type { Call, Reply } from "../../call.ts";
import { ColdframeError } from "../../errors.ts";
import { BYTES_TYPE } from "../../frames.ts";
import { toInvocation } from "../../invocation.ts";
import { encodeJson } from "../../json.ts";
import type { ModelClass } from "../../model.ts";
import { jsonReply, replyWith } from "../../reply.ts";
import type { Environment } from "../../routes.ts";
import { succeeded, wholeValue } from "../_whole-output.ts";
import { calledModel } from "./called-model.ts";
import { type InferenceRequest, readRequest } from "./tensor-input.ts";
import { bytesOf, jsonData, type OutputTensor, toTensors } from "./tensor-output.ts";
import { plainValue } from "./tensor-value.ts";

/** How many bytes of a body are JSON, when tensors follow it as bytes. */
const HEADER_LENGTH = "inference-header-content-length";

/** @throws INPUT_INVALID, OUTPUT_INVALID, and what predict throws */
export async function infer(call: Call, environment: Environment): Promise<Reply> {
  const { artifact, start } = environment;
  const { instance, run } = await calledModel(call, environment);
  const request = readRequest(bodyOf(call, environment), call.headers[HEADER_LENGTH]);
  const { id, parameters, outputs } = request;
  const { input: schema, tensors } = instance.constructor as ModelClass;
  const input = schema && !tensors ? plainInputs(request) : request.inputs;
  const origin = { ...call.origin, event: { id, parameters, outputs } };
  const output = await run("predict", input, toInvocation(origin, { call, late: artifact.late }), origin);
  const given = toTensors(await wholeValue(await succeeded(output)));
  return toReply({ model_name: start.modelName, id }, select(given, request));
}

/** The bytes of a call as they were before they were compressed, whatever they are said to be. */
function bodyOf(call: Call, { artifact }: Environment): Uint8Array {
  const headers = { ...call.headers, "content-type": BYTES_TYPE };
  const body = readInput({ ...call, headers }, artifact);
  if (body instanceof Uint8Array) return body;
  throw new ColdframeError("INPUT_INVALID", "the body is empty: send an inference request.");
}

const plainInputs = ({ inputs, datatypes }: InferenceRequest): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, plainValue(tensor, datatypes[name] as string)]),
  );

/** One output, and whether it leaves as bytes. */
interface Selected {
  readonly tensor: OutputTensor;
  readonly isBinary: boolean;
}

function select(
  given: readonly OutputTensor[],
  { outputs, parameters }: InferenceRequest,
): readonly Selected[] {
  const all = parameters["binary_data_output"] === true;
  if (!outputs) return given.map((tensor) => ({ tensor, isBinary: all }));
  return outputs.map(({ name, parameters: asked }) => {
    const tensor = given.find((candidate) => candidate.name === name);
    if (tensor) return { tensor, isBinary: (asked?.["binary_data"] ?? all) === true };
    const names = given.map((candidate) => candidate.name).join(", ");
    throw new ColdframeError("INPUT_INVALID", `there is no output ${name}, only ${names}.`);
  });
}

function toReply(head: object, selected: readonly Selected[]): Reply {
  const bytes: Buffer[] = [];
  const outputs = selected.map(({ tensor, isBinary }) => {
    const { data: _data, parameters, ...facts } = tensor;
    if (!isBinary) return { ...facts, parameters, data: jsonData(tensor) };
    const part = bytesOf(tensor);
    bytes.push(part);
    return { ...facts, parameters: { ...(parameters as object), binary_data_size: part.length } };
  });
  if (!selected.some(({ isBinary }) => isBinary)) return jsonReply(200, { ...head, outputs });
  const json = Buffer.from(encodeJson({ ...head, outputs }));
  const reply = replyWith(Buffer.concat([json, ...bytes]), BYTES_TYPE);
  reply.headers[HEADER_LENGTH] = `${json.length}`;
  return reply;
}
