// Data roots on real file systems, and planned files to put into them.

import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type {
  LocalSource,
  PlannedFile,
  RemoteFile,
  WeightsEntry,
} from "../../../adapter/runtime/weights/_contracts.ts";
import { fileId } from "../../../adapter/runtime/weights/files/plan.ts";

export const DIGEST = "d".repeat(64);

/** A new folder, removed when the tests of the file have ended. */
export function newFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, "coldframe-test-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A data root. */
export function newRoot(parent?: string): string {
  const root = newFolder(parent);
  mkdirSync(join(root, "blobs"));
  mkdirSync(join(root, "trees"));
  return root;
}

/** A tmpfs of so many bytes, or why there is none. */
export function mountTmpfs(megabytes: number): { root: string } | { skip: string } {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-test-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    rmdirSync(folder);
    return { skip: `cannot mount a tmpfs here: ${(error as Error).message.split("\n").at(-1)}` };
  }
  after(() => {
    execFileSync("umount", [folder]);
    rmdirSync(folder);
  });
  mkdirSync(join(folder, "blobs"));
  mkdirSync(join(folder, "trees"));
  return { root: folder };
}

/** Folders on file systems of different kinds, as far as this machine has them. */
export const grounds = (): string[] => [tmpdir(), "/dev/shm"].filter((folder) => existsSync(folder));

export const nowhere: LocalSource = {
  kind: "local",
  async *list() {},
};

export const entryOf = (entry: Partial<WeightsEntry> = {}): WeightsEntry => ({
  source: "s3://bucket/model/",
  mount: "",
  ...entry,
});

export const remote = (path: string, more: Partial<RemoteFile> = {}): RemoteFile => ({
  path,
  key: `model/${path}`,
  size: 4,
  etag: '"e"',
  ...more,
});

export const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

/** A file whose content is known; `checked` by sha256, else by nothing. */
export function plannedFile(path: string, content: string | Uint8Array, checked = true): PlannedFile {
  const entry = entryOf();
  const file = remote(path, {
    size: content.length,
    ...(checked && { checksum: { algorithm: "sha256", value: sha256(content) } as const }),
  });
  return { path, file, entry, source: nowhere, id: fileId(entry, file) };
}

/** Complete blobs, as the download leaves them. */
export function putBlob(root: string, { id }: { id: string }, content: string | Uint8Array): string {
  const blob = join(root, "blobs", id);
  writeFileSync(blob, content);
  chmodSync(blob, 0o444);
  return blob;
}
