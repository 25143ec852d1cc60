// Watches what a project is made of and calls for a new version: at once, and then at each change; changes that come
// while a version is being made lead to one more.

import { join } from "node:path";
import { watch } from "chokidar";

/** An editor's save is several events. */
const SETTLE_MS = 30;

export interface InputWatcher {
  close(): Promise<void>;
}

/** @param make resolves to the absolute paths to watch beside config.yaml, model/ and data/; must not reject */
export function watchInputs(project: string, make: () => Promise<readonly string[]>): InputWatcher {
  const watcher = watch(
    ["config.yaml", "model", "data"].map((name) => join(project, name)),
    {
      ignoreInitial: true,
      ignored: (path) => /[/\\](node_modules|\.coldframe|dist)([/\\]|$)/.test(path.slice(project.length)),
    },
  );
  let making = false;
  let changed = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function run(): Promise<void> {
    if (making || closed) return;
    making = true;
    do {
      changed = false;
      const inputs = await make();
      if (!closed) watcher.add(inputs.filter((path) => !/[/\\]node_modules[/\\]/.test(path)));
    } while (changed && !closed);
    making = false;
  }

  watcher.on("all", () => {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(run, SETTLE_MS);
  });
  // An error of one path, such as too many watches, must not end the server.
  watcher.on("error", () => {});
  void run();
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
