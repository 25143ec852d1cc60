// A process or a worker thread that takes the turn for a tree over and over until the tree is marked as done, and tells
// its parent what it sees. With `hang` it keeps the first turn it gets until it is killed.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { takeTurn } from "../../../adapter/runtime/weights/files/turn.ts";

interface Task {
  readonly root: string;
  readonly digest: string;
  readonly hang?: boolean;
}

const { root, digest, hang } = (workerData ?? JSON.parse(process.argv[2] as string)) as Task;
const say = (what: object) => (parentPort ? parentPort.postMessage(what) : process.send?.(what));
const done = join(root, "done");
const busy = join(root, "busy");

while (!existsSync(done)) {
  const turn = await takeTurn(root, digest);
  if (!turn.first) {
    turn.onLine((line) => say({ line }));
    say({ waits: true });
    await turn.over;
    continue;
  }
  // Two at a time would find the file of the other.
  if (existsSync(busy) && readFileSync(busy, "utf8") !== "killed") say({ clash: true });
  writeFileSync(busy, hang ? "killed" : String(process.pid));
  say({ has: true });
  turn.tell({ from: "owner" });
  if (hang) await new Promise((resolve) => setTimeout(resolve, 2 ** 30));
  if (!existsSync(done)) {
    say({ works: true });
    writeFileSync(done, "");
  }
  writeFileSync(busy, "killed");
  await turn.release();
}
say({ ends: true });
if (!parentPort) process.disconnect();
