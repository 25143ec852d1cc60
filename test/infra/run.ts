// `npm run test:infra`: installs the validators of templates once, checks the types of what uses them, then runs every
// *.infra.ts here with node's test runner. Arguments go to the runner. The exit code is the suite's, or 1 when npm fails.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

if (!existsSync(join(import.meta.dirname, "node_modules")) && !install()) process.exit(1);

const compiler = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
const types = spawnSync(process.execPath, [compiler, "-p", import.meta.dirname], { stdio: "inherit" });
if (types.status !== 0) process.exit(1);

const files = join(import.meta.dirname, "**", "*.infra.ts");
const suite = spawnSync(process.execPath, ["--test", ...process.argv.slice(2), files], { stdio: "inherit" });
process.exit(suite.status ?? 1);

function install(): boolean {
  console.error("Installing the validators of templates into test/infra/node_modules.");
  const npm = spawnSync("npm", ["ci", "--prefix", import.meta.dirname, "--no-audit", "--no-fund"], {
    stdio: ["ignore", 2, 2],
  });
  if (npm.status !== 0)
    console.error(`npm ci failed${npm.error === undefined ? "" : `: ${npm.error.message}`}.`);
  return npm.status === 0;
}
