// What a model may be handed beside JSON values, text and bytes, as its author writes it down. Types only: who makes them
// is in bodies/, events/ and targets/server/.

/** A file of a form: its bytes, and what the form says of it. */
export interface FormFile extends Uint8Array {
  /** As the caller sent it: never a path to trust. */
  readonly name: string;
  /** A media type. */
  readonly type: string;
}

/** What JavaScript has for numpy's arrays. */
export type NumericArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** An array of numbers of a caller, flat and in C order, and its extents. */
export type ShapedArray<A extends NumericArray = NumericArray> = A & { readonly shape: readonly number[] };

/**
 * What predict gets of one tensor of the Open Inference Protocol: flat, in row-major order. BOOL is 0 or 1, FP16 is
 * widened, BYTES are byte arrays.
 */
export type InputTensor = ShapedArray | (readonly Uint8Array[] & { readonly shape: readonly number[] });

/** Where an object is: the input of a model with `serverless.s3.input: location`. */
export interface ObjectLocation {
  readonly bucket: string;
  /** Decoded. */
  readonly key: string;
  /** Of a versioned bucket. */
  readonly versionId?: string | undefined;
  /** Bytes; absent when the object was removed. */
  readonly size?: number | undefined;
  /** Without quotes. */
  readonly eTag?: string | undefined;
  /** The bucket's. */
  readonly region: string;
  /** `ObjectCreated:Put`, ... */
  readonly eventName: string;
}

/** A job of RunPod's queue: `invocation.event` of a worker. */
export interface RunpodJob {
  readonly id: string;
  readonly input: unknown;
  /** Tell RunPod how far it is; any JSON value, which whoever asks for the job's status reads as its output. */
  progress(update: unknown): void;
}
