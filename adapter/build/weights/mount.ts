// Where the files of a source go: `mount_location` as a path in the data directory. Truss mounts at absolute places of
// its image; those that were in its data directory mean the same here.

import { pathProblem } from "../../runtime/weights/files/paths.ts";
import type { SourceUrl } from "./source.ts";

/** Truss's data directory, and where its `model_cache` was. */
const TRUSS_PLACES = /^\/app\/(?:data|model_cache)(?:\/|$)/;

export interface Mount {
  /** As in WeightsEntry. */
  readonly mount: string;
  /** Where it is in Truss's image and here. */
  readonly note?: string;
}

/**
 * @param written `mount_location`; absent: the data directory, or the source's file in it
 * @returns the place, or the sentence that refuses it
 */
export function readMount(written: string | undefined, { fileName }: SourceUrl): Mount | string {
  const place = written ?? "";
  const ofTruss = TRUSS_PLACES.test(place);
  const relative = place.replace(ofTruss ? TRUSS_PLACES : /^\/+/, "").replace(/^\.(\/|$)/, "");
  if (place.startsWith("/") && !ofTruss) {
    return `found ${JSON.stringify(place)}, allowed a path in the data directory: write ${relative || "nothing"}.`;
  }
  // A trailing "/", or none at all, names the folder.
  const isFolder = relative === "" || relative.endsWith("/");
  const folder = relative.replace(/\/$/, "");
  const mount = fileName !== undefined && isFolder ? [folder, fileName].filter(Boolean).join("/") : folder;
  const problem = mount === "" ? undefined : pathProblem(mount, "linux");
  if (problem !== undefined) {
    const found = mount === folder ? "" : ", with the name that the source gives";
    return `found ${JSON.stringify(mount)}${found}, allowed a path in the data directory: ${problem}.`;
  }
  const here = mount === "" ? "the data directory itself" : `${mount} in the data directory`;
  return {
    mount,
    ...(ofTruss && { note: `${place} is of Truss's image; here the model finds it as ${here}.` }),
  };
}
