// The versions of a model under `coldframe dev`: each built beside the one that serves and started before it counts.

import { join } from "node:path";
import { type BuildReport, createIncrementalBuild, type IncrementalBuild } from "../build/build.ts";
import type { Target } from "../build/runtime-files.ts";
import { hostArchitecture } from "./build.ts";
import { type LocalWeights, startLocalWeights } from "./local-weights.ts";
import { colors, note } from "./terminal.ts";

/** A version that is up. */
export interface Running {
  /** Close once what it has begun to answer is answered. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

/** How versions are run: as the server of a container, or as a Lambda function. */
export interface Way<T extends Running> {
  readonly target: Target;
  /**
   * Start what was built.
   * @throws what to tell of a version that does not start
   */
  start(artifact: string, variables: Readonly<Record<string, string>>): Promise<T>;
}

export type Version<T> = { readonly inputs: readonly string[] } & (
  | { readonly running: T }
  | { readonly error: unknown }
);

export interface Versions<T> {
  /** Build and start what the project is now. Never rejects; `inputs` are what to watch, of the last build that worked. */
  next(): Promise<Version<T>>;
  dispose(): Promise<void>;
}

export async function createVersions<T extends Running>(project: string, way: Way<T>): Promise<Versions<T>> {
  // Two places in turn: the version that serves may start a process of its own again, from its own files.
  const places = await Promise.all(
    ["a", "b"].map((name) => incremental(join(project, ".coldframe", `dev-${name}`))),
  );
  let turn = 0;
  let inputs: readonly string[] = [];
  let warned = "";
  let weights: LocalWeights | undefined;

  function incremental(outDir: string): Promise<IncrementalBuild> {
    return createIncrementalBuild({
      project,
      target: way.target,
      outDir,
      architecture: hostArchitecture(),
      localWeights: true,
    });
  }

  function warn({ warnings }: BuildReport): void {
    const text = warnings.map((warning) => `${colors.yellow("warning")}: ${warning}`).join("\n");
    if (text !== "" && text !== warned) note(text);
    warned = text;
  }

  // Its folders belong to config.yaml as it was; what was fetched stays where it is.
  async function localWeights(): Promise<LocalWeights> {
    weights = await startLocalWeights(project, false, weights);
    return weights;
  }

  async function next(): Promise<Version<T>> {
    try {
      const report = await (places[turn] as IncrementalBuild).rebuild();
      inputs = report.inputs;
      warn(report);
      const running = await way.start(report.directory, (await localWeights()).environment);
      turn = 1 - turn;
      return { running, inputs };
    } catch (error) {
      return { error, inputs };
    }
  }

  return {
    next,
    dispose: async () => {
      await Promise.all([...places.map((place) => place.dispose()), weights?.close()]);
    },
  };
}
