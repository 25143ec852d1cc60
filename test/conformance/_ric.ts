// Where AWS's own runtime client is, once `npm run test:ric` has installed it.

import { existsSync } from "node:fs";
import { join } from "node:path";

/** Path of aws-lambda-ric's entry. */
export const RIC_PATH: string =
  process.env["COLDFRAME_RIC"] ?? join(import.meta.dirname, "node_modules", "aws-lambda-ric", "index.mjs");

export function ricInstalled(): boolean {
  return existsSync(RIC_PATH);
}

/** Options for a local Lambda: AWS's client when it is installed, ours otherwise. */
export function runtimeClient(): { client: "aws-lambda-ric"; ricPath: string } | { client: "local" } {
  return ricInstalled() ? { client: "aws-lambda-ric", ricPath: RIC_PATH } : { client: "local" };
}
