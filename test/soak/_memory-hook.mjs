// Loaded into the process that is soaked, before anything else: at SIGUSR2 it collects garbage and writes what is left
// of the heap to the file that SOAK_MEMORY_FILE names.

import { renameSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const file = String(process.env.SOAK_MEMORY_FILE);
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

process.on("SIGUSR2", async () => {
  // What a first collection finds dead may have been the last to hold on to something else.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise(setImmediate);
  }
  writeFileSync(`${file}.half`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.half`, file);
});
