// One bucket: its objects with their versions, its uploads in progress, and the folders that are served from it.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html.

import { createHash, randomBytes } from "node:crypto";
import type { Algorithm, ChecksumType } from "./checksum.ts";
import { S3Error } from "./s3-error.ts";
import type { ServedFolder } from "./served-folder.ts";
import type { StoredObject } from "./stored-object.ts";

/** In its place after a DELETE, when there is versioning. */
export interface DeleteMarker {
  readonly key: string;
  readonly versionId: string;
  readonly lastModified: Date;
  readonly deleted: true;
}

export type Version = StoredObject | DeleteMarker;

export interface UploadPart {
  readonly number: number;
  readonly pieces: readonly Buffer[];
  readonly size: number;
  /** Hex. */
  readonly etag: string;
  /** Base64, of the upload's algorithm; undefined when the upload has none. */
  readonly checksum: string | undefined;
  readonly lastModified: Date;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly initiated: Date;
  readonly storageClass: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: { readonly algorithm: Algorithm; readonly type: ChecksumType } | undefined;
  readonly parts: Map<number, UploadPart>;
}

export class Bucket {
  readonly name: string;
  readonly region: string;
  readonly created: Date;
  /** What anybody may do without a signature: `s3:GetObject`. */
  publicActions: readonly string[] = [];
  versioning: "Enabled" | "Suspended" | undefined;
  readonly uploads = new Map<string, Upload>();
  readonly folders: ServedFolder[] = [];
  /** Newest first. */
  readonly #versions = new Map<string, Version[]>();
  /** Of those keys, in order; made again after a change. */
  #sorted: string[] | undefined;

  constructor(name: string, region: string, created: Date) {
    this.name = name;
    this.region = region;
    this.created = created;
  }

  get isEmpty(): boolean {
    return this.#versions.size === 0 && this.folders.length === 0;
  }

  /** The newest version, or the one that is named. Undefined when there is none. */
  async find(key: string, versionId?: string): Promise<Version | undefined> {
    const versions = this.#versions.get(key);
    if (versions !== undefined)
      return versionId === undefined ? versions[0] : versions.find((one) => one.versionId === versionId);
    if (versionId !== undefined && versionId !== "null") return undefined;
    for (const folder of this.folders) {
      const object = await folder.find(key);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  /** Current objects whose keys begin with `prefix` and come after `after`, in the order of their UTF-8. */
  async list(prefix: string, after: string): Promise<StoredObject[]> {
    this.#sorted ??= [...this.#versions.keys()].toSorted(compareKeys);
    const wanted = (key: string) => key.startsWith(prefix) && compareKeys(key, after) > 0;
    const kept = this.#sorted
      .filter(wanted)
      .map((key) => this.#versions.get(key)?.[0] as Version)
      .filter((version): version is StoredObject => !isDeleted(version));
    if (this.folders.length === 0) return kept;
    const served = (await Promise.all(this.folders.map((folder) => folder.list(prefix)))).flat();
    const all = new Map([...served, ...kept].map((object) => [object.key, object]));
    return [...all.values()].filter(({ key }) => wanted(key)).toSorted((a, b) => compareKeys(a.key, b.key));
  }

  put(object: Omit<StoredObject, "versionId">): StoredObject {
    this.checkWritable(object.key);
    const stored = { ...object, versionId: this.#newVersionId() };
    this.#add(stored);
    return stored;
  }

  /** As DELETE does. `undefined`: there was nothing, and there is nothing. */
  remove(key: string, lastModified: Date, versionId?: string): Version | undefined {
    this.checkWritable(key);
    if (versionId === undefined && this.versioning !== undefined) {
      const marker = { key, versionId: this.#newVersionId(), lastModified, deleted: true } as const;
      this.#add(marker);
      return marker;
    }
    const versions = this.#versions.get(key) ?? [];
    const gone = versions.find((one) => one.versionId === (versionId ?? "null"));
    const rest = versions.filter((one) => one !== gone);
    if (rest.length > 0) this.#versions.set(key, rest);
    else this.#versions.delete(key);
    this.#sorted = undefined;
    return gone;
  }

  /** @throws AccessDenied where a folder is served: this server never writes to a user's files */
  checkWritable(key: string): void {
    if (!this.folders.some(({ prefix }) => key.startsWith(prefix))) return;
    throw new S3Error("AccessDenied", {
      message: "This key is served from a folder of this machine, and the local S3 never writes to it.",
    });
  }

  #add(version: Version): void {
    const versions = this.#versions.get(version.key) ?? [];
    const rest = versions.filter((one) => one.versionId !== version.versionId);
    this.#versions.set(version.key, [version, ...rest]);
    this.#sorted = undefined;
  }

  #newVersionId(): string {
    return this.versioning === "Enabled" ? newVersionId() : "null";
  }
}

export function isDeleted(version: Version): version is DeleteMarker {
  return "deleted" in version;
}

/** In the order of their UTF-8 bytes; JavaScript's own order differs above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates, halves of what is above U+FFFF, come after the rest. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** 24 characters and the proof that they come from here: S3 too tells an id it never gave from one that is gone. */
function newVersionId(): string {
  const id = randomBytes(18).toString("base64url").replaceAll("-", ".");
  return id + proof(id);
}

export function isVersionId(text: string): boolean {
  return text === "null" || (text.length === 32 && proof(text.slice(0, 24)) === text.slice(24));
}

function proof(id: string): string {
  return createHash("sha256").update(id).digest("base64url").slice(0, 8).replaceAll("-", ".");
}
