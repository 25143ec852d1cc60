// Writes a network as an ONNX file: nodes in the order of their work, constants with their numbers or beside the file.
// Knows the format, and nothing of any model. Format: onnx.proto of github.com/onnx/onnx, as a few protobuf messages.

const OPSET = 17;
const IR_VERSION = 8;

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const EXTERNAL = 1;

export type ElementType = "float32" | "int32" | "int64";

const TYPES: Readonly<Record<ElementType, number>> = { float32: FLOAT, int32: INT32, int64: INT64 };

/** A whole number, a list of them, or a decimal number: what the operator's attribute is declared as. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** A named size is open: the batch, the length of a text. */
export type Dimension = string | number;

/** One network, written down node by node. Every method gives the name of what it made. */
export class Graph {
  readonly #name: string;
  readonly #nodes: Buffer[] = [];
  readonly #constants = new Map<string, Buffer>();
  readonly #inputs: Buffer[] = [];
  readonly #outputs: Buffer[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, type: ElementType, dims: readonly Dimension[]): string {
    this.#inputs.push(shaped(name, type, dims));
    return name;
  }

  /** An operator with one output. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = `${operator}_${this.#nodes.length}`,
  ): string {
    this.#nodes.push(nodeMessage(operator, inputs, [output], attributes));
    return output;
  }

  /** Cut `input` along `axis` into pieces of these sizes. */
  split(input: string, axis: number, sizes: readonly number[]): string[] {
    const outputs = sizes.map((_size, i) => `Split_${this.#nodes.length}_${i}`);
    this.#nodes.push(nodeMessage("Split", [input, this.integers(sizes)], outputs, { axis }));
    return outputs;
  }

  /** Whole numbers: a list, or one by itself. */
  integers(values: number | readonly number[], name?: string): string {
    const [list, dims] = typeof values === "number" ? [[values], []] : [values, [values.length]];
    const data = bytesOf(BigInt64Array.from(list, BigInt));
    return this.#constant(name ?? `int64_${dims}_${values}`, INT64, dims, data);
  }

  /** One whole number of 32 bits. */
  int32(value: number): string {
    return this.#constant(`int32_${value}`, INT32, [], bytesOf(Int32Array.of(value)));
  }

  /** Decimal numbers, row after row. */
  floats(values: Float32Array, dims: readonly number[], name: string): string {
    return this.#constant(name, FLOAT, dims, bytesOf(values));
  }

  /** One decimal number. */
  float(value: number): string {
    return this.floats(Float32Array.of(value), [], `float32_${value}`);
  }

  /** Decimal numbers in a file of their own beside the network, row after row: onnxruntime maps them into memory. */
  external(name: string, dims: readonly number[], location: string): string {
    const length = dims.reduce((product, dim) => product * dim, Float32Array.BYTES_PER_ELEMENT);
    const entries = Object.entries({ location, offset: 0, length }).map(([key, value]) =>
      bytes(13, message(text(1, key), text(2, `${value}`))),
    );
    this.#constants.set(name, message(...tensor(name, FLOAT, dims), ...entries, number(14, EXTERNAL)));
    return name;
  }

  output(name: string, type: ElementType, dims: readonly Dimension[]): void {
    this.#outputs.push(shaped(name, type, dims));
  }

  /** The whole file. */
  toFile(): Buffer {
    const graph = message(
      ...this.#nodes.map((node) => bytes(1, node)),
      text(2, this.#name),
      ...[...this.#constants.values()].map((constant) => bytes(5, constant)),
      ...this.#inputs.map((input) => bytes(11, input)),
      ...this.#outputs.map((output) => bytes(12, output)),
    );
    const opset = message(number(2, OPSET));
    return message(number(1, IR_VERSION), text(2, "coldframe example"), bytes(7, graph), bytes(8, opset));
  }

  #constant(name: string, type: number, dims: readonly number[], data: Buffer): string {
    this.#constants.set(name, message(...tensor(name, type, dims), bytes(9, data)));
    return name;
  }
}

const tensor = (name: string, type: number, dims: readonly number[]): Buffer[] => [
  ...dims.map((dim) => number(1, dim)),
  number(2, type),
  text(8, name),
];

function nodeMessage(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
): Buffer {
  return message(
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
  );
}

/** The last field says which kind it is. */
function attribute(name: string, value: Attribute): Buffer {
  if (typeof value === "number") return message(text(1, name), number(3, value), number(20, 2));
  if ("float" in value) {
    return message(text(1, name), key(2, 5), bytesOf(Float32Array.of(value.float)), number(20, 1));
  }
  return message(text(1, name), ...value.map((item) => number(8, item)), number(20, 7));
}

function shaped(name: string, type: ElementType, dims: readonly Dimension[]): Buffer {
  const shape = dims.map((it) => bytes(1, typeof it === "number" ? number(1, it) : text(2, it)));
  const elements = number(1, TYPES[type]);
  return message(text(1, name), bytes(2, bytes(1, message(elements, bytes(2, message(...shape))))));
}

const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);
const key = (field: number, wire: number): Buffer => varint((field << 3) | wire);
const number = (field: number, value: number): Buffer => Buffer.concat([key(field, 0), varint(value)]);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([key(field, 2), varint(value.length), value]);

const bytesOf = (values: Float32Array | Int32Array | BigInt64Array): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** Seven bits a byte; of a negative number the 64 bits of its two's complement. */
function varint(value: number): Buffer {
  const parts: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) parts.push(Number(rest & 127n) | 128);
  return Buffer.from([...parts, Number(rest)]);
}
