// Writes lambda.zip: the same bytes for the same files, whoever builds them, wherever and whenever. Entries are sorted,
// modes are fixed, and the time is a constant.

import { createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import yazl from "yazl";

/** Readable by Lambda's own user; nothing in an artifact is run as a program. */
const FILE_MODE = 0o100644;
const FOLDER_MODE = 0o40755;

/**
 * A ZIP time has no zone: yazl writes the local hour and day of the date it is given. So this is made from local parts,
 * and noon because some zones skip a midnight.
 */
function zipEpoch(): Date {
  return new Date(1980, 0, 1, 12, 0, 0);
}

/** Zip a folder. @returns bytes of the zip */
export async function writeZip(directory: string, file: string): Promise<number> {
  const zip = new yazl.ZipFile();
  const mtime = zipEpoch();
  const failed = new Promise<never>((_resolve, reject) => zip.on("error", reject));
  const output = createWriteStream(file);
  const written = Promise.race([pipeline(zip.outputStream, output), failed]);
  for (const path of await listEntries(directory)) {
    if (path.endsWith("/"))
      zip.addEmptyDirectory(path, { mtime, mode: FOLDER_MODE, forceDosTimestamp: true });
    else {
      const bytes = await readFile(join(directory, path));
      zip.addBuffer(bytes, path, { mtime, mode: FILE_MODE, forceDosTimestamp: true, compressionLevel: 9 });
    }
  }
  zip.end();
  await written;
  return output.bytesWritten;
}

/** Files and, with a "/" behind, folders that are empty; sorted by code unit, not by locale. */
async function listEntries(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => {
    const path = join(entry.parentPath, entry.name)
      .slice(directory.length + 1)
      .replaceAll("\\", "/");
    return entry.isDirectory() ? `${path}/` : path;
  });
  return paths
    .filter((path) => !path.endsWith("/") || !paths.some((other) => other !== path && other.startsWith(path)))
    .toSorted((a, b) => (a < b ? -1 : 1));
}
