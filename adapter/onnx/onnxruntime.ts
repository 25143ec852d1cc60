// The one import of onnxruntime-node, so that a project without it is told so once.

export { env, InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";
