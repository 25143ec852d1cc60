// An S3 for the tests of the S3 source: objects with all that HEAD, ListObjectsV2 and GetObjectAttributes say of them.
// Path style, one bucket. It checks who asks and by which clock, not the signature itself: see aws/sigv4.test.ts.

import { createHash } from "node:crypto";
import type { WeightsEntry } from "../../../adapter/runtime/weights/_contracts.ts";
import createS3Source from "../../../adapter/runtime/weights/s3.ts";
import {
  type Asked,
  makeAccess,
  makeEntry,
  overHttp,
  type Said,
  type ScriptedServer,
  startServer,
} from "./_source-server.ts";

export interface FakePart {
  readonly size: number;
  /** By header: `crc32`, base64. */
  readonly checksums?: Readonly<Record<string, string>>;
}

export interface FakeObject {
  readonly body?: string;
  readonly size?: number;
  /** Without quotes; absent: the MD5 of the body. */
  readonly etag?: string;
  readonly modified?: string;
  /** Of an answer to HEAD. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent only when HEAD asks for checksums, without their `x-amz-checksum-`. */
  readonly checksums?: Readonly<Record<string, string>>;
  readonly parts?: readonly FakePart[];
}

export interface FakeS3 extends ScriptedServer {
  readonly objects: Map<string, FakeObject>;
  /** Says something else than the store would, or later; `undefined`: as always. */
  intercept: (asked: Asked) => Said | undefined | Promise<Said | undefined>;
  pageSize: number;
  /** Of GetObjectAttributes. */
  partsPerPage: number;
}

export const KEYS = {
  AWS_ACCESS_KEY_ID: "AKIATEST",
  AWS_SECRET_ACCESS_KEY: "secret",
  AWS_REGION: "us-east-1",
};

export const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

/** An answer as S3 refuses. */
export function s3Error(status: number, code: string, more: Readonly<Record<string, string>> = {}): Said {
  const elements = Object.entries({ Code: code, ...more }).map(
    ([name, text]) => `<${name}>${escape(text)}</${name}>`,
  );
  return {
    status,
    headers: { "content-type": "application/xml" },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${elements.join("")}</Error>`,
  };
}

export async function startS3(objects: Readonly<Record<string, FakeObject>> = {}): Promise<FakeS3> {
  const store = new Map(Object.entries(objects));
  const server = await startServer(async (asked) => (await s3.intercept(asked)) ?? answer(asked));
  const s3: FakeS3 = Object.assign(server, {
    objects: store,
    intercept: () => undefined,
    pageSize: 1000,
    partsPerPage: 1000,
  });

  function answer(asked: Asked): Said {
    const [, bucket, ...rest] = new URL(asked.path, "http://any").pathname.split("/").map(decodeURIComponent);
    if (bucket !== "bucket") return s3Error(404, "NoSuchBucket");
    const key = rest.join("/");
    if (asked.query.get("list-type") === "2") return list(asked.query);
    const object = store.get(key);
    if (!object) return s3Error(404, "NoSuchKey", { Key: key });
    if (asked.query.has("attributes")) return attributes(object, asked);
    const match = asked.headers["if-match"];
    if (match !== undefined && match !== etagOf(object)) return s3Error(412, "PreconditionFailed");
    return asked.method === "HEAD" ? head(object, asked) : get(object, asked);
  }

  function get(object: FakeObject, { headers }: Asked): Said {
    const bytes = Buffer.from(object.body ?? "");
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    if (start === undefined) return { headers: { etag: etagOf(object) }, body: bytes };
    const body = bytes.subarray(Number(start), Number(end) + 1);
    const range = `bytes ${start}-${Number(start) + body.length - 1}/${bytes.length}`;
    return { status: 206, headers: { etag: etagOf(object), "content-range": range }, body };
  }

  function head(object: FakeObject, { query, headers: asked }: Asked): Said {
    const wantsChecksums = asked["x-amz-checksum-mode"] === "ENABLED";
    const part = object.parts?.[Number(query.get("partNumber")) - 1];
    const checksums = wantsChecksums ? ((part ? part.checksums : object.checksums) ?? {}) : {};
    const named = Object.entries(checksums).map(([name, value]) => [`x-amz-checksum-${name}`, value]);
    return {
      status: part ? 206 : 200,
      headers: {
        "content-length": String(part?.size ?? sizeOf(object)),
        etag: etagOf(object),
        ...object.headers,
        ...Object.fromEntries(named),
        ...(part && { "x-amz-mp-parts-count": String(object.parts?.length) }),
      },
    };
  }

  function list(query: URLSearchParams): Said {
    const prefix = query.get("prefix") ?? "";
    const keys = [...store.keys()].filter((key) => key.startsWith(prefix));
    const from = Number(query.get("continuation-token") ?? 0);
    const until = from + s3.pageSize;
    const encode = (key: string) =>
      query.get("encoding-type") === "url" ? encodeURIComponent(key).replaceAll("%20", "+") : escape(key);
    const contents = keys.slice(from, until).map((key) => {
      const object = store.get(key) as FakeObject;
      return `<Contents><Key>${encode(key)}</Key><LastModified>${object.modified ?? "2026-01-01T00:00:00.000Z"}</LastModified><ETag>${escape(etagOf(object))}</ETag><Size>${sizeOf(object)}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
    });
    const more = until < keys.length;
    return {
      body: `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>${query.has("encoding-type") ? "<EncodingType>url</EncodingType>" : ""}<IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${until}</NextContinuationToken>` : ""}${contents.join("")}</ListBucketResult>`,
    };
  }

  function attributes(object: FakeObject, { headers }: Asked): Said {
    const parts = object.parts ?? [];
    const from = Number(headers["x-amz-part-number-marker"] ?? 0);
    const until = Math.min(parts.length, from + s3.partsPerPage);
    const shown = parts.slice(from, until).map(({ size, checksums = {} }, index) => {
      const sums = Object.entries(checksums).map(
        ([name, value]) => `<Checksum${name.toUpperCase()}>${value}</Checksum${name.toUpperCase()}>`,
      );
      return `<Part>${sums.join("")}<PartNumber>${from + index + 1}</PartNumber><Size>${size}</Size></Part>`;
    });
    return {
      body: `<?xml version="1.0" encoding="UTF-8"?>\n<GetObjectAttributesResponse xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>${etagOf(object).replaceAll('"', "")}</ETag><ObjectParts><IsTruncated>${until < parts.length}</IsTruncated><NextPartNumberMarker>${until}</NextPartNumberMarker>${shown.join("")}<PartsCount>${parts.length}</PartsCount></ObjectParts></GetObjectAttributesResponse>`,
    };
  }

  return s3;
}

/** The S3 source of an entry, against a fake S3, with the environment's keys unless other ones are given. */
export function openS3(
  s3: ScriptedServer,
  entry: Partial<WeightsEntry> & { readonly source: string },
  environment: Readonly<Record<string, string>> = KEYS,
  secrets: Readonly<Record<string, string>> = {},
) {
  return overHttp(
    createS3Source(makeEntry({ endpoint: s3.url, ...entry }), makeAccess(environment, secrets)),
  );
}

const etagOf = ({ etag, body = "" }: FakeObject): string => `"${etag ?? md5(body)}"`;

const sizeOf = ({ size, body = "", parts }: FakeObject): number =>
  size ?? parts?.reduce((sum, part) => sum + part.size, 0) ?? Buffer.byteLength(body);

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
