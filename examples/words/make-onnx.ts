// Writes words.onnx: Gather the rows of a text, add them up, divide by their length. The table itself is in a file of its
// own, which onnxruntime maps into memory.

import { Graph } from "../_weights/onnx.ts";

/**
 * @param rows of the table
 * @param columns of the table
 * @param location the table's file, beside the model: float32, row after row
 */
export function onnxModel(rows: number, columns: number, location: string): Buffer {
  const graph = new Graph("words");
  const table = graph.external("table", [rows, columns], location);
  const words = graph.integers([1], "words");
  const ids = graph.input("ids", "int64", ["texts", "words"]);
  graph.node("Gather", [table, ids], {}, "rows");
  graph.node("ReduceSum", ["rows", words], { keepdims: 0 }, "sum");
  graph.node("LpNormalization", ["sum"], { p: 2 }, "embedding");
  graph.output("embedding", "float32", ["texts", columns]);
  return graph.toFile();
}
