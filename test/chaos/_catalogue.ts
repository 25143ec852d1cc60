// The objects of the chaos runs: every size around a boundary of the download, with every kind of checksum that S3 has
// for an object, in a local S3.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type LocalS3, type PutOptions, startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import { createFetch } from "../../adapter/runtime/weights/download/request.ts";
import type { ManifestSource, RemoteFile, WeightsEntry } from "../../adapter/runtime/weights/_contracts.ts";
import createS3Source from "../../adapter/runtime/weights/s3.ts";
import { between, pick, type Random, randomBytes } from "./_random.ts";

export interface Catalogue {
  readonly s3: LocalS3;
  /** What the children get. */
  readonly environment: Readonly<Record<string, string>>;
  readonly objects: readonly CatalogueObject[];
}

export interface CatalogueObject {
  /** Below the prefix. */
  readonly name: string;
  readonly bytes: Buffer;
  /** As the source lists it, with what checksum there is. */
  readonly file: RemoteFile;
}

const BUCKET = "chaos";
const PREFIX = "models/";
const MIB = 1024 * 1024;
/** Of a part of the download, and of the blocks of a lock. */
const PART = 8 * MIB;

/** Objects that nobody wants. */
const OTHERS = 400;

const SIZES = [0, 1, 511, 64 * 1024, MIB + 1, 5 * MIB, PART - 1, PART, PART + 1, 2 * PART + 3, 20_000_000];

const KINDS: Readonly<Record<string, PutOptions>> = {
  /** What S3 gives an object that came without a checksum. */
  crc64nvme: {},
  md5: { checksum: false },
  sha256: { checksum: { algorithm: "SHA256" } },
  composite: { partSize: 5 * MIB, checksum: { algorithm: "CRC32", type: "COMPOSITE" } },
  "full-crc32": { partSize: 6 * MIB, checksum: { algorithm: "CRC32", type: "FULL_OBJECT" } },
};

export async function openCatalogue(): Promise<Catalogue> {
  const s3 = await startLocalS3({ buckets: [BUCKET] });
  const { accessKeyId, secretAccessKey } = s3.credentials;
  const environment = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: s3.region,
  };
  const contents = new Map<string, Buffer>();
  for (const [kind, options] of Object.entries(KINDS)) {
    for (const size of SIZES) {
      if (size === 0 && options.partSize !== undefined) continue;
      const name = `${kind}/${size}.bin`;
      const bytes = randomBytes(size, name, size);
      contents.set(name, bytes);
      await s3.put(BUCKET, PREFIX + name, bytes, options);
    }
  }
  // So that a list does not come in one piece.
  for (let i = 0; i < OTHERS; i++) await s3.put(BUCKET, `${PREFIX}others/${i}.txt`, "");
  const source = createS3Source(
    { ...entryOf(s3.url), ignorePatterns: ["others/*"] },
    {
      fetch: createFetch({ environment }),
      secret: async () => undefined,
      environment,
    },
  );
  const objects: CatalogueObject[] = [];
  for await (const page of source.list()) {
    for (const file of page) {
      // Patterns are applied by who asks for the list.
      if (file.path.startsWith("others/")) continue;
      if (!file.checksum && !file.blocks && file.size > 0)
        throw new Error(`${file.path} is listed without a checksum`);
      objects.push({ name: file.path, bytes: contents.get(file.path) as Buffer, file });
    }
  }
  if (objects.length !== contents.size) throw new Error(`${objects.length} of ${contents.size} are listed`);
  return { s3, environment, objects };
}

/** Three to six of them: most are small, so that most of a run is not waiting for bytes; many runs have one of many parts. */
export function chooseObjects({ objects }: Catalogue, next: Random): CatalogueObject[] {
  const chosen = new Map<string, CatalogueObject>();
  const count = between(next, 3, 6);
  if (next() < 0.6) {
    const large = pick(
      next,
      objects.filter(({ bytes }) => bytes.length > PART),
    );
    chosen.set(large.name, large);
  }
  while (chosen.size < count) {
    const object = pick(next, objects);
    if (object.bytes.length <= MIB + 1 || next() < 0.5) chosen.set(object.name, object);
  }
  return [...chosen.values()];
}

/** The sources of a manifest for these objects: pinned, pinned with the blocks of a lock, or listed when it starts. */
export function makeSources(
  endpoint: string,
  objects: readonly CatalogueObject[],
  next: Random,
): ManifestSource[] {
  const half = between(next, 1, objects.length);
  const groups = next() < 0.3 ? [objects.slice(0, half), objects.slice(half)] : [objects];
  return groups
    .filter((group) => group.length > 0)
    .map((group, i) => {
      const lazy = i > 0 && next() < 0.7;
      const entry = {
        ...entryOf(endpoint),
        mount: groups.length > 1 ? `part-${i}` : "",
        ...(lazy && { lazy }),
      };
      const how = pick(next, ["pinned", "blocks", "listed"]);
      if (how === "listed") return { ...entry, allowPatterns: group.map(({ name }) => name) };
      return {
        ...entry,
        files: group.map((object) => (how === "blocks" ? withBlocks(object) : object.file)),
      };
    });
}

/** The digest of a manifest; any that others do not have. */
export function digestOf(sources: readonly ManifestSource[]): string {
  return createHash("sha256").update(JSON.stringify(sources)).digest("hex");
}

function entryOf(endpoint: string): WeightsEntry {
  return { source: `s3://${BUCKET}/${PREFIX}`, mount: "", endpoint, pathStyle: true };
}

/** As a lock has it of a file that was pushed. */
function withBlocks({ file, bytes }: CatalogueObject): RemoteFile {
  const values = Buffer.alloc(Math.ceil(bytes.length / PART) * 4);
  for (let i = 0; i * PART < bytes.length; i++) {
    values.writeUInt32BE(crc32(bytes.subarray(i * PART, (i + 1) * PART)), i * 4);
  }
  const blocks = { algorithm: "crc32", size: PART, values: values.toString("base64") } as const;
  const checksum = { algorithm: "crc32", value: crc32(bytes).toString(16).padStart(8, "0") } as const;
  return { ...file, checksum, ...(bytes.length > PART && { blocks }) };
}
