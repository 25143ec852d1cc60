// Documents that the build wrote beside the bundle, such as the model's schemas: what turns schemas into documents has no
// business in a bundle. Late code: a call of the model asks for none.

import { readFileSync } from "node:fs";
import type { Reply } from "./call.ts";
import type { Artifact } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { JSON_TYPE } from "./frames.ts";
import { replyWith } from "./reply.ts";

/**
 * The answer that a document is.
 * @param name of a file of JSON in the artifact's folder
 * @throws ROUTE_NOT_FOUND when the build made none
 */
export function documentReply({ folder }: Pick<Artifact, "folder">, name: string): Reply {
  try {
    return replyWith(readFileSync(`${folder}/${name}`, "utf8"), JSON_TYPE);
  } catch (cause) {
    throw new ColdframeError("ROUTE_NOT_FOUND", `the build made no ${name}.`, { cause });
  }
}
