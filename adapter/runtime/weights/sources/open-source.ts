// From an entry of the manifest to the source that fetches it, with what sources may use. Which scheme is which file is
// written by the build; see `SourceFiles`.

import { setSdkFile } from "../../aws/sdk.ts";
import { ColdframeError } from "../../errors.ts";
import { writeLog } from "../../log.ts";
import type { Access, ManifestSource, SourceFiles, WeightsSource } from "../_contracts.ts";
import { createFetch } from "../download/request.ts";
import type { Timing } from "../download/timing.ts";

export interface SourceAccess {
  readonly sources: SourceFiles;
  /** aws-sdk.cjs of the artifact; need not exist. */
  readonly sdkFile?: string;
  readonly environment: Access["environment"];
  secret(name: string): Promise<string | undefined>;
  readonly timing?: Partial<Timing>;
}

/**
 * By the scheme of its URL; `http:` is read by weights/https.ts, which says when that is allowed.
 * @throws WEIGHTS_INVALID when the artifact was built without it
 */
export async function openSource(entry: ManifestSource, access: SourceAccess): Promise<WeightsSource> {
  const { sources, sdkFile, environment, secret, timing = {} } = access;
  const scheme = /^[a-z\d]+/.exec(entry.source)?.[0].replace(/^http$/, "https") ?? "";
  const load = sources[scheme];
  if (!load) {
    const there = Object.keys(sources).join(", ");
    throw new ColdframeError(
      "WEIGHTS_INVALID",
      `${entry.source}: this artifact fetches from ${there}, not from ${scheme}.`,
      { fix: "Build it again with `coldframe build`." },
    );
  }
  if (sdkFile !== undefined) setSdkFile(sdkFile);
  const warn = (sentence: string) => writeLog("warn", sentence);
  const fetch = createFetch({ environment, timing });
  return (await load()).default(entry, { fetch, secret, environment, warn });
}
