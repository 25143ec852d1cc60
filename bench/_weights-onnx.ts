// An ONNX model of any size for a benchmark: a chain of MatMuls, with its weights in a file beside it as `coldframe
// optimize-onnx` leaves them, so that a session maps them instead of reading them. Source: onnx.proto, of onnx.ai.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesField, numberField, type Piece } from "../adapter/build/onnx/protobuf.ts";
import { writeRandom } from "./_weights-data.ts";

export const MODEL_FILES = ["model.onnx", "model.onnx.data"] as const;

const WIDTH = 1024;
/** Of one layer, in bytes: float32. */
const LAYER_BYTES = WIDTH * WIDTH * 4;
const FLOAT = 1;
const EXTERNAL = 1;
const IR_VERSION = 8;
const OPSET = 17;

/** Write the two files of a model of about so many bytes. */
export function writeModel(folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true });
  const [modelFile, dataFile] = MODEL_FILES;
  const layers = Math.ceil(bytes / LAYER_BYTES);
  writeRandom(join(folder, dataFile), layers * LAYER_BYTES);
  const graph: Piece[] = [];
  for (let i = 0; i < layers; i++) {
    const weights = `w${i}`;
    const node = [
      bytesField(1, `x${i}`),
      bytesField(1, weights),
      bytesField(2, `x${i + 1}`),
      bytesField(4, "MatMul"),
    ];
    graph.push(...bytesField(1, node.flat()));
  }
  graph.push(...bytesField(2, "chain"));
  for (let i = 0; i < layers; i++) {
    const entry = (key: string, value: string) =>
      bytesField(13, [...bytesField(1, key), ...bytesField(2, value)]);
    graph.push(
      ...bytesField(5, [
        numberField(1, WIDTH),
        numberField(1, WIDTH),
        numberField(2, FLOAT),
        ...bytesField(8, `w${i}`),
        ...entry("location", dataFile),
        ...entry("offset", String(i * LAYER_BYTES)),
        ...entry("length", String(LAYER_BYTES)),
        numberField(14, EXTERNAL),
      ]),
    );
  }
  graph.push(...bytesField(11, valueOf("x0")), ...bytesField(12, valueOf(`x${layers}`)));
  const model = [
    numberField(1, IR_VERSION),
    ...bytesField(7, graph),
    ...bytesField(8, [...bytesField(1, ""), numberField(2, OPSET)]),
  ];
  writeFileSync(join(folder, modelFile), Buffer.concat(model as Uint8Array[]));
}

/** One row. */
function valueOf(name: string): Piece[] {
  const dimension = (size: number) => bytesField(1, [numberField(1, size)]);
  const shape = bytesField(2, [...dimension(1), ...dimension(WIDTH)]);
  const type = bytesField(1, [numberField(1, FLOAT), ...shape]);
  return [...bytesField(1, name), ...bytesField(2, type)];
}
