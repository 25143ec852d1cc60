// Finds the model's file, or says what was looked for and what lies nearby.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ColdframeError } from "../runtime/errors.ts";
import type { LoadedConfig } from "./config.ts";

/** Where else a model is often kept. */
const OTHER_FOLDERS = ["model", "src", "src/model", "."];

/** @throws MODEL_NOT_FOUND with near misses */
export function findModel({ project, modelFile, config }: LoadedConfig): void {
  if (isFile(join(project, modelFile))) return;
  const found = nearMisses(project, config.model_module_dir, config.model_class_filename);
  const [nearest] = found;
  const fix =
    nearest === undefined
      ? `Write ${modelFile} with \`export default class ${config.model_class_name} { predict(input) { ... } }\`.`
      : nearest.endsWith(".py")
        ? "A Python model does not run here: write the class in TypeScript, method by method; config.yaml may stay."
        : wayTo(nearest);
  const nearby = nearest === undefined ? "" : `, but ${found.join(", ")}`;
  throw new ColdframeError("MODEL_NOT_FOUND", `no ${modelFile} in the project${nearby}.`, { fix });
}

function nearMisses(project: string, folder: string, fileName: string): string[] {
  const stem = fileName.replace(/\.[^.]+$/, "").toLowerCase();
  return [...new Set([folder, ...OTHER_FOLDERS])].flatMap((place) =>
    listFiles(join(project, place))
      .filter(
        (name) =>
          /\.([cm]?[jt]s|py)$/.test(name) &&
          [stem, "index"].includes(name.toLowerCase().replace(/\.\w+$/, "")),
      )
      .filter((name) => name.toLowerCase().startsWith(stem) || place !== ".")
      .map((name) => (place === "." ? name : `${place}/${name}`)),
  );
}

function wayTo(nearest: string): string {
  const folder = nearest.includes("/") ? nearest.slice(0, nearest.lastIndexOf("/")) : ".";
  const name = nearest.slice(nearest.lastIndexOf("/") + 1);
  return `Rename it, or set model_module_dir: ${folder} and model_class_filename: ${name} in config.yaml.`;
}

function isFile(path: string): boolean {
  // On a case-insensitive disk Model.ts would be found here and missed by CI.
  return (
    existsSync(path) &&
    statSync(path).isFile() &&
    listFiles(join(path, "..")).includes(path.replace(/.*[\\/]/, ""))
  );
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .toSorted();
  } catch {
    return [];
  }
}
