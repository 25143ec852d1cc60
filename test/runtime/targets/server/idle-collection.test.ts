// The flag of V8 that a server sets: one that V8 did not know would be a line on standard error of every server.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const FILE = join(import.meta.dirname, "../../../../adapter/runtime/targets/server/idle-collection.ts");

test("is one that this version of Node knows", () => {
  const script = `import { keepCompiledCode } from ${JSON.stringify(FILE)}; keepCompiledCode();`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module-typescript", "--eval", script],
    {
      encoding: "utf8",
    },
  );
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});
