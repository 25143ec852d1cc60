// What model/model.ts may import from "coldframe". The build is not here: it would follow the model into the bundle.

export type {
  FormFile,
  InputTensor,
  NumericArray,
  ObjectLocation,
  RunpodJob,
  ShapedArray,
} from "./runtime/input.ts";
export type { Log } from "./runtime/log.ts";
export type {
  Invocation,
  Model,
  ModelClass,
  ModelContext,
  ModelWeights,
  TensorMetadata,
} from "./runtime/model.ts";
export { ColdframeError, type ColdframeErrorOptions, type ErrorCode, type Issue } from "./runtime/errors.ts";
