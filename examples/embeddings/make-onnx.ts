// Writes use-lite.onnx: two layers of a transformer over the tokens of each text, their mean, and one dense layer; 256 wide
// at first, then 512. Source: the graph of TensorFlow's Universal Sentence Encoder lite 1, whose names the weights still
// have, and Cer et al., "Universal Sentence Encoder", 2018.

import { Graph } from "../_weights/onnx.ts";

/** What is longer is cut off, as in the original. */
export const MAX_TOKENS = 128;
export const DIMENSIONS = 512;

const HEADS = 4;
const HIDDEN = 1536;
const LAYERS = [
  { width: 256, name: "Layer_0" },
  { width: 512, name: "Layer_1" },
];

const EMBEDDING = { rows: 8002, width: 256 };
const EPSILON = { float: 1e-6 };

/** Takes the place of minus infinity for what must not be looked at. */
const NEVER = -1e9;

/** The weights of the original, by name. */
export type Weights = ReadonlyMap<string, Float32Array>;

const ENCODE = "module_apply_default/Encoder_en/KonaTransformer/Encode/";
const KERNELS = "module/Encoder_en/KonaTransformer/Encode/";
const STACK = `${ENCODE}TransformerStack/`;

/**
 * The network as a file. Texts lie one behind the other in rows, several in a row: the layers know tokens only, and a token
 * sees those of its own text.
 */
export function onnxModel(weights: Weights): Buffer {
  const graph = new Graph("universal-sentence-encoder-lite");
  const slots = ["rows", "tokens"];
  const ids = graph.input("ids", "int32", slots);
  // Which text a token is of, and where in it; an empty slot is of the text -1.
  const texts = graph.input("texts", "int32", slots);
  const places = graph.input("places", "int32", slots);
  const lengths = graph.input("lengths", "int32", ["texts"]);

  const { floats, dense, norm } = layersOf(graph, weights);
  const node = graph.node.bind(graph);
  const unsqueeze = (input: string, ...axes: number[]) => node("Unsqueeze", [input, graph.integers(axes)]);
  const flat = (input: string, width: number) => node("Reshape", [input, graph.integers([-1, width])]);

  const isOwn = node("Equal", [unsqueeze(texts, 1, 3), unsqueeze(texts, 1, 2)]);
  const unseen = node("Where", [isOwn, graph.float(0), graph.float(NEVER)]);
  const shape = node("Shape", [ids]);

  function attention(x: string, { width, name }: (typeof LAYERS)[number]): string {
    const prefix = `${name}/TransformerLayer/MultiheadAttention/`;
    const all = dense(
      x,
      [width, 3 * width],
      `${KERNELS}${prefix}qkv_transform_single/kernel/part_0`,
      `${ENCODE}${prefix}qkv_transform_single/bias/ConcatPartitions/concat`,
    );
    const inRows = node("Concat", [shape, graph.integers([HEADS, width / HEADS])], { axis: 0 });
    const heads = (input: string, perm: number[]) =>
      node("Transpose", [node("Reshape", [input, inRows])], { perm });
    const [queries, keys, values] = graph.split(all, 1, [width, width, width]) as [string, string, string];
    const scaled = node("Mul", [heads(queries, [0, 2, 1, 3]), graph.float(1 / Math.sqrt(width / HEADS))]);
    const scores = node("Add", [node("MatMul", [scaled, heads(keys, [0, 2, 3, 1])]), unseen]);
    const seen = node("MatMul", [node("Softmax", [scores], { axis: -1 }), heads(values, [0, 2, 1, 3])]);
    return dense(
      flat(node("Transpose", [seen], { perm: [0, 2, 1, 3] }), width),
      [width, DIMENSIONS],
      `${KERNELS}${prefix}output_transform_single/kernel/part_0`,
      `${ENCODE}${prefix}output_transform_single/bias/ConcatPartitions/concat`,
    );
  }

  function feedForward(x: string, { name }: (typeof LAYERS)[number], between = (hidden: string) => hidden) {
    const prefix = `${name}/TransformerLayer/FFN/`;
    const bias = (conv: string) => `${ENCODE}${prefix}${conv}/bias/ConcatPartitions/concat`;
    const kernel = (conv: string) => `${STACK}${prefix}${conv}/Tensordot/Reshape_1`;
    const hidden = node("Relu", [dense(x, [DIMENSIONS, HIDDEN], kernel("conv1"), bias("conv1"))]);
    return dense(between(hidden), [HIDDEN, DIMENSIONS], kernel("conv2"), bias("conv2"));
  }

  // The mean over a text's tokens, which leaves out empty slots, as a matrix.
  const numbers = node("Range", [
    graph.int32(0),
    node("Cast", [node("Squeeze", [node("Shape", [lengths])])], { to: 6 }),
    graph.int32(1),
  ]);
  const isOf = node("Equal", [unsqueeze(numbers, 1), node("Reshape", [texts, graph.integers([1, -1])])]);
  const shares = node("Div", [
    node("Cast", [isOf], { to: 1 }),
    unsqueeze(node("Cast", [lengths], { to: 1 }), 1),
  ]);
  const mean = (x: string) => node("MatMul", [shares, x]);

  const table = floats("module/Embeddings_en", [EMBEDDING.rows, EMBEDDING.width]);
  const embedded = node("Gather", [table, ids]);
  const timing = graph.floats(timingSignal(weights), [MAX_TOKENS, EMBEDDING.width], "timing");
  // The original adds the embedding to itself.
  const doubled = node("Add", [embedded, embedded]);
  let x = flat(node("Add", [doubled, node("Gather", [timing, places])]), EMBEDDING.width);
  for (const layer of LAYERS) {
    const prefix = `${ENCODE}${layer.name}/TransformerLayer/`;
    const attended = attention(norm(x, layer.width, `${prefix}layer_prepostprocess/layer_norm/`), layer);
    const rest =
      layer.width === DIMENSIONS
        ? x
        : dense(
            x,
            [layer.width, DIMENSIONS],
            `${prefix}dense/kernel/ConcatPartitions/concat`,
            `${prefix}dense/bias/ConcatPartitions/concat`,
          );
    x = node("Add", [attended, rest]);
    const normed = norm(x, DIMENSIONS, `${prefix}FFN/layer_prepostprocess/layer_norm/`);
    // Of the last layer only the mean is wanted, which is the same before a dense layer as behind it: one row for each
    // text instead of one for each token.
    if (layer === LAYERS.at(-1)) x = node("Add", [feedForward(normed, layer, mean), mean(x)]);
    else x = node("Add", [feedForward(normed, layer), x]);
  }

  const last = "module/Encoder_en/hidden_layers/tanh_layer_0/";
  const square = [DIMENSIONS, DIMENSIONS];
  const tanh = node("Tanh", [dense(x, square, `${last}weights`, `${last}bias`)]);
  node("LpNormalization", [tanh], { p: 2 }, "embedding");
  graph.output("embedding", "float32", ["texts", DIMENSIONS]);
  return graph.toFile();
}

/** The two kinds of layer that have weights, which they take by their names in the original. */
function layersOf(graph: Graph, weights: Weights) {
  const floats = (name: string, dims: readonly number[]) => graph.floats(weightOf(weights, name), dims, name);
  return {
    floats,
    dense(x: string, dims: readonly number[], kernel: string, bias: string): string {
      return graph.node("Gemm", [x, floats(kernel, dims), floats(bias, dims.slice(1))]);
    },
    norm(x: string, width: number, prefix: string): string {
      const [scale, bias] = ["scale", "bias"].map((part) =>
        floats(`${prefix}layer_norm_${part}/ConcatPartitions/concat`, [width]),
      ) as [string, string];
      return graph.node("LayerNormalization", [x, scale, bias], { axis: -1, epsilon: EPSILON });
    },
  };
}

/** Sines of the place in the text, then cosines, each with wavelengths of its own. */
function timingSignal(weights: Weights): Float32Array {
  const rates = weightOf(weights, `${STACK}Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1`);
  const waves = (place: number, wave: (angle: number) => number) => rates.map((rate) => wave(place * rate));
  return Float32Array.from(
    Array.from({ length: MAX_TOKENS }, (_, place) => [
      ...waves(place, Math.sin),
      ...waves(place, Math.cos),
    ]).flat(),
  );
}

function weightOf(weights: Weights, name: string): Float32Array {
  const found = weights.get(name);
  if (found === undefined) throw new Error(`the package has no weight ${name}`);
  return found;
}
