// The small requests of S3: what is known of one object, of its parts, one page of a list. Sent with retries, judged, and
// read; what they are asked for is sources/s3-list.ts and sources/s3-object.ts.

import { ColdframeError } from "../../errors.ts";
import type { Access, HttpAnswer, HttpTarget } from "../_contracts.ts";
import type { S3Place } from "./s3-address.ts";
import { type ListPage, type PartsPage, readListPage, readPartsPage } from "./s3-documents.ts";
import { nameObject } from "./s3-errors.ts";
import { judgeS3 } from "./s3-judge.ts";
import type { S3Input, S3Operation, S3Signer } from "./s3-signer.ts";

type Headers = HttpAnswer["headers"];

export interface S3Requests {
  /**
   * What an answer to HEAD says of an object; `undefined` when there is none.
   * @throws WEIGHTS_FORBIDDEN with the reason, which HEAD alone does not give
   */
  head(key: string, versionId?: string): Promise<Headers | undefined>;
  /** The same of one part, from 1; `undefined` when it is refused. */
  headPart(pin: ObjectPin, part: number): Promise<Headers | undefined>;
  /** A page of the checksums of an object's parts; `undefined` when it is refused: it takes a permission of its own. */
  partsPage(pin: ObjectPin, marker: string | undefined): Promise<PartsPage | undefined>;
  /** @throws WEIGHTS_UNREACHABLE when the list leads back to itself */
  pages(prefix: string): AsyncIterable<ListPage>;
}

export interface ObjectPin {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly etag: string | undefined;
}

/** A refusal whose reason is not known, or not worth knowing. */
class Refused extends Error {}

/** Refusals that may have many reasons, and have no body when the request was HEAD. */
const MUTE = new Set([301, 307, 400, 403]);

export function createRequests(place: S3Place, signer: S3Signer, access: Access): S3Requests {
  interface Sending {
    /** Beside the signed headers. */
    readonly headers?: Readonly<Record<string, string>>;
    /** Status codes, or all, that are thrown as `Refused`. */
    readonly refusals?: { has(status: number): boolean };
  }

  function send<Name extends S3Operation>(
    method: "GET" | "HEAD",
    operation: Name,
    input: S3Input<Name>,
    { headers: more, refusals }: Sending = {},
  ): Promise<HttpAnswer> {
    const { Key, VersionId } = input as { Key?: string; VersionId?: string };
    const ask = { operation, versionId: VersionId, ...(Key !== undefined && { key: Key }) };
    const target = async (): Promise<HttpTarget> => {
      const { url, headers } = await signer.sign(operation, input);
      return { url, headers: { ...headers, ...more } };
    };
    return access.fetch(method, target, (answer) => {
      const verdict = judgeS3(answer, ask, place, signer);
      const final = verdict.action === "fail" || verdict.action === "changed";
      if (!final || !refusals?.has(answer.status)) return verdict;
      return { action: "fail", error: new Refused(verdict.error.message, { cause: verdict.error }) };
    });
  }

  async function head(key: string, versionId?: string): Promise<Headers | undefined> {
    const input = { Key: key, VersionId: versionId };
    const ask = async () =>
      (await send("HEAD", "HeadObject", { ...input, ChecksumMode: "ENABLED" }, { refusals: MUTE })).headers;
    try {
      return await ask().catch(async (error) => {
        if (!(error instanceof Refused)) throw error;
        // Asked as a GET, S3 says why; that may have been put right on the way.
        const { headers } = await send("GET", "GetObject", input, { headers: { range: "bytes=0-0" } });
        return ask().catch((again) => {
          if (!(again instanceof Refused)) throw again;
          return wholeOf(headers, again);
        });
      });
    } catch (error) {
      if (error instanceof ColdframeError && error.code === "WEIGHTS_NOT_FOUND") return undefined;
      throw error;
    }
  }

  async function* pages(prefix: string): AsyncGenerator<ListPage> {
    const where = nameObject(place, { key: prefix });
    const tokens = new Set<string>();
    const load = async (token: string | undefined): Promise<ListPage> => {
      const input = { Prefix: prefix, ContinuationToken: token, EncodingType: "url" as const };
      return readListPage((await send("GET", "ListObjectsV2", input)).body, where);
    };
    for (let next: Promise<ListPage> | undefined = load(undefined); next; ) {
      const page: ListPage = await next;
      next = undefined;
      if (page.next !== undefined) {
        if (tokens.has(page.next)) throw endless(where);
        tokens.add(page.next);
        // On its way while the objects of this page are looked at.
        next = load(page.next);
        next.catch(() => {});
      }
      yield page;
    }
  }

  return {
    head,
    pages,

    async headPart({ key, versionId, etag }, part) {
      const input = { Key: key, VersionId: versionId, PartNumber: part, ChecksumMode: "ENABLED" as const };
      const headers: Record<string, string> = etag === undefined ? {} : { "if-match": etag };
      try {
        return (await send("HEAD", "HeadObject", input, { headers, refusals: ALL })).headers;
      } catch (error) {
        if (error instanceof Refused) return undefined;
        throw error;
      }
    },

    async partsPage({ key, versionId }, marker) {
      const input = {
        Key: key,
        VersionId: versionId,
        ObjectAttributes: ["ETag" as const, "ObjectParts" as const],
        ...(marker !== undefined && { PartNumberMarker: marker }),
      };
      try {
        const { body } = await send("GET", "GetObjectAttributes", input, { refusals: ALL });
        return readPartsPage(body, nameObject(place, { key, versionId }));
      } catch (error) {
        // Or it is not understood: a server may answer with the object itself.
        if (error instanceof Refused || error instanceof ColdframeError) return undefined;
        throw error;
      }
    },
  };
}

/** A gateway that allows only GET: the headers of its first byte, as if they were of the whole. */
function wholeOf(headers: Headers, refused: Refused): Headers {
  const size = /\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1];
  if (size === undefined) throw refused.cause;
  return { ...headers, "content-length": size };
}

const ALL = { has: () => true };

const endless = (where: string): ColdframeError =>
  new ColdframeError(
    "WEIGHTS_UNREACHABLE",
    `the list of ${where} does not end: a page led back to an earlier one.`,
    { fix: "Check that the endpoint speaks S3." },
  );
