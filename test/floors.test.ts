// The house has floors, and imports go down only. Proved from esbuild's metafile, which leaves out type imports.

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");

/** From the ground up; adapter/README.md draws the same. A file that is on none of them fails the test. */
const FLOORS: readonly (readonly [string, RegExp])[] = [
  ["words", /^(call|contracts|errors|input|log|model)\.ts$/],
  [
    "parts",
    /^((accept|batch|body|concurrency|frames|gather|heartbeat|invocation|json|predict-batch|request|response-reply|schema|secret-references|secrets|stack|stream)\.ts|(aws|bodies|events|observe|results)\/[\w-]+\.ts|weights\/([\w-]+\/)?[\w-]+\.ts)$/,
  ],
  [
    "story",
    /^((cold-start|data-dir|data-dir-fetch|document|failure|health|late|model-class|predict|reply|report|routes|warm-up|weights-(directory|fetch|open|thread|wire))\.ts|vendor\/[\w-]+\.ts)$/,
  ],
  ["targets", /^targets\/(server\/)?[\w-]+\.ts$/],
];

const STUB = "stub.mjs";

const graph = readGraph();

test("every file of the runtime is on a floor", async () => {
  for (const file of (await graph).keys()) {
    if (file.startsWith("runtime/") && file !== `runtime/${STUB}`)
      assert.ok(floorOf(file) >= 0, `${file} is on no floor`);
  }
});

test("imports within the runtime go down, or stay on their floor", async () => {
  for (const [file, imports] of await graph) {
    if (!file.startsWith("runtime/")) continue;
    for (const imported of imports) {
      assert.ok(imported.startsWith("runtime/"), `${file} runs in the cloud and imports ${imported}`);
      assert.ok(floorOf(imported) <= floorOf(file), `${file} imports ${imported}, a floor above it`);
    }
  }
});

test("an event source imports no other", async () => {
  for (const [file, imports] of await graph) {
    if (!/^runtime\/events\/[^_]/.test(file)) continue;
    for (const imported of imports) {
      assert.ok(!/^runtime\/events\/[^_]/.test(imported), `${file} imports its sibling ${imported}`);
    }
  }
});

test("the local Lambda knows the wire and not the adapter", async () => {
  for (const [file, imports] of await graph) {
    if (!file.startsWith("local/")) continue;
    for (const imported of imports) {
      // A stand-in that shared code with what it stands in front of would share its mistakes.
      assert.ok(
        /^local\/|^runtime\/errors\.ts$|^build\/packages\.ts$/.test(imported),
        `${file} imports ${imported}`,
      );
    }
  }
});

test("nothing imports in a circle", async () => {
  const edges = await graph;
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(" -> "));
    if (done.has(file)) return;
    for (const imported of edges.get(file) ?? []) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
});

function floorOf(file: string): number {
  const name = file.replace(/^runtime\//, "");
  return FLOORS.findIndex(([, pattern]) => pattern.test(name));
}

/** File -> the files of ours it imports at run time; names without `adapter/`. */
async function readGraph(): Promise<ReadonlyMap<string, readonly string[]>> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: globSync("adapter/**/*.{ts,mjs}", { cwd: ROOT }).filter((file) => !file.endsWith(".d.ts")),
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    outdir: "unused",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const ours = (path: string) => path.replace(/^adapter\//, "");
  return new Map(
    Object.entries(metafile.inputs)
      .filter(([file]) => file.startsWith("adapter/"))
      .map(([file, { imports }]) => [
        ours(file),
        imports
          .filter(({ external, path }) => !external && path.startsWith("adapter/"))
          .map(({ path }) => ours(path)),
      ]),
  );
}
