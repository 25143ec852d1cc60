// `weights.ready(path)` of a deployment without weights, for a path that is not among the files it ships: the stub says
// that a file is there by itself, and asks for this when it is not.

import { ColdframeError } from "../../errors.ts";
import { shippedFiles } from "./tree.ts";

/** More names are no help. */
const MAX_NAMES = 10;

/** @param folder absolute, of the files of data_dir; need not exist */
export function notShipped(folder: string, path: string): ColdframeError {
  const names = shippedFiles(folder);
  const more = names.length > MAX_NAMES ? `, and ${names.length - MAX_NAMES} more` : "";
  const what = names.length === 0 ? "no files" : `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
  return new ColdframeError(
    "WEIGHTS_NOT_FOUND",
    `weights.ready(${JSON.stringify(path)}): this deployment has no weights, and data/ has ${what}.`,
    { fix: "Name a file as it lies below dataDir, or give config.yaml a source of it in `weights`." },
  );
}
