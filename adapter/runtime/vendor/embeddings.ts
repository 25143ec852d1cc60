// POST /v1/embeddings: vectors in the encoding that the caller asks for. OpenAI's own SDK asks for base64, which is the
// little-endian float32 of the vector, and decodes it unseen; other clients ask for numbers.
// Source: platform.openai.com/docs/api-reference/embeddings; lib/embeddings.ts of the `openai` package 7.

import { endianness } from "node:os";
import { ColdframeError } from "../errors.ts";
import { toBuffer } from "../json.ts";
import {
  type Draft,
  givenError,
  type Head,
  isJson,
  type Json,
  refuseItem,
  type VendorRoute,
} from "./_draft.ts";
import { openai } from "./_openai.ts";

const ALLOWED = "a vector, a list of vectors, or an object with data";

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

type Vector = readonly number[] | Float32Array;

/** Vectors as a list of embeddings. */
export const embeddings: VendorRoute = { member: "embeddings", vendor: openai, begin };

function begin({ model, request }: Head): Draft {
  const encode = request["encoding_format"] === "base64" ? toBase64 : toNumbers;
  const { input } = request;
  // One text, or one text as its tokens; or a list of either.
  const isList = Array.isArray(input) && typeof input[0] !== "number";
  const wanted = isList ? input.length : 1;

  function toData(value: unknown): unknown[] {
    const list = isVector(value) ? [value] : value;
    if (!Array.isArray(list)) return refuseItem("embeddings", value, ALLOWED);
    // An empty vector is one; no vectors for no inputs are none.
    const vectors = list.length === 0 || list.every(isVector) ? list : undefined;
    if (vectors && vectors.length !== wanted) {
      throw new ColdframeError(
        "OUTPUT_INVALID",
        `embeddings gave ${vectors.length} vectors for ${wanted} inputs: give one for each.`,
      );
    }
    return list.map((item, index) => toEmbedding(item, index));
  }

  function toEmbedding(item: unknown, index: number): Json {
    if (isVector(item)) return { object: "embedding", index, embedding: encode(item) };
    if (!isJson(item)) return refuseItem("embeddings", item, ALLOWED);
    const { embedding } = item;
    const known = isVector(embedding) ? embedding : typeof embedding === "string" && fromBase64(embedding);
    return { object: "embedding", index, ...item, ...(known ? { embedding: encode(known) } : {}) };
  }

  function whole(value: unknown): Json {
    if (isJson(value) && value["error"]) throw givenError(value, openai.errorStatus(value));
    const { data = value, ...rest } = isJson(value) ? value : {};
    // The SDKs of other languages refuse an answer without usage.
    return {
      object: "list",
      data: toData(data),
      model,
      usage: { prompt_tokens: 0, total_tokens: 0 },
      ...rest,
    };
  }

  // A generator yields vectors, and may tell the usage.
  const gather = (items: readonly Json[]): Json => {
    const facts = items.map(({ item }) => item).filter((item) => isJson(item) && !("embedding" in item));
    const data = items.map(({ item }) => item).filter((item) => !facts.includes(item));
    return whole(Object.assign({ data }, ...facts));
  };

  return {
    write(item) {
      if (!isVector(item) && !isJson(item)) return refuseItem("embeddings", item, "a vector");
      if (isJson(item) && item["error"]) throw givenError(item, openai.errorStatus(item));
      return [{ item }];
    },
    end: () => [],
    gather,
    whole,
    spread: (answer) => [answer],
  };
}

const isVector = (value: unknown): value is Vector =>
  (Array.isArray(value) && value.length > 0 && value.every((number) => typeof number === "number")) ||
  value instanceof Float32Array ||
  value instanceof Float64Array;

const toNumbers = (vector: Vector): unknown => Array.from(vector);

function toBase64(vector: Vector): string {
  const bytes = Buffer.from(toBuffer(Float32Array.from(vector)));
  return (endianness() === "LE" ? bytes : bytes.swap32()).toString("base64");
}

function fromBase64(text: string): Vector | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.length % FLOAT_BYTES !== 0) return undefined;
  return Float32Array.from({ length: bytes.length / FLOAT_BYTES }, (_item, i) =>
    bytes.readFloatLE(i * FLOAT_BYTES),
  );
}
