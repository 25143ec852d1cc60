// Lists what of data_dir goes into the artifact. Symbolic links are followed inside the project and refused outside:
// an artifact must not carry files its project does not own.

import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { ColdframeError } from "../runtime/errors.ts";
import type { CopiedFile } from "./addon-layout.ts";
import type { LoadedConfig } from "./config.ts";

/** What desktops leave in folders. */
const LITTER = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

/**
 * The files of data_dir, as `data/...` of the artifact whatever its name in the project; none when the default folder
 * does not exist.
 * @throws CONFIG_INVALID for a missing folder, a link that leaves the project or leads in a circle, or a device
 */
export function listData({ project, config }: LoadedConfig, outDir: string): CopiedFile[] {
  const folder = join(project, config.data_dir);
  if (!existsSync(folder)) {
    if (config.data_dir === "data") return [];
    throw refused(`${config.data_dir}: found no such folder`, "Make the folder, or correct data_dir.");
  }
  if (!statSync(folder).isDirectory()) throw refused(`${config.data_dir}: found a file, allowed a folder`);
  if (`${outDir}${sep}`.startsWith(folder + sep)) {
    throw refused(
      `${config.data_dir} contains the build's output, ${relative(project, outDir)}`,
      "Build elsewhere.",
    );
  }
  const root = realpathSync(project);
  return walk(folder, "data", [], (path) => {
    const real = realpathSync(path);
    if (real === root || real.startsWith(root + sep)) return real;
    throw refused(
      `${relative(project, path)} links to ${real}, outside the project`,
      "Copy the file into the project; an artifact holds only what is inside.",
    );
  });
}

function walk(
  folder: string,
  to: string,
  above: readonly string[],
  follow: (path: string) => string,
): CopiedFile[] {
  const here = follow(folder);
  if (above.includes(here)) throw refused(`${folder} links to a folder that contains it`, "Remove the link.");
  return readdirSync(folder)
    .filter((name) => !LITTER.has(name))
    .toSorted()
    .flatMap((name) => {
      const path = join(folder, name);
      const stats = statTarget(path);
      if (stats.isDirectory()) return walk(path, `${to}/${name}`, [...above, here], follow);
      if (!stats.isFile()) throw refused(`${path} is neither a file nor a folder`, "Remove it.");
      return [{ from: follow(path), to: `${to}/${name}` }];
    });
}

function statTarget(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    throw refused(`${path} links to nothing`, "Remove the link, or make what it points to.", cause);
  }
}

function refused(sentence: string, fix?: string, cause?: unknown): ColdframeError {
  return new ColdframeError("CONFIG_INVALID", `data_dir: ${sentence}.`, {
    cause,
    ...(fix !== undefined && { fix }),
  });
}
