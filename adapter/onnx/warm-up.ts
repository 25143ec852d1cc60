// The first run of a session, with inputs made of zeros: memory is planned and weights are read before a caller waits.

import { type InferenceSession, Tensor } from "./onnxruntime.ts";
import { ColdframeError } from "../runtime/errors.ts";

type Metadata = InferenceSession.ValueMetadata;
type Feeds = InferenceSession.FeedsType;
type Zeros = (length: number) => Tensor.DataType;

const ZEROS: Readonly<Partial<Record<Tensor.Type, Zeros>>> = {
  float32: (length) => new Float32Array(length),
  float64: (length) => new Float64Array(length),
  float16: (length) => new Uint16Array(length),
  int8: (length) => new Int8Array(length),
  uint8: (length) => new Uint8Array(length),
  int16: (length) => new Int16Array(length),
  uint16: (length) => new Uint16Array(length),
  int32: (length) => new Int32Array(length),
  uint32: (length) => new Uint32Array(length),
  int64: (length) => new BigInt64Array(length),
  uint64: (length) => new BigUint64Array(length),
  bool: (length) => new Uint8Array(length),
  string: (length) => new Array<string>(length).fill(""),
};

/**
 * Run once and forget the answer.
 * @throws MODEL_INVALID when the inputs do not fit, or when no zeros can be made for one of them
 */
export async function warmUp(session: InferenceSession, feeds: Feeds | true): Promise<void> {
  const inputs = feeds === true ? zeroFeeds(session.inputMetadata) : feeds;
  try {
    const outputs = await session.run(inputs);
    for (const output of Object.values(outputs)) output.dispose();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim().replace(/\.$/, "") : String(cause);
    throw new ColdframeError("MODEL_INVALID", `the warm-up run failed: ${reason}.`, {
      fix: HALF_INPUT.test(reason) ? TAKE_FLOAT32 : `Give inputs that fit, as in ${example(session)}.`,
      cause,
    });
  }
}

/** Source: microsoft/onnxruntime, pull request 32323. */
const HALF_INPUT = /^not enough space: expected \d+, got 0/;
const TAKE_FLOAT32 =
  "onnxruntime-node takes no float16 inputs where Node has Float16Array: run it on nodejs22.x, or export the model with float32 inputs and a Cast.";

const example = ({ inputNames, inputMetadata }: InferenceSession): string =>
  `warmUp: { ${inputNames[0] ?? "input"}: new Tensor(...) }; the model takes ${inputMetadata.map(describe).join(", ")}`;

/** An input for each name: zeros, with 1 for every dimension that the model leaves open. @throws MODEL_INVALID */
export function zeroFeeds(inputs: readonly Metadata[]): Record<string, Tensor> {
  return Object.fromEntries(inputs.map((input) => [input.name, zeros(input)]));
}

function zeros(input: Metadata): Tensor {
  const make = input.isTensor ? ZEROS[input.type] : undefined;
  if (!input.isTensor || make === undefined) {
    throw new ColdframeError("MODEL_INVALID", `there are no zeros for the input ${describe(input)}.`, {
      fix: "Give the inputs of the warm-up yourself, as in warmUp: { name: new Tensor(...) }.",
    });
  }
  const dims = input.shape.map((dimension) => (typeof dimension === "number" ? dimension : 1));
  const length = dims.reduce((product, dimension) => product * dimension, 1);
  return new Tensor(input.type, make(length), dims);
}

/** `ids: int64[batch, tokens]` */
function describe(input: Metadata): string {
  if (!input.isTensor) return `${input.name}: not a tensor`;
  return `${input.name}: ${input.type}[${input.shape.map((it) => (it === "" ? "?" : it)).join(", ")}]`;
}
