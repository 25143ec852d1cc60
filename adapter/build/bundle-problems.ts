// Turns esbuild's messages into one BUNDLE_FAILED: place, sentence, the line at fault, and the way out where it is known.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BuildFailure, Message } from "esbuild";
import { ColdframeError } from "../runtime/errors.ts";
import { packageName } from "./packages.ts";

/** @throws whatever it got, when that is not esbuild's */
export function bundleError(failure: unknown, project: string): ColdframeError {
  if (!isBuildFailure(failure)) throw failure;
  const issues = failure.errors.map((message) => ({ path: place(message), message: message.text }));
  const fixes = new Set(
    failure.errors.map((message) => wayOut(message, project)).filter((fix) => fix !== undefined),
  );
  return new ColdframeError("BUNDLE_FAILED", failure.errors.map(describe).join("\n"), {
    issues,
    ...(fixes.size > 0 && { fix: [...fixes].join(" ") }),
  });
}

/** esbuild's warnings as single lines. */
export function bundleWarnings(warnings: readonly Message[]): string[] {
  // Someone else's code is not the author's to change.
  return warnings
    .filter(({ location }) => !location?.file.includes("node_modules/"))
    .map((message) => `${place(message)}${place(message) === "" ? "" : ": "}${message.text}`);
}

function isBuildFailure(failure: unknown): failure is BuildFailure {
  return failure instanceof Error && Array.isArray((failure as Partial<BuildFailure>).errors);
}

/** `model/model.ts:3:14`, with a 1-based column. */
function place({ location }: Message): string {
  return location === null ? "" : `${location.file}:${location.line}:${location.column + 1}`;
}

function describe(message: Message): string {
  const { location, text } = message;
  if (location === null) return text;
  const line = location.lineText.trimEnd();
  const marker = " ".repeat(line.slice(0, location.column).replace(/[^\t]/g, " ").length);
  const underline = `${marker}${"^".repeat(Math.max(1, Math.min(location.length, line.length - location.column)))}`;
  return `${place(message)}: ${text}\n    ${line}\n    ${underline}`;
}

function wayOut({ text, location }: Message, project: string): string | undefined {
  const file = location?.file ?? "";
  const missing = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
  if (missing !== undefined) return wayToModule(missing, project);
  if (text.startsWith("Top-level await")) {
    const owner = /node_modules\/(@[^/]+\/[^/]+|[^/]+)(?!.*node_modules\/)/.exec(file)?.[1];
    if (owner === undefined)
      return "Move the await into load(): a bundle for Lambda's code cache is CommonJS.";
    return `${owner} awaits at its top level, which a bundle cannot hold; use another version or another package.`;
  }
  const extension = /^No loader is configured for "(\.[^"]+)" files/.exec(text)?.[1];
  if (extension !== undefined) {
    return `Put ${extension} files in data/ and read them from dataDir; only code and JSON can be imported.`;
  }
  return undefined;
}

function wayToModule(missing: string, project: string): string | undefined {
  const name = packageName(missing);
  if (name === undefined || missing.startsWith("node:")) return undefined;
  const uninstalled = existsSync(join(project, "package.json")) && !existsSync(join(project, "node_modules"));
  return uninstalled
    ? `Run \`npm install\`, then \`npm install ${name}\` if it is not in package.json.`
    : `Run \`npm install ${name}\`.`;
}
