// `npm run test:openapi`: installs openapi-typescript with the TypeScript it needs once, then runs every *.conformance.ts
// here with node's test runner. Arguments go to the runner. The exit code is the suite's, or 1 when npm fails.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TOOLS } from "./_generated.ts";

if (!existsSync(TOOLS) && !install()) process.exit(1);

const files = join(import.meta.dirname, "*.conformance.ts");
const suite = spawnSync(process.execPath, ["--test", ...process.argv.slice(2), files], { stdio: "inherit" });
process.exit(suite.status ?? 1);

function install(): boolean {
  console.error("Installing openapi-typescript into test/openapi/node_modules.");
  const npm = spawnSync("npm", ["ci", "--prefix", import.meta.dirname, "--no-audit", "--no-fund"], {
    stdio: ["ignore", 2, 2],
  });
  if (npm.status !== 0)
    console.error(`npm ci failed${npm.error === undefined ? "" : `: ${npm.error.message}`}.`);
  return npm.status === 0;
}
