// The stack of a model's error, in the author's own files: positions in bundle.cjs go back through its source map, and
// the adapter's frames are left out. The map is read when the first error is logged; a cold start never pays for it.

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { ColdframeError } from "./errors.ts";

const FRAME = /^ +at (?:async )?(.* \()?(.*):(\d+):(\d+)\)?$/;

/** Frames of Node and of the adapter, seen from the author of a model. */
const NOT_THE_AUTHORS = /^node:|\/(late|weights)\.cjs|(^|\/)(adapter\/(runtime|local)|coldframe\/dist)\//;

/** Turn a stack into one that starts in the author's files. */
export type ReadStack = (error: unknown) => string;

/** @param bundleFile absolute path of bundle.cjs; `${bundleFile}.map` need not exist */
export function stackReader(bundleFile: string): ReadStack {
  let map: SourceMap | undefined;

  function authored(line: string): string[] {
    const [, name = "", file, row, column] = FRAME.exec(line) ?? [];
    // The message; but `at <anonymous>` and the like name no place.
    if (!file) return /^ +at /.test(line) ? [] : [line];
    let place = `${file}:${row}:${column}`;
    if (map && file === bundleFile) {
      const entry = map.findEntry(Number(row) - 1, Number(column) - 1);
      if (!("originalSource" in entry)) return [];
      const { originalSource, originalLine, originalColumn } = entry;
      place = `${originalSource.replace(/^(\.\.\/)+/, "")}:${originalLine + 1}:${originalColumn + 1}`;
    }
    return NOT_THE_AUTHORS.test(place) ? [] : [`    at ${name}${place}${name && ")"}`];
  }

  function read(thrown: unknown): string {
    const stack = (thrown instanceof Error && thrown.stack) || String(thrown);
    const text = stack.split("\n").flatMap(authored).join("\n");
    // One of ours says it all in its sentence; V8 took the first line down before the error had its name.
    if (thrown instanceof ColdframeError) return text.replace(/^Error(?=: )/, thrown.name);
    // An error born in Node has no author's frame: then its own stack says more than none.
    return /\n +at /.test(text) ? text : stack;
  }

  return (error) => {
    try {
      map ??= new SourceMap(JSON.parse(readFileSync(`${bundleFile}.map`, "utf8")));
    } catch {
      // Without a map the bundle's positions are what there is.
    }
    const cause = error instanceof Error && error.cause;
    return cause instanceof Error ? `${read(error)}\n  caused by ${read(cause)}` : read(error);
  };
}
