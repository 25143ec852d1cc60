// Finds the handler that _HANDLER names below LAMBDA_TASK_ROOT, as AWS's client does: same order of file names, same
// error types, same refusals. Source: aws-lambda-ric 4.0.2, index.mjs (UserFunctionLoader, loadModule, resolveHandler).

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { runtimeError } from "./errors.ts";

const require = createRequire(import.meta.url);

const STREAMING: unique symbol = Symbol.for("aws.lambda.runtime.handler.streaming") as never;
const HIGH_WATER_MARK: unique symbol = Symbol.for(
  "aws.lambda.runtime.handler.streaming.highWaterMark",
) as never;
const EXTENSIONS = ["", ".js", ".mjs", ".cjs"];

export type Handler = ((...args: readonly unknown[]) => unknown) & {
  [STREAMING]?: unknown;
  [HIGH_WATER_MARK]?: unknown;
};

export interface LoadedHandler {
  readonly handler: Handler;
  readonly streaming: boolean;
  /** Bytes; of the socket under the response stream. */
  readonly highWaterMark: number | undefined;
}

/** @throws with the name that /init/error reports: Runtime.HandlerNotFound, Runtime.ImportModuleError, ... */
export async function loadHandler(taskRoot: string, name: string): Promise<LoadedHandler> {
  if (name.includes("..")) {
    throw runtimeError(
      "MalformedHandlerName",
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const file = path.basename(name);
  const match = /^([^.]*)\.(.*)$/.exec(file);
  if (match === null) throw runtimeError("MalformedHandlerName", "Bad handler");
  const folder = name.slice(0, name.indexOf(file)).replace(/\/$/, "");
  const module = await importModule(taskRoot, folder, match[1] ?? "");
  return describe(find(module, match[2] ?? "", name));
}

/** `awslambda.streamifyResponse`: declares a handler as streaming by two symbols, and returns the same function. */
export function streamifyResponse(handler: Handler, options?: { highWaterMark?: number }): Handler {
  handler[STREAMING] = "response";
  if (typeof options?.highWaterMark === "number")
    handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  return handler;
}

async function importModule(taskRoot: string, folder: string, name: string): Promise<unknown> {
  const file = path.resolve(taskRoot, folder, name);
  try {
    for (const extension of EXTENSIONS) {
      if (existsSync(file + extension)) return await import(pathToFileURL(file + extension).href);
    }
    return require(require.resolve(name, { paths: [taskRoot, path.join(taskRoot, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      const wrapped = runtimeError("UserCodeSyntaxError", String(error));
      if (error.stack !== undefined) wrapped.stack = error.stack;
      throw wrapped;
    }
    // Only what CommonJS raises: a missing import of an ES module keeps its own name, as on AWS.
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") {
      throw runtimeError("ImportModuleError", String(error));
    }
    throw error;
  }
}

function find(module: unknown, name: string, fullName: string): Handler {
  const handler = follow(module, name) ?? follow((module as { default?: unknown }).default, name);
  if (handler === undefined)
    throw runtimeError("HandlerNotFound", `${fullName} is undefined or not exported`);
  if (typeof handler !== "function") throw runtimeError("HandlerNotFound", `${fullName} is not a function`);
  return handler as Handler;
}

function follow(root: unknown, name: string): unknown {
  return name.split(".").reduce<unknown>((at, key) => {
    return typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  }, root);
}

function describe(handler: Handler): LoadedHandler {
  const mode = handler[STREAMING];
  if (mode && mode !== "response") {
    throw runtimeError("MalformedStreamingHandler", "Only response streaming is supported.");
  }
  const streaming = mode === "response";
  if (!streaming && handler.length >= 3) {
    throw runtimeError(
      "CallbackHandlerDeprecated",
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
  const mark = Number(handler[HIGH_WATER_MARK] || Number.NaN);
  return { handler, streaming, highWaterMark: Number.isNaN(mark) ? undefined : mark };
}
