// Names the sources of bundle.cjs.map so that they are the same on every machine and short in a log: the author's files
// relative to the project, the adapter's under adapter/, packages under node_modules/.

import { dirname, relative, resolve, sep } from "node:path";
import { adapterFolder } from "./runtime-files.ts";

/** @param outfile where the bundle would lie: the map's sources are relative to its folder */
export function portableSourceMap(map: Uint8Array, outfile: string, project: string): Uint8Array {
  const parsed = JSON.parse(Buffer.from(map).toString("utf8")) as { sources: string[] };
  parsed.sources = parsed.sources.map((source) => nameOf(resolve(dirname(outfile), source), project));
  return Buffer.from(JSON.stringify(parsed));
}

function nameOf(file: string, project: string): string {
  const adapter = adapterFolder();
  if (file.startsWith(adapter + sep)) return slashes(`adapter/${relative(adapter, file)}`);
  const packages = file.lastIndexOf(`${sep}node_modules${sep}`);
  return slashes(packages < 0 ? relative(project, file) : file.slice(packages + 1));
}

function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}
