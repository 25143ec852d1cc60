// Refuses a model whose shape cannot work, with file, member and the way out, from what code-cache-child.mjs saw of it.
// The cold start checks again, in fewer words, what only an instance can show.

import { ColdframeError } from "../runtime/errors.ts";
import { VENDOR_MEMBERS } from "../runtime/model-class.ts";

/** A model's module, described by the child that loaded it. Kinds are in words: "a function", "an array". */
export interface ModelShape {
  /** Names of the module's exports. */
  readonly exports: readonly string[];
  /** What the exported model is; undefined when neither its name nor `default` is exported. */
  readonly kind: string | undefined;
  /** Methods of the class and its parents. Fields are not seen before there is an instance. */
  readonly methods: Readonly<Record<string, MemberShape>>;
  /** Names that the class assigns as fields, as in `predict = async () => ...`. */
  readonly fields: readonly string[];
  /** What `static input` and `static output` are, where they are there. */
  readonly schemas: Readonly<Partial<Record<"input" | "output", string>>>;
}

export interface MemberShape {
  readonly kind: string;
  readonly isGenerator: boolean;
}

/** What the child calls a Standard Schema. */
export const SCHEMA_KIND = "a Standard Schema";

/** The members that answer. One of them has to be there; each may yield, which streams. */
const ANSWERING: readonly string[] = ["predict", ...VENDOR_MEMBERS];

const METHODS = [
  ...ANSWERING,
  "setupEnvironment",
  "load",
  "preprocess",
  "predictBatch",
  "embeddingsBatch",
  "postprocess",
  "isHealthy",
  "metrics",
  "unload",
];

/** @throws MODEL_NOT_EXPORTED, MODEL_NO_PREDICT, MODEL_INVALID */
export function checkShape(shape: ModelShape, className: string, modelFile: string): void {
  checkExport(shape, className, modelFile);
  for (const [side, kind] of Object.entries(shape.schemas)) {
    if (kind !== SCHEMA_KIND) {
      throw invalid(modelFile, `static ${side} is ${kind}, not a Standard Schema`, {
        fix: "Use a schema of zod, valibot, arktype or another library of standardschema.dev.",
      });
    }
  }
  const { methods, fields } = shape;
  if (!ANSWERING.some((name) => methods[name] !== undefined || fields.includes(name))) {
    const names = Object.keys(methods);
    const has = names.length === 0 ? "" : `, only ${names.join(", ")}`;
    throw new ColdframeError("MODEL_NO_PREDICT", `${modelFile}: the class has no predict method${has}.`, {
      fix: `Add \`predict(input, invocation)\`, which may return a value or yield to stream; or one of ${VENDOR_MEMBERS.join(", ")} for the clients of OpenAI and Anthropic.`,
    });
  }
  for (const name of METHODS) {
    const member = methods[name];
    if (member === undefined) continue;
    if (member.kind !== "a function") throw invalid(modelFile, `${name} is ${member.kind}, not a method`);
    if (member.isGenerator && !ANSWERING.includes(name)) {
      throw invalid(modelFile, `${name} is a generator`, {
        fix: "Only what answers a call may yield, such as predict; make it async and return.",
      });
    }
  }
  if (methods["predict"]?.isGenerator && (methods["postprocess"] || fields.includes("postprocess"))) {
    throw invalid(modelFile, "predict streams, and postprocess would get a stream it cannot change", {
      fix: "Move postprocess into predict, before each `yield`.",
    });
  }
}

/** The members that answer many callers at once; one is enough. */
const BATCHING = ["predictBatch", "embeddingsBatch"] as const;

/**
 * Whether config.yaml and the model agree on `runtime.batch`.
 * @returns a note on members that are never called
 * @throws MODEL_INVALID when there is none to call
 */
export function checkBatch(
  { methods, fields }: ModelShape,
  batches: boolean,
  modelFile: string,
): string | undefined {
  const had = BATCHING.filter((name) => methods[name] !== undefined || fields.includes(name));
  if (batches && had.length === 0) {
    throw invalid(modelFile, "config.yaml has runtime.batch, and the class no predictBatch method", {
      fix: "Add `predictBatch(inputs, invocations)`, which returns one output for each input, or `embeddingsBatch` beside `embeddings`; or take runtime.batch away.",
    });
  }
  if (batches || had.length === 0) return undefined;
  const are = had.length === 1 ? "is" : "are";
  return `${modelFile}: ${had.join(" and ")} ${are} called only where config.yaml has runtime.batch.`;
}

function checkExport({ exports, kind }: ModelShape, className: string, modelFile: string): void {
  if (kind === "a class") return;
  const names = exports.length === 0 ? "nothing" : exports.map((name) => `"${name}"`).join(", ");
  const what = kind === undefined ? `exports ${names}` : `exports ${kind}`;
  throw new ColdframeError("MODEL_NOT_EXPORTED", `${modelFile} ${what}, and no class named "${className}".`, {
    fix: `Write \`export default class ${className} { predict(input) { ... } }\`.`,
  });
}

function invalid(modelFile: string, what: string, options?: { fix: string }): ColdframeError {
  return new ColdframeError("MODEL_INVALID", `${modelFile}: ${what}.`, options);
}
