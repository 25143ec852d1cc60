// A disk of one megabyte that a test can fill. Needs the right to mount; tests are skipped without it.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A data root on a disk of its own until the test ends; `undefined` after saying why there is none. */
export function smallDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-test-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    rmdirSync(folder);
    t.skip(`cannot mount a tmpfs here: ${(error as Error).message.split("\n").at(-1)}`);
    return undefined;
  }
  t.after(() => {
    execFileSync("umount", [folder]);
    rmdirSync(folder);
  });
  mkdirSync(join(folder, "blobs"));
  return folder;
}

/** Leave no page free. */
export function fill(folder: string): void {
  let piece = 2 ** 19;
  for (let i = 0; piece >= 1024; i++) {
    try {
      writeFileSync(join(folder, `filler${i}`), Buffer.alloc(piece));
    } catch {
      piece /= 2;
    }
  }
}
