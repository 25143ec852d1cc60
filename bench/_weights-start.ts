// What the first moments of a cold start and all of a warm one come to: when the first range is asked for after the
// spawn of a process, what a start costs that finds everything there, and how many requests it makes. Counted by a proxy
// that does nothing else.

import { execFile } from "node:child_process";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { startFaultProxy } from "../test/chaos/_proxy.ts";
import type { RemoteFile } from "../adapter/runtime/weights/_contracts.ts";
import { median, round } from "./_statistics.ts";
import { checksumsOf, writeRandom } from "./_weights-data.ts";
import { BUCKET, REGION } from "./_weights-servers.ts";
import { LAMBDA_FLAGS, reportOf, writeArtifact } from "./_weights-tools.ts";

const ROUNDS = 11;
const FILES = 200;
const FILE_BYTES = 16 * 1024;

/** @param source what nginx serves at `endpoint` */
export async function measureStart(
  bundle: string,
  root: string,
  endpoint: string,
  source: string,
  environment: NodeJS.ProcessEnv,
): Promise<Record<string, number>> {
  const proxy = await startFaultProxy(endpoint, { seed: 0, rate: 0 });
  const files = Array.from({ length: FILES }, (_, i): RemoteFile => {
    const key = `start/${i}.bin`;
    const file = join(source, BUCKET, key);
    writeRandom(file, FILE_BYTES);
    const etag = `"${Math.floor(statSync(file).mtimeMs / 1000).toString(16)}-${FILE_BYTES.toString(16)}"`;
    return { path: `${i}.bin`, key, size: FILE_BYTES, etag, ...checksumsOf(file) };
  });
  const artifact = writeArtifact(bundle, join(bundle, "start"), {
    source: `s3://${BUCKET}/`,
    mount: "",
    endpoint: proxy.url,
    pathStyle: true,
    region: REGION,
    files,
  });
  const start = async () => {
    const before = proxy.requests.length;
    const spawnedAt = performance.timeOrigin + performance.now();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...LAMBDA_FLAGS, join(artifact, "index.mjs")],
      {
        env: { ...environment, COLDFRAME_DATA_DIR: root },
      },
    );
    return { report: reportOf(stdout), spawnedAt, requests: proxy.requests.slice(before) };
  };
  const first: number[] = [];
  const warm: number[] = [];
  let warmRequests = 0;
  for (let i = 0; i < ROUNDS; i++) {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root);
    const cold = await start();
    first.push((cold.requests[0]?.at ?? Number.NaN) - cold.spawnedAt);
    const again = await start();
    if (!again.report.warm) throw new Error("The second start was not a warm one.");
    warm.push(again.report.ms);
    warmRequests += again.requests.length;
  }
  await proxy.close();
  return {
    first_range_ms: round(median(first)),
    warm_ms: round(median(warm)),
    warm_requests: warmRequests,
  };
}
