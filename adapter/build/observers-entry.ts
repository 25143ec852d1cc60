// What watches a deployment, as its entry names it: metrics where config.yaml has a namespace for them, traces where it
// wants them. What is not named is in no bundle.

import { ColdframeError } from "../runtime/errors.ts";
import type { LoadedConfig } from "./config.ts";
import { findPackage } from "./packages.ts";

const API = "@opentelemetry/api";

/** What runtime/observe/traces.ts uses of it; named, so that the rest stays out of the bundle. */
const API_NAMES = ["context", "propagation", "ROOT_CONTEXT", "SpanKind", "SpanStatusCode", "trace"];

export interface ObserverEntry {
  readonly imports: readonly EntryImport[];
  /** The observer as source; `undefined` when nobody watches. */
  readonly value: string | undefined;
}

/** From a file of the runtime, or from a package of the project. */
export type EntryImport =
  | { readonly names: readonly string[]; readonly file: string; readonly from?: undefined }
  | { readonly names: readonly string[]; readonly file?: undefined; readonly from: string };

/** @throws BUNDLE_FAILED when traces are wanted and the project has no OpenTelemetry */
export function observerOf({ project, config, settings }: LoadedConfig): ObserverEntry {
  const namespace = config.serverless.metrics_namespace;
  const model = JSON.stringify(settings.modelName);
  const imports: EntryImport[] = [];
  const observers: string[] = [];
  // The first is around the others: what takes time by itself is not in what it measures.
  if (config.runtime.enable_tracing_data) {
    checkApi(project);
    imports.push({ names: ["traces"], file: "observe/traces" }, { names: API_NAMES, from: API });
    observers.push(`traces({ ${API_NAMES.join(", ")} }, ${model})`);
  }
  if (namespace) {
    imports.push({ names: ["embeddedMetrics"], file: "observe/metrics" });
    observers.push(`embeddedMetrics(${JSON.stringify(namespace)}, ${model})`);
  }
  if (observers.length < 2) return { imports, value: observers[0] };
  imports.push({ names: ["together"], file: "observe/observers" });
  return { imports, value: `together(${observers.join(", ")})` };
}

function checkApi(project: string): void {
  if (findPackage(API, project)) return;
  throw new ColdframeError(
    "BUNDLE_FAILED",
    `config.yaml: runtime.enable_tracing_data is true, and the project has no ${API}.`,
    { fix: `Run \`npm install ${API}\`, and register an SDK in the model's file.` },
  );
}
