// What model.ts may import from "coldframe/onnx". Its own entry, because onnxruntime-node is the model's to install.

export { createSession, type Session, type SessionOptions } from "./session.ts";
