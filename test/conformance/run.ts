// `npm run test:ric`: installs AWS's own runtime client once, then runs every *.conformance.ts with node's test runner.
// Arguments go to the runner. The exit code is the suite's, or 1 when the client cannot be installed.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { RIC_PATH, ricInstalled } from "./_ric.ts";

/** What compiles AWS's client, by command, and the Debian package that has it. Source: its scripts/preinstall.sh. */
const COMPILERS = {
  autoconf: "autoconf",
  automake: "automake",
  libtoolize: "libtool",
  cmake: "cmake",
  "g++": "g++",
  python3: "python3",
  make: "make",
  xz: "xz-utils",
};

if (!ricInstalled() && !install()) process.exit(1);

const files = join(import.meta.dirname, "*.conformance.ts");
const suite = spawnSync(
  process.execPath,
  ["--test", "--test-concurrency=1", ...process.argv.slice(2), files],
  {
    stdio: "inherit",
  },
);
process.exit(suite.status ?? 1);

function install(): boolean {
  if (process.env["COLDFRAME_RIC"] !== undefined) {
    console.error(
      `COLDFRAME_RIC is ${RIC_PATH}: there is no such file. Set it to index.mjs of aws-lambda-ric, or unset it.`,
    );
    return false;
  }
  const missing = Object.entries(COMPILERS).filter(([command]) => !isOnPath(command));
  if (missing.length > 0) {
    console.error(
      `aws-lambda-ric is compiled when it is installed, and these tools are missing: ${missing.map(([command]) => command).join(", ")}.\n` +
        `Run: sudo apt-get install -y ${missing.map(([, name]) => name).join(" ")}`,
    );
    return false;
  }
  console.error(
    "Installing aws-lambda-ric into test/conformance/node_modules: it compiles for about a minute.",
  );
  const npm = spawnSync("npm", ["ci", "--prefix", import.meta.dirname, "--no-audit", "--no-fund"], {
    stdio: ["ignore", 2, 2],
  });
  if (npm.status !== 0)
    console.error(`npm ci failed${npm.error === undefined ? "" : `: ${npm.error.message}`}.`);
  else if (!ricInstalled())
    console.error(`npm ci was well, and there is no ${RIC_PATH}: was a script not allowed?`);
  return npm.status === 0 && ricInstalled();
}

function isOnPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
