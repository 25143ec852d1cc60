// What deployment.json says of either target.

import { secretVariable } from "../../runtime/secrets.ts";
import type { Config } from "../config-schema.ts";
import { coldframeVersion } from "../runtime-files.ts";
import { type WeightsFact, weightsBytes } from "../weights/facts.ts";
import { toLabel } from "./names.ts";

export interface Facts {
  readonly coldframe_version: string;
  readonly model_name: string;
  /** The model's name as platforms allow names: lower-case letters, digits and hyphens, at most 52. */
  readonly name: string;
  readonly description: string | null;
  /** The Node it was bundled for. */
  readonly runtime: Config["serverless"]["runtime"];
  /** The same as a number, as images are tagged: 24. */
  readonly node_major: number;
  readonly architecture: Config["serverless"]["architecture"];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly {
    readonly name: string;
    readonly variable: string;
    readonly has_default: boolean;
  }[];
  readonly predict_concurrency: number;
  readonly weights: readonly WeightsFact[];
  /** Of the sources whose size is known: what lies in /tmp, or in COLDFRAME_DATA_DIR. */
  readonly weights_bytes: number;
  readonly data_bytes: number;
  /** All files of the artifact, this one included. */
  readonly unzipped_bytes: number;
}

/** @param unzippedBytes of the whole artifact */
export function factsOf(
  config: Config,
  dataBytes: number,
  weights: readonly WeightsFact[],
  unzippedBytes: number,
): Facts {
  const { serverless, runtime } = config;
  return {
    coldframe_version: coldframeVersion(),
    model_name: config.model_name,
    name: toLabel(config.model_name),
    description: config.description ?? null,
    runtime: serverless.runtime,
    node_major: Number.parseInt(serverless.runtime.replace("nodejs", ""), 10),
    architecture: serverless.architecture,
    environment: {
      ...(runtime.enable_debug_logs && { COLDFRAME_LOG_LEVEL: "debug" }),
      ...config.environment_variables,
    },
    secrets: Object.entries(config.secrets).map(([name, fallback]) => ({
      name,
      variable: secretVariable(name),
      has_default: fallback !== null && fallback !== "",
    })),
    predict_concurrency: runtime.predict_concurrency,
    weights,
    weights_bytes: weightsBytes(weights),
    data_bytes: dataBytes,
    unzipped_bytes: unzippedBytes,
  };
}
