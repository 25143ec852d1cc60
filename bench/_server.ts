// Our server target as it is deployed: a built artifact in a process of its own. And any other that says where it listens
// as ours does.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { build } from "../adapter/build/build.ts";
import { hostArchitecture } from "../adapter/cli/build.ts";

export interface BenchServer {
  readonly port: number;
  end(): void;
}

/** @returns the artifact's folder */
export async function buildServer(project: string): Promise<string> {
  const { directory } = await build({
    project,
    target: "server",
    architecture: hostArchitecture(),
    zip: false,
    localWeights: true,
  });
  return directory;
}

/**
 * Start an artifact and wait until its model is loaded.
 * @param ready the log line that says so; "listening" of a server that loads nothing
 */
export async function startServer(
  artifact: string,
  env: Readonly<Record<string, string>> = {},
  ready = "cold start",
): Promise<BenchServer> {
  const child = spawn(process.execPath, [join(artifact, "index.mjs")], {
    env: { PATH: process.env["PATH"], PORT: "0", COLDFRAME_HOST: "127.0.0.1", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  let port = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as { message: string; port?: number };
    if (line.message === "listening") port = line.port ?? 0;
    if (line.message === ready && port > 0) {
      child.stdout.resume();
      return { port, end: () => void child.kill() };
    }
  }
  throw new Error("the server ended before its model was loaded");
}
