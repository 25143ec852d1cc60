// Where copied packages lie in the artifact's node_modules/: flat, and nested only where two versions of one name meet,
// as npm does.

import { join, relative } from "node:path";
import { ColdframeError } from "../runtime/errors.ts";
import type { AddonPackage } from "./addon-files.ts";
import type { Package } from "./packages.ts";

/** One file of the artifact. */
export interface CopiedFile {
  /** Absolute. */
  readonly from: string;
  /** Relative to the artifact, with "/". */
  readonly to: string;
}

/**
 * @param roots the packages the bundle itself asks for, by name
 * @throws ADDON_UNSUPPORTED when the bundle asks for two versions of one package
 */
export function layOut(chosen: ReadonlyMap<string, AddonPackage>, roots: readonly Package[]): CopiedFile[] {
  const places = new Map<string, string>();
  const queue: { wanted: Package; importer: string }[] = roots.map((wanted) => ({ wanted, importer: "" }));
  for (const { wanted, importer } of queue) {
    const addon = chosen.get(wanted.folder);
    if (addon === undefined) continue;
    const found = lookUp(places, wanted.name, importer);
    if (found === wanted.folder) continue;
    if (found !== undefined && importer === "") throw twoVersions(wanted, chosen.get(found)?.package);
    const place = `${found === undefined ? "" : `${importer}/`}node_modules/${wanted.name}`;
    places.set(place, wanted.folder);
    queue.push(...addon.needs.map((need) => ({ wanted: need, importer: place })));
  }
  return [...places].flatMap(([place, folder]) =>
    (chosen.get(folder)?.files ?? []).map((from) => ({
      from,
      to: join(place, relative(folder, from)).replaceAll("\\", "/"),
    })),
  );
}

/** What `name` leads to from `importer`, by Node's walk up the node_modules folders. */
function lookUp(places: ReadonlyMap<string, string>, name: string, importer: string): string | undefined {
  for (let at = importer; ; at = at.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, "")) {
    const found = places.get(`${at === "" ? "" : `${at}/`}node_modules/${name}`);
    if (found !== undefined || at === "") return found;
  }
}

function twoVersions(one: Package, other: Package | undefined): ColdframeError {
  const versions = `${one.version} and ${other?.version ?? "another"}`;
  return new ColdframeError(
    "ADDON_UNSUPPORTED",
    `the bundle uses ${one.name} in two versions, ${versions}.`,
    {
      fix: `A native package can be loaded once: bring both to one version, for example with \`npm dedupe ${one.name}\`.`,
    },
  );
}
