// Whether a deployment may ask AWS's SDK for something: then the artifact has it as aws-sdk.cjs. The keys that Lambda
// gives a function, and plain buckets, need no SDK.

import type { LoadedConfig } from "../config.ts";

/** As in runtime/secrets.ts. */
const REFERENCE = /^aws-(secretsmanager|ssm):\/\//;

/** Whether the default of a declared secret is the address of one that AWS keeps. */
export function hasReferences({ settings }: LoadedConfig): boolean {
  return Object.values(settings.secrets).some((fallback) => REFERENCE.test(fallback ?? ""));
}

export function usesSdk(loaded: LoadedConfig): boolean {
  return hasReferences(loaded) || loaded.weights.some(({ scheme }) => scheme === "s3");
}
