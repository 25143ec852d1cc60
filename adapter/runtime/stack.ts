// The stack of a model's error, in the author's own files: positions in bundle.cjs go back through its source map, and
// the adapter's frames are left out. The map is read when the first error is logged; a cold start never pays for it.

import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";

const FRAME = /^ +at (?:async )?(.* \()?(.*):(\d+):(\d+)\)?$/;

/** Frames of Node and of the adapter, seen from the author of a model. */
const NOT_THE_AUTHORS = /^node:|(^|\/)(adapter\/runtime|coldframe\/dist)\//;

/** Turn a stack into one that starts in the author's files. */
export type ReadStack = (error: unknown) => string;

/** @param bundleFile absolute path of bundle.cjs; `${bundleFile}.map` need not exist */
export function stackReader(bundleFile: string): ReadStack {
  let map: SourceMap | null | undefined;

  function authored(line: string): string[] {
    const [, name = "", file = "", row, column] = FRAME.exec(line) ?? [];
    // The message; but `at <anonymous>` and the like name no place.
    if (!file) return /^ +at /.test(line) ? [] : [line];
    const entry = file === bundleFile && map?.findEntry(Number(row) - 1, Number(column) - 1);
    if (!entry) return NOT_THE_AUTHORS.test(file) ? [] : [line];
    if (!("originalSource" in entry) || NOT_THE_AUTHORS.test(entry.originalSource)) return [];
    const source = entry.originalSource.replace(/^(\.\.\/)+/, "");
    return [`    at ${name}${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}${name && ")"}`];
  }

  function read(thrown: unknown): string {
    const stack = (thrown instanceof Error && thrown.stack) || String(thrown);
    const lines = stack.split("\n").flatMap(authored);
    // An error born in the adapter or in Node has no author's frame: then its own stack says more than none.
    return lines.some((line) => FRAME.test(line)) ? lines.join("\n") : stack;
  }

  return (error) => {
    if (map === undefined) map = readMap(`${bundleFile}.map`);
    const cause = error instanceof Error && error.cause;
    return cause instanceof Error ? `${read(error)}\n  caused by ${read(cause)}` : read(error);
  };
}

function readMap(file: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(file, "utf8")) as SourceMapPayload);
  } catch {
    return null;
  }
}
