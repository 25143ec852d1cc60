// Spawn to the first poll for the next invocation, which is Lambda's init phase: examples/language without its native
// addon, packaged in five ways.

import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { transform } from "esbuild";
import { readFileSync } from "node:fs";
import { startLocalLambda } from "../adapter/local/local-lambda.ts";
import { ricInstalled, runtimeClient } from "../test/conformance/_ric.ts";
import { buildOurs, bundlePeer, languageWithoutAddon, scratchFolder } from "./_peers.ts";
import type { Result } from "./run.ts";
import { median, round, shuffle } from "./_statistics.ts";

const ROUNDS = 21;

interface Packaging {
  readonly artifact: string;
  readonly handler: string;
}

export async function run(): Promise<Result> {
  const folder = scratchFolder();
  const ric = ricInstalled();
  const project = languageWithoutAddon(join(folder, "language"));
  const cached = await buildOurs(project);
  const packagings: Record<string, Packaging> = {
    bare: { artifact: await peer("bare", folder), handler: "index.buffered" },
    coldframe: { artifact: copy(cached, join(folder, "cached")), handler: "index.stream" },
    "coldframe-no-cache": {
      artifact: copy(cached, join(folder, "no-cache"), "bundle.cjs.cache"),
      handler: "index.stream",
    },
    unbundled: { artifact: await unbundle(project, join(folder, "unbundled")), handler: "index.stream" },
    hono: { artifact: await peer("hono-zod", folder), handler: "index.stream" },
  };
  const times: Record<string, number[]> = Object.fromEntries(
    Object.keys(packagings).map((name) => [name, []]),
  );
  for (let i = -1; i < ROUNDS; i++) {
    for (const [name, { artifact, handler }] of shuffle(Object.entries(packagings))) {
      const lambda = await startLocalLambda({
        artifact,
        handler,
        ...runtimeClient(),
        freeze: false,
        onLog: () => {},
      });
      if (lambda.initError !== undefined) throw new Error(`${name}: ${JSON.stringify(lambda.initError)}`);
      // The first round fills the page cache.
      if (i >= 0) times[name]?.push(lambda.initMs);
      await lambda.close();
    }
  }
  const figures = Object.fromEntries(
    Object.entries(times).map(([name, values]) => [`spawn_to_poll_ms.${name}`, round(median(values))]),
  );
  const of = (name: string) => figures[`spawn_to_poll_ms.${name}`] ?? Number.NaN;
  return {
    figures,
    bars: [
      { says: "ours, of unbundled", value: round(of("coldframe") / of("unbundled"), 3), limit: 0.55 },
      { says: "ours, of bare", value: round(of("coldframe") / of("bare"), 3), limit: 1.5 },
      { says: "ours, of hono's", value: round(of("coldframe") / of("hono"), 3), limit: 1 },
    ],
    notes: [`${ROUNDS} rounds, medians, on ${ric ? "aws-lambda-ric" : "the local runtime client"}.`],
  };
}

function peer(name: string, folder: string): Promise<string> {
  return bundlePeer(join(import.meta.dirname, "peers", `${name}.mjs`), join(folder, name));
}

function copy(artifact: string, to: string, except?: string): string {
  cpSync(artifact, to, { recursive: true, filter: (file) => except === undefined || !file.endsWith(except) });
  return to;
}

// The same files as in the bundle, one module each, as `tsc` and a plain `npm install` would leave them.
async function unbundle(project: string, to: string): Promise<string> {
  const adapter = join(import.meta.dirname, "..", "adapter");
  mkdirSync(to, { recursive: true });
  await transpileFolder(join(adapter, "runtime"), join(to, "adapter", "runtime"));
  await transpileFile(join(adapter, "index.ts"), join(to, "adapter", "index.js"));
  await transpileFolder(join(project, "model"), join(to, "model"));
  cpSync(join(project, "data"), join(to, "data"), { recursive: true });
  cpSync(join(project, "node_modules", "onnxruntime-node"), join(to, "node_modules", "onnxruntime-node"), {
    recursive: true,
  });
  symlinkSync(join(import.meta.dirname, "..", "node_modules", "zod"), join(to, "node_modules", "zod"));
  writeFileSync(join(to, "package.json"), '{ "type": "module" }');
  mkdirSync(join(to, "node_modules", "coldframe"));
  writeFileSync(
    join(to, "node_modules", "coldframe", "package.json"),
    '{ "type": "module", "exports": "./index.js" }',
  );
  writeFileSync(join(to, "node_modules", "coldframe", "index.js"), 'export * from "../../adapter/index.js";');
  const entry = readFileSync(join(project, ".coldframe", "entry.ts"), "utf8")
    .replaceAll(/"[^"]*\/(adapter\/runtime\/[\w/-]+)\.ts"/g, '"./$1.js"')
    .replaceAll('"../model/model.ts"', '"./model/model.js"');
  writeFileSync(join(to, "entry.js"), entry);
  writeFileSync(
    join(to, "index.mjs"),
    'import { start } from "./entry.js";\n' +
      "const [folder, path] = [import.meta.dirname, `${import.meta.dirname}/data`];\n" +
      'export const { stream, buffered, ready } = start({ folder, codeCache: "absent", data: { path } });\n' +
      "await ready;\n",
  );
  return to;
}

async function transpileFolder(from: string, to: string): Promise<void> {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
    const file = join(entry.parentPath, entry.name);
    await transpileFile(file, join(to, file.slice(from.length).replace(/\.ts$/, ".js")));
  }
}

async function transpileFile(from: string, to: string): Promise<void> {
  const { code } = await transform(readFileSync(from, "utf8"), { loader: "ts", target: "node24" });
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, code.replaceAll(/(from\s+"\.[^"]+|import\("\.[^"]+)\.ts"/g, '$1.js"'));
}
