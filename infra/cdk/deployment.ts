// Reads deployment.json of an artifact for ModelFunction: that of a function, written by this very version of Coldframe.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Deployment, LambdaDeployment } from "../../adapter/build/deployment.ts";
import { coldframeVersion } from "../../adapter/build/runtime-files.ts";
import { ColdframeError } from "../../adapter/runtime/errors.ts";

/** What to run. */
const BUILD = "Run coldframe build";

/**
 * The facts of the artifact in a folder, relative to the working directory.
 * @throws CONFIG_NOT_FOUND, CONFIG_INVALID
 */
export function readDeployment(artifact: string): LambdaDeployment {
  const file = join(resolve(artifact), "deployment.json");
  if (!existsSync(file)) {
    throw new ColdframeError("CONFIG_NOT_FOUND", `there is no ${file}.`, {
      fix: `${BUILD}, and set \`artifact\` to the folder it wrote, dist/lambda of the project.`,
    });
  }
  const deployment = parse(file);
  const version = coldframeVersion();
  if (deployment?.coldframe_version !== version) {
    const found = JSON.stringify(deployment?.coldframe_version);
    throw new ColdframeError("CONFIG_INVALID", `${file} is of coldframe ${found}, and this is ${version}.`, {
      fix: `${BUILD} again with this version.`,
    });
  }
  if (deployment.target !== "lambda") {
    const found = JSON.stringify(deployment.target);
    throw new ColdframeError(
      "CONFIG_INVALID",
      `${file} is of the target ${found}; a function's is "lambda".`,
      {
        fix: `${BUILD} --target lambda, and set \`artifact\` to dist/lambda.`,
      },
    );
  }
  return deployment;
}

/**
 * Absolute path of the zip beside the artifact's folder.
 * @throws CONFIG_NOT_FOUND
 */
export function zipOf(artifact: string): string {
  const file = `${resolve(artifact)}.zip`;
  if (existsSync(file)) return file;
  throw new ColdframeError("CONFIG_NOT_FOUND", `there is no ${file}.`, {
    fix: `${BUILD}, which writes it beside the artifact's folder, or set \`image\`.`,
  });
}

function parse(file: string): Deployment | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Deployment | null;
  } catch (cause) {
    throw new ColdframeError("CONFIG_INVALID", `${file} cannot be read: ${(cause as Error).message}.`, {
      fix: `${BUILD} again.`,
      cause,
    });
  }
}
