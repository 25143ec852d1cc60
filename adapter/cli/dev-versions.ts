// The versions of a model under `coldframe dev`: each built beside the one that serves and started before it counts.

import { join } from "node:path";
import { type BuildReport, createIncrementalBuild, type IncrementalBuild } from "../build/build.ts";
import { type LocalLambda, startLocalLambda } from "../local/local-lambda.ts";
import { hostArchitecture } from "./build.ts";
import { initError } from "./invoke-answer.ts";
import { type LocalWeights, startLocalWeights } from "./local-weights.ts";
import { colors, note } from "./terminal.ts";

export type Version = { readonly inputs: readonly string[] } & (
  | { readonly lambda: LocalLambda }
  | { readonly error: unknown }
);

export interface Versions {
  /** Build and start what the project is now. Never rejects; `inputs` are what to watch, of the last build that worked. */
  next(): Promise<Version>;
  dispose(): Promise<void>;
}

/** @param onLine gets each line of every version's log */
export async function createVersions(
  project: string,
  ric: boolean,
  onLine: (line: string) => void,
): Promise<Versions> {
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

  // Its folders and its port belong to config.yaml as it was; what was fetched stays where it is.
  async function localWeights(): Promise<LocalWeights> {
    await weights?.close();
    weights = await startLocalWeights(project);
    return weights;
  }

  async function next(): Promise<Version> {
    try {
      const report = await (places[turn] as IncrementalBuild).rebuild();
      inputs = report.inputs;
      warn(report);
      const lambda = await startLocalLambda({
        artifact: report.directory,
        client: ric ? "aws-lambda-ric" : "local",
        environment: (await localWeights()).environment,
        onLog: onLine,
      });
      if (lambda.initError === undefined) {
        turn = 1 - turn;
        return { lambda, inputs };
      }
      await lambda.close();
      throw initError(lambda.initError);
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
