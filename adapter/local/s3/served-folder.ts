// A folder of this machine as a read-only part of a bucket: every file below it is an object. Its ETag and checksum
// are computed once for each size and time of modification.

import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileContent } from "./content.ts";
import { DEFAULT_CHECKSUM, objectOfBytes, type StoredObject } from "./stored-object.ts";

export interface ServedFolder {
  /** What keys begin with: "" or something that ends in "/". */
  readonly prefix: string;
  /** Undefined when there is no such file. */
  find(key: string): Promise<StoredObject | undefined>;
  /** All that begin with `prefix`, in no order. */
  list(prefix: string): Promise<StoredObject[]>;
}

export function serveFolder(prefix: string, folder: string): ServedFolder {
  const known = new Map<string, { mtimeMs: number; object: StoredObject }>();
  const find = async (key: string): Promise<StoredObject | undefined> => {
    const names = key.slice(prefix.length).split("/");
    if (!key.startsWith(prefix) || !names.every(isName)) return undefined;
    const path = join(folder, ...names);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined || !facts.isFile()) return undefined;
    const before = known.get(key);
    if (before?.mtimeMs === facts.mtimeMs && before.object.content.size === facts.size) return before.object;
    const lastModified = new Date(Math.trunc(facts.mtimeMs / 1000) * 1000);
    const about = {
      key,
      lastModified,
      storageClass: "STANDARD",
      headers: { "content-type": "binary/octet-stream" },
    };
    const object = {
      ...objectOfBytes(about, fileContent(path, facts.size), DEFAULT_CHECKSUM),
      versionId: "null",
    };
    known.set(key, { mtimeMs: facts.mtimeMs, object });
    return object;
  };
  return {
    prefix,
    find,
    async list(wanted) {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
      const keys = entries
        .filter((entry) => !entry.isDirectory())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
        .map((path) => prefix + path.split(sep).join("/"))
        .filter((key) => key.startsWith(wanted));
      const found = await Promise.all(keys.map(find));
      return found.filter((object) => object !== undefined);
    },
  };
}

/** What can be one name in a path: nothing that would lead out of the folder. */
function isName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[\0\\]/.test(name);
}
