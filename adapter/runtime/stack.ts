// The stack of a model's error, in the author's own files: positions in bundle.cjs go back through its source map, and
// the adapter's frames are left out. The map is read when the first error is logged; a cold start never pays for it.

import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";

const FRAME = /^\s+at (?:async )?(?:(?<name>.*) \()?(?<file>[^()]*):(?<line>\d+):(?<column>\d+)\)?$/;

/** Frames of Node and of the adapter, seen from the author of a model. */
const NOT_THE_AUTHORS = /^node:|(^|\/)(adapter\/runtime|coldframe\/dist)\//;

/** Turn a stack into one that starts in the author's files. */
export type ReadStack = (error: unknown) => string;

/** @param bundleFile absolute path of bundle.cjs; `${bundleFile}.map` need not exist */
export function stackReader(bundleFile: string): ReadStack {
  let map: SourceMap | undefined;
  let looked = false;
  return (error) => {
    if (!(error instanceof Error)) return String(error);
    if (!looked) {
      looked = true;
      map = readMap(`${bundleFile}.map`);
    }
    return withCauses(error, (stack) => rewrite(stack, bundleFile, map));
  };
}

function withCauses(error: Error, read: (stack: string) => string): string {
  const own = read(error.stack ?? String(error));
  if (!(error.cause instanceof Error) || error.cause === error) return own;
  return `${own}\n  caused by ${read(error.cause.stack ?? String(error.cause))}`;
}

function rewrite(stack: string, bundleFile: string, map: SourceMap | undefined): string {
  const lines = stack.split("\n");
  const start = lines.findIndex((line) => FRAME.test(line));
  if (start < 0) return stack;
  const frames = lines
    .slice(start)
    .map((line) => authored(line, bundleFile, map))
    .filter((line) => line !== undefined);
  // An error born in the adapter or in Node has no author's frame: then its own stack says more than none.
  return frames.length === 0 ? stack : [...lines.slice(0, start), ...frames].join("\n");
}

function authored(line: string, bundleFile: string, map: SourceMap | undefined): string | undefined {
  const { name, file, line: row, column } = FRAME.exec(line)?.groups ?? {};
  // `at <anonymous>` and the like name no place.
  if (file === undefined) return undefined;
  let place = `${file}:${row}:${column}`;
  let path = file;
  if (file === bundleFile && map !== undefined) {
    const entry = map.findEntry(Number(row) - 1, Number(column) - 1);
    if (!("originalSource" in entry)) return undefined;
    path = entry.originalSource.replace(/^(\.\.\/)+/, "");
    place = `${path}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  }
  if (NOT_THE_AUTHORS.test(path)) return undefined;
  return name === undefined ? `    at ${place}` : `    at ${name} (${place})`;
}

function readMap(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(file, "utf8")) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
