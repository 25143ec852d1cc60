// What bundle.cjs leaves to a file of its own, late.cjs: code of the adapter that some calls need and no cold start
// does. The stub reads it, synchronously, when it is first asked for; a server has it in its bundle. It shares
// errors.ts with the bundle, so that `instanceof` holds, and nothing else.

import { stackReader, type ReadStack } from "./stack.ts";

export { vendorRoute } from "./vendor/route.ts";

/** The exports of this file. */
export type Late = typeof import("./late.ts");

const readers = new Map<string, ReadStack>();

/** The stack of an error in the author's own files; see stack.ts. */
export function readStack(bundleFile: string, error: unknown): string {
  let reader = readers.get(bundleFile);
  if (!reader) readers.set(bundleFile, (reader = stackReader(bundleFile)));
  return reader(error);
}
