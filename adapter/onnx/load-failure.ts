// Turns what onnxruntime throws when it loads a model into an error that names the file, its size and the way out. Most
// of it is found by looking at the file, after the failure: a model that loads pays nothing for this.

import { existsSync, openSync, closeSync, readdirSync, readSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { env } from "./onnxruntime.ts";
import { ColdframeError } from "../runtime/errors.ts";
import { readModelFile, tensorsOf, withModelFile } from "./model-file.ts";
import { MalformedMessage } from "./protobuf.ts";

/** How many names of a folder are listed. */
const SHOWN_NAMES = 10;
/** Enough to tell a web page or a Git LFS pointer. */
const HEAD_BYTES = 64;
/** Of ONNX Runtime's own format: behind the offset that every FlatBuffer begins with. */
const ORT_FORMAT = "ORTM";

const FETCH_AGAIN = "Copy or fetch it again, and compare its size and checksum with the source's.";
const EXPORT_OLDER = "Update onnxruntime-node, or export the model for an older version";

/**
 * The size of the model's file.
 * @throws WEIGHTS_NOT_FOUND with what is there instead, WEIGHTS_INVALID for a folder
 */
export function modelSize(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new ColdframeError("WEIGHTS_NOT_FOUND", `found no model ${resolve(path)}.`, {
      fix: whatIsThere(path),
    });
  }
  if (!stats.isDirectory()) return stats.size;
  throw new ColdframeError("WEIGHTS_INVALID", `${resolve(path)} is a folder, not a model.`, {
    fix: whatIsThere(join(path, "model")),
  });
}

/** @param error what onnxruntime threw while it loaded the file */
export function loadFailure(path: string, error: unknown): ColdframeError {
  const size = statSync(path).size;
  const about = (code: Code, what: string, fix: string) =>
    new ColdframeError(code, `${resolve(path)} (${size.toLocaleString("en")} bytes) ${what}.`, {
      fix,
      cause: error,
    });
  const message = error instanceof Error ? error.message : String(error);
  const found = flawOf(path, size) ?? whatItSays(message);
  return about(...found);
}

type Code = "WEIGHTS_NOT_FOUND" | "WEIGHTS_CORRUPT" | "WEIGHTS_INVALID";
type Flaw = readonly [code: Code, what: string, fix: string];

/** What is wrong with the file or with those it refers to; undefined when all is there and well-formed. */
function flawOf(path: string, size: number): Flaw | undefined {
  if (size === 0) return ["WEIGHTS_CORRUPT", "is empty", FETCH_AGAIN];
  const head = headOf(path);
  if (head.slice(4, 8) === ORT_FORMAT) return undefined;
  if (head.startsWith("version https://git-lfs")) {
    return ["WEIGHTS_INVALID", "is a Git LFS pointer, not the model", "Run `git lfs pull` before the build."];
  }
  if (/^\s*</.test(head)) {
    return ["WEIGHTS_INVALID", "is a web page or XML, not a model", "Check the address it came from."];
  }
  try {
    return withModelFile(path, (file) => {
      const { graph, irVersion } = readModelFile(file);
      if (graph === undefined || irVersion === 0) return NO_MODEL;
      for (const { name, external } of tensorsOf(file, graph)) {
        if (external === undefined) continue;
        const flaw = flawOfExternal(path, name, external.location, external.offset + (external.length ?? 1));
        if (flaw !== undefined) return flaw;
      }
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return error.cutOff
      ? ["WEIGHTS_CORRUPT", `is cut off, or no ONNX model: ${error.message}`, FETCH_AGAIN]
      : NO_MODEL;
  }
}

const NO_MODEL: Flaw = [
  "WEIGHTS_INVALID",
  "is not an ONNX model",
  "Export the model as ONNX; weights of PyTorch or safetensors are no model.",
];

function flawOfExternal(model: string, tensor: string, location: string, end: number): Flaw | undefined {
  const path = join(dirname(model), location);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    const fix = `Put ${location} beside the model, under the same name. ${whatIsThere(path)}`;
    return ["WEIGHTS_NOT_FOUND", `keeps its weights in ${location}, which is not there`, fix];
  }
  if (size >= end) return undefined;
  const what = `needs ${end.toLocaleString("en")} bytes of ${location} (for ${tensor}), which has ${size.toLocaleString("en")}`;
  return ["WEIGHTS_CORRUPT", what, FETCH_AGAIN];
}

/** What onnxruntime's own message means. */
function whatItSays(message: string): Flaw {
  const version = env.versions.node ?? "";
  const ir = /Unsupported model IR version: (\d+), max supported IR version: (\d+)/.exec(message);
  if (ir !== null) {
    const what = `has IR version ${ir[1]}; onnxruntime-node ${version} reads up to ${ir[2]}`;
    return ["WEIGHTS_INVALID", what, `${EXPORT_OLDER}.`];
  }
  const opset = /Opset (\d+) is under development.*domain (\S+) is till opset (\d+)/s.exec(message);
  if (opset !== null) {
    const what = `has opset ${opset[1]} of ${opset[2]}; onnxruntime-node ${version} knows up to ${opset[3]}`;
    return ["WEIGHTS_INVALID", what, `${EXPORT_OLDER}: opset_version=${opset[3]}.`];
  }
  const operator =
    /No Op registered for (\S+)/.exec(message)?.[1] ??
    /Fatal error: (\S+?)\(-?\d+\) is not a registered/.exec(message)?.[1] ??
    /Could not find an implementation for (\S+) node/.exec(message)?.[1];
  if (operator !== undefined) {
    const what = `needs the operator ${operator}, which onnxruntime-node ${version} does not have`;
    return ["WEIGHTS_INVALID", what, `${EXPORT_OLDER} or without it.`];
  }
  if (message.includes("escapes model directory")) {
    const what =
      "keeps its weights in a file that links to another folder, which onnxruntime does not follow";
    return ["WEIGHTS_INVALID", what, "Keep both in one folder, or link both to files of one folder."];
  }
  return [
    "WEIGHTS_INVALID",
    `cannot be loaded: ${lastSentence(message)}`,
    "Check that it runs where it was exported.",
  ];
}

/** Without the paths and signatures of onnxruntime's sources, which come first. */
function lastSentence(message: string): string {
  return message
    .trim()
    .replace(/^Load model from .*? failed:/s, "")
    .replace(/^\/onnxruntime_src\/\S+ .*?\) (?=[A-Z])/s, "")
    .replace(/\s+/g, " ")
    .replace(/\.$/, "");
}

/** The names in the nearest folder that exists. */
function whatIsThere(path: string): string {
  let folder = dirname(resolve(path));
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  const isModel = (name: string) => Number(name.endsWith(".onnx"));
  const names = readdirSync(folder)
    .toSorted()
    .toSorted((one, other) => isModel(other) - isModel(one));
  if (names.length === 0) return `${folder} is empty.`;
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : "";
  return `${folder} has ${names.slice(0, SHOWN_NAMES).join(", ")}${more}.`;
}

function headOf(path: string): string {
  const bytes = Buffer.alloc(HEAD_BYTES);
  const descriptor = openSync(path, "r");
  try {
    return bytes.toString("latin1", 0, readSync(descriptor, bytes, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
}
