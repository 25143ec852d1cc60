// One process that fills a data directory from an S3 and says what that took. Arguments: the source and the data root; how
// many objects there are. Its environment has the address of the S3 and the credentials.

import { fillDataDir } from "../../../adapter/runtime/data-dir.ts";

/** What it prints. */
export interface Spent {
  readonly files: number;
  readonly requests: number;
  /** On the heap when the last file was in place, without garbage. */
  readonly liveBytes: number;
  /** Of the whole process, with all garbage that V8 had no reason to collect. */
  readonly peakBytes: number;
  readonly cpuMs: number;
}

const [source = "", root = "", objects] = process.argv.slice(2);
let seen = 0;
let liveBytes = 0;

const filling = fillDataDir({
  manifest: { version: 1, digest: "d".repeat(64), sources: [{ source, mount: "", pathStyle: true }] },
  root,
  tree: "tree",
  sources: { s3: () => import("../../../adapter/runtime/weights/s3.ts") },
  laneFile: "",
  environment: process.env,
  secret: async () => undefined,
  onFile() {
    if (++seen < Number(objects)) return;
    globalThis.gc?.();
    liveBytes = process.memoryUsage().heapUsed;
  },
});
const { files, requests } = await filling.done;
const { user, system } = process.cpuUsage();
const spent: Spent = {
  files,
  requests,
  liveBytes,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  cpuMs: Math.round((user + system) / 1000),
};
process.stdout.write(`${JSON.stringify(spent)}\n`);
