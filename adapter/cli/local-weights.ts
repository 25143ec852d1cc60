// What `dev` and `invoke` give a function that has weights: a place of the project's own to keep them, and an S3 on this
// machine for the sources that config.yaml has as a folder too (`local:`). The function fetches from it as from AWS.

import { rmSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { readConfig } from "../build/config.ts";
import { ColdframeError } from "../runtime/errors.ts";
import { type LocalS3, startLocalS3 } from "../local/s3/local-s3.ts";

export interface LocalWeights {
  /** Environment variables of the function. */
  readonly environment: Readonly<Record<string, string>>;
  /** What is served; undefined where nothing is. */
  readonly serves: string | undefined;
  close(): Promise<void>;
}

/** Where a folder of the project stands in for a bucket, or a part of it. */
interface Served {
  readonly bucket: string;
  readonly prefix: string;
  readonly folder: string;
}

/**
 * @param cold fetch everything anew, as in a new execution environment
 * @param before of an earlier version of the project: it goes on where it serves the same folders, whose checksums it
 * knows, and is closed otherwise
 * @throws as `readConfig` does
 */
export async function startLocalWeights(
  project: string,
  cold = false,
  before?: LocalWeights,
): Promise<LocalWeights> {
  const root = process.env["COLDFRAME_DATA_DIR"] ?? join(resolve(project), ".coldframe", "weights");
  const { weights } = readConfig(project);
  if (cold && weights.length > 0) rmSync(root, { recursive: true, force: true });
  const local = weights.filter((entry) => entry.local !== undefined);
  const remote = weights.find(
    ({ scheme, endpoint, local: folder }) => scheme === "s3" && !folder && !endpoint,
  );
  if (local.length > 0 && remote !== undefined) {
    throw new ColdframeError(
      "CONFIG_INVALID",
      `${remote.place}: ${remote.source} has no \`local\` folder, and ${local[0]?.source} has one: dev and invoke reach either the S3 of this machine or the real one.`,
      { fix: "Give all of them `local`, or none." },
    );
  }
  const served = local.map(({ source, local: folder = "" }) => toServed(source, resolve(project, folder)));
  const serves = served.length > 0 ? JSON.stringify(served) : undefined;
  if (before !== undefined && serves !== undefined && before.serves === serves) return before;
  await before?.close();
  if (weights.length === 0) return { environment: {}, serves, close: async () => {} };
  const s3 = serves === undefined ? undefined : await startLocalS3();
  for (const { bucket, prefix, folder } of served) s3?.serveFolder(bucket, prefix, folder);
  return {
    environment: { COLDFRAME_DATA_DIR: root, ...(s3 && s3Environment(s3)) },
    serves,
    close: async () => s3?.close(),
  };
}

function toServed(source: string, folder: string): Served {
  const { hostname, pathname } = new URL(source);
  const key = decodeURIComponent(pathname.slice(1));
  // One object is served with its neighbours: what the function may not see is for the real bucket's policy to say.
  const prefix = key === "" || key.endsWith("/") ? key : `${posix.dirname(key)}/`.replace(/^\.\/$/, "");
  return { bucket: hostname, prefix, folder };
}

/** Variables that lead AWS's own tools and ours to a local S3. */
function s3Environment({ url, region, credentials }: LocalS3): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: url,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
  };
}
