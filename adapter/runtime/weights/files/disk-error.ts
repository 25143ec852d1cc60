// What the disk refuses, as an error of weights. Only a full disk has a code of its own; anything else names its path
// already.

import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { ColdframeError } from "../../errors.ts";

const FULL = new Set(["ENOSPC", "EDQUOT"]);

const MIB = 2 ** 20;

/** WEIGHTS_NO_ROOM when the disk of `path` is full or its quota used up; everything else as it is. */
export function toDiskError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? "";
  if (!FULL.has(code)) return error;
  const what = code === "EDQUOT" ? "the quota is used up" : "the disk is full";
  return new ColdframeError(
    "WEIGHTS_NO_ROOM",
    `no room for the weights in ${dirname(path)}: ${what}${free(path)}.`,
    {
      fix: "Raise serverless.ephemeral_storage, make room, or set COLDFRAME_DATA_DIR to a larger disk.",
      cause: error,
    },
  );
}

function free(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return `, ${Math.floor((bavail * bsize) / MIB)} MB are free`;
  } catch {
    return "";
  }
}
