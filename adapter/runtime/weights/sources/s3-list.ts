// What an S3 source has: one object, or everything below a prefix, page by page, with what S3 knows of each. A list has
// no checksums, so that most objects cost one HEAD more; small ones do not where their ETag is as good.

import { ColdframeError } from "../../errors.ts";
import { mapConcurrently } from "./concurrent.ts";
import type { RemoteFile, WeightsEntry } from "../_contracts.ts";
import { matcher } from "../files/patterns.ts";
import type { S3Place } from "./s3-address.ts";
import { changesEtag, md5OfEtag } from "./s3-checksums.ts";
import type { ListedObject } from "./s3-documents.ts";
import { nameObject } from "./s3-errors.ts";
import { describeObject } from "./s3-object.ts";
import type { S3Requests } from "./s3-requests.ts";
import { isAddressable } from "./url.ts";

/** Of small requests at the same time: one connection for eight is soon worth its handshake, 25 ms away. */
const [CONCURRENCY, MAX_CONCURRENCY] = [16, 64];
const REQUESTS_A_CONNECTION = 8;

/** What the parts of that many objects are asked for with at once, so that all of them need no more descriptors. */
const MAX_PART_REQUESTS = 256;

/** A HEAD takes as long as fetching so many bytes. */
const SMALL_BYTES = 1024 * 1024;

/** Fewer small objects than this are asked for one by one: a sample would cost as much. */
const MIN_SAMPLED = 3;

/** @throws WEIGHTS_NOT_FOUND, WEIGHTS_FORBIDDEN, WEIGHTS_UNREACHABLE, WEIGHTS_INVALID */
export async function* listS3(
  entry: WeightsEntry,
  place: S3Place,
  requests: S3Requests,
): AsyncGenerator<readonly RemoteFile[]> {
  const { key } = place;
  const finish = place.kind === "object lambda" ? transformed : (file: RemoteFile) => file;
  const isFolder = key === "" || key.endsWith("/");
  if (!isFolder) {
    const file = await oneObject(entry, place, requests);
    if (file) return yield [finish(file)];
  }
  if (entry.versionId !== undefined) throw noVersion(place, entry.versionId, isFolder);
  const prefix = isFolder ? key : `${key}/`;
  let any = false;
  try {
    for await (const { objects } of requests.pages(prefix)) {
      const files = await describePage(objects, prefix, entry, place, requests);
      any ||= files.length > 0;
      yield files.map(finish);
    }
  } catch (error) {
    // There is no such object; that it might have been a folder was our idea.
    const refused = error instanceof ColdframeError && error.code === "WEIGHTS_FORBIDDEN";
    throw refused && !isFolder ? nothing(place, error) : error;
  }
  if (!any) throw nothing(place);
}

async function oneObject(
  { versionId }: WeightsEntry,
  place: S3Place,
  requests: S3Requests,
): Promise<RemoteFile | undefined> {
  const { key } = place;
  const headers = isAddressable(key) ? await requests.head(key, versionId) : undefined;
  return (
    headers &&
    describeObject({ key, path: "", versionId, headers }, requests, hasPlainEtags(place), CONCURRENCY)
  );
}

async function describePage(
  objects: readonly ListedObject[],
  prefix: string,
  entry: WeightsEntry,
  place: S3Place,
  requests: S3Requests,
): Promise<RemoteFile[]> {
  const matches = matcher(entry.allowPatterns, entry.ignorePatterns);
  const pathOf = ({ key }: ListedObject) => key.slice(prefix.length);
  const plainEtags = hasPlainEtags(place);
  // What is empty, left out by the patterns, or refused for its name needs no second look.
  const isWanted = (object: ListedObject) =>
    object.size > 0 && isAddressable(object.key) && matches(pathOf(object));
  const hasMd5 = ({ size, etag }: ListedObject) => size <= SMALL_BYTES && md5OfEtag(etag) !== undefined;
  const md5s =
    plainEtags &&
    (await areMd5s(
      objects.filter((object) => isWanted(object) && hasMd5(object)),
      requests,
    ));

  const isAsked = (object: ListedObject) => isWanted(object) && !(md5s && hasMd5(object));
  const asked = objects.filter(isAsked).length;
  const concurrency = Math.min(
    MAX_CONCURRENCY,
    Math.max(CONCURRENCY, Math.ceil(asked / REQUESTS_A_CONNECTION)),
  );
  return mapConcurrently(objects, concurrency, async (object): Promise<RemoteFile> => {
    const { key, size, etag } = object;
    const path = pathOf(object);
    const listed: RemoteFile = { path, key, size, ...(etag && { etag }) };
    if (!isWanted(object)) return listed;
    const md5 = isAsked(object) ? undefined : md5OfEtag(etag);
    if (md5) return { ...listed, checksum: md5 };
    const headers = await requests.head(key);
    // Not left out: a model that lacks a file is another model.
    if (!headers) throw gone(place, key);
    const partRequests = Math.floor(MAX_PART_REQUESTS / concurrency);
    return describeObject({ key, path, headers }, requests, plainEtags, partRequests);
  });
}

/** The ETag of a directory bucket is not an MD5, and an object lambda's bytes are not the object's. */
const hasPlainEtags = ({ kind }: S3Place): boolean => kind !== "directory bucket" && kind !== "object lambda";

/**
 * Whether the ETags of small objects are their MD5s. A list does not tell how objects are encrypted; the oldest and the
 * newest do for all, because it is the bucket's default that changes, and with time.
 */
async function areMd5s(objects: readonly ListedObject[], requests: S3Requests): Promise<boolean> {
  if (objects.length < MIN_SAMPLED) return false;
  const byAge = objects.toSorted((a, b) => (a.modified < b.modified ? -1 : a.modified > b.modified ? 1 : 0));
  const samples = [byAge[0], byAge.at(-1)] as ListedObject[];
  const headers = await Promise.all(samples.map(({ key }) => requests.head(key)));
  return headers.every((found) => found !== undefined && !changesEtag(found));
}

/**
 * What an object is by its own headers, when an ETag was taken for its MD5 and is none: it is encrypted in another way than
 * those that were asked for the whole page. `undefined`: nothing was guessed, or it was right.
 */
export async function confirmChecksum(
  file: RemoteFile,
  versionId: string | undefined,
  requests: S3Requests,
): Promise<RemoteFile | undefined> {
  const { path, key, etag, checksum } = file;
  if (checksum?.algorithm !== "md5" || md5OfEtag(etag)?.value !== checksum.value) return undefined;
  const headers = await requests.head(key, versionId);
  // Of an object that was replaced meanwhile, its own request will say so.
  if (!headers || headers["etag"] !== etag || !changesEtag(headers)) return undefined;
  return describeObject({ key, path, versionId, headers }, requests, false, CONCURRENCY);
}

/** What an object lambda makes of an object: neither its checksums nor its ranges are the object's. */
function transformed({
  checksum: _checksum,
  blocks: _blocks,
  partSize: _partSize,
  ...file
}: RemoteFile): RemoteFile {
  return { ...file, ranges: false };
}

function gone(place: S3Place, key: string): ColdframeError {
  return new ColdframeError(
    "WEIGHTS_NOT_FOUND",
    `${nameObject(place, { key })} was listed a moment ago, and is not there.`,
    { fix: "If it was deleted on purpose, try again; if it is not needed, name it in ignore_patterns." },
  );
}

function nothing(place: S3Place, cause?: unknown): ColdframeError {
  const { key } = place;
  const name = nameObject(place, { key });
  const message =
    key === "" || key.endsWith("/")
      ? `there is nothing below ${name}.`
      : `there is no object ${name}, and nothing below ${name}/.`;
  return new ColdframeError("WEIGHTS_NOT_FOUND", message, {
    fix: "Check the spelling of source; keys are case-sensitive.",
    cause,
  });
}

function noVersion(place: S3Place, versionId: string, isFolder: boolean): ColdframeError {
  const name = nameObject(place, { key: place.key });
  return isFolder
    ? new ColdframeError("WEIGHTS_INVALID", `${name} is a folder, and a version is of one object.`, {
        fix: "Name the object in source, or take the version away.",
      })
    : new ColdframeError("WEIGHTS_NOT_FOUND", `there is no version ${versionId} of ${name}.`, {
        fix: "The version may have been deleted: name another, or take it away.",
      });
}
