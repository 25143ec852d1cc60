// `npm run test:s3`: starts a real S3 server, then runs every *.conformance.ts of this folder against it with node's test
// runner. Arguments go to the runner. Where the server is not installed it says so and is well: it is no part of `npm test`.

import { type ChildProcess, spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { startRadosgw } from "./radosgw.ts";

let suite: ChildProcess | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // The suite ends first, then the server; before there is a suite, exiting takes the server along.
  process.on(signal, () => (suite === undefined ? process.exit(1) : suite.kill(signal)));
}

const server = await startRadosgw();
if ("skipped" in server) {
  console.log(`SKIPPED: radosgw is ${server.skipped}.`);
  process.exit(0);
}

const child = spawn(
  process.execPath,
  [
    "--test",
    "--test-concurrency=1",
    ...process.argv.slice(2),
    ...globSync("*.conformance.ts", { cwd: import.meta.dirname }).map((file) =>
      join(import.meta.dirname, file),
    ),
  ],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      S3_ENDPOINT: server.url,
      S3_REGION: server.region,
      S3_ACCESS_KEY_ID: server.credentials.accessKeyId,
      S3_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    },
  },
);
suite = child;
const status = await new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
await server.close();
process.exit(status);
