// Writes words.onnx: Gather the rows of a text, add them up, divide by their length. The table itself is in a file of its
// own, which onnxruntime maps into memory. Format: onnx.proto of github.com/onnx/onnx, as a few protobuf messages.

const FLOAT = 1;
const INT64 = 7;
const EXTERNAL = 1;

/**
 * @param rows of the table
 * @param columns of the table
 * @param location the table's file, beside the model: float32, row after row
 */
export function onnxModel(rows: number, columns: number, location: string): Buffer {
  const table = message(
    number(1, rows),
    number(1, columns),
    number(2, FLOAT),
    text(8, "table"),
    ...Object.entries({ location, offset: 0, length: rows * columns * 4 }).map(([key, value]) =>
      bytes(13, message(text(1, key), text(2, `${value}`))),
    ),
    number(14, EXTERNAL),
  );
  const axes = message(
    number(1, 1),
    number(2, INT64),
    text(8, "words"),
    bytes(9, Buffer.from("0100000000000000", "hex")),
  );
  const graph = message(
    bytes(1, node("Gather", ["table", "ids"], "rows")),
    bytes(1, node("ReduceSum", ["rows", "words"], "sum", ["keepdims", 0])),
    bytes(1, node("LpNormalization", ["sum"], "embedding", ["p", 2])),
    text(2, "words"),
    bytes(5, table),
    bytes(5, axes),
    bytes(11, tensor("ids", INT64, ["texts", "words"])),
    bytes(12, tensor("embedding", FLOAT, ["texts", columns])),
  );
  const opset = message(number(2, 17));
  return message(number(1, 8), text(2, "coldframe example"), bytes(7, graph), bytes(8, opset));
}

function node(
  operator: string,
  inputs: string[],
  output: string,
  attribute?: [name: string, value: number],
): Buffer {
  const attributes =
    attribute && bytes(5, message(text(1, attribute[0]), number(3, attribute[1]), number(20, 2)));
  return message(
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(4, operator),
    attributes ?? Buffer.of(),
  );
}

function tensor(name: string, type: number, dims: (string | number)[]): Buffer {
  const shape = dims.map((it) => bytes(1, typeof it === "number" ? number(1, it) : text(2, it)));
  return message(text(1, name), bytes(2, bytes(1, message(number(1, type), bytes(2, message(...shape))))));
}

const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);
const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);

function varint(value: number): Buffer {
  const parts: number[] = [];
  for (; value > 127; value >>>= 7) parts.push((value & 127) | 128);
  return Buffer.from([...parts, value]);
}
