// `s3://bucket/key`, `s3://bucket/folder/`, or an ARN in place of the bucket. Plain buckets with the environment's keys
// are signed here and never load AWS's SDK; whatever has rules of its own is signed by it. The parts are in _s3-*.ts.

import type { CreateSource, HttpSource, HttpTarget, RemoteFile } from "./_contracts.ts";
import { ColdframeError } from "../errors.ts";
import { readS3Source } from "./sources/s3-address.ts";
import { readError } from "./sources/s3-documents.ts";
import { nameObject } from "./sources/s3-errors.ts";
import { judgeS3 } from "./sources/s3-judge.ts";
import { confirmChecksum, listS3 } from "./sources/s3-list.ts";
import { createRequests } from "./sources/s3-requests.ts";
import { createSigner, type S3Signer } from "./sources/s3-signer.ts";
import { isAddressable } from "./sources/url.ts";

/** Signatures kept: no more files than this are fetched at the same time. */
const MAX_TARGETS = 256;

interface Target {
  readonly signedAt: number;
  readonly target: Promise<HttpTarget>;
}

const createS3Source: CreateSource = (entry, access): HttpSource => {
  let made: { readonly signer: S3Signer; readonly place: ReturnType<typeof readS3Source> } | undefined;
  // A version that the list found, and that this role may not name: its ETag pins the object as well.
  let withoutVersions = false;
  const targets = new Map<RemoteFile, Target>();

  // Not before it is used: what is wrong with the entry is said then.
  function open() {
    if (made) return made;
    const place = readS3Source(entry.source);
    made = { place, signer: createSigner(entry, place, access) };
    return made;
  }

  const versionOf = (file: RemoteFile): string | undefined =>
    entry.versionId ?? (withoutVersions ? undefined : file.versionId);

  function sign(file: RemoteFile): Promise<HttpTarget> {
    const { signer, place } = open();
    if (!isAddressable(file.key)) {
      const message = `${nameObject(place, file)} cannot be fetched: a URL has no "." and ".." as names.`;
      return Promise.reject(new ColdframeError("WEIGHTS_INVALID", message, { fix: "Rename the object." }));
    }
    return signer.sign("GetObject", { Key: file.key, VersionId: versionOf(file) });
  }

  return {
    kind: "http",

    async *list() {
      const { place, signer } = open();
      yield* listS3(entry, place, createRequests(place, signer, access));
    },

    async target(file) {
      const { signer } = open();
      const known = targets.get(file);
      if (known && signer.isCurrent(known.signedAt)) return known.target;
      const target = sign(file);
      targets.delete(file);
      targets.set(file, { signedAt: performance.now(), target });
      if (targets.size > MAX_TARGETS) targets.delete(targets.keys().next().value as RemoteFile);
      target.catch(() => targets.delete(file));
      return target;
    },

    judge(answer, file) {
      const { signer, place } = open();
      const ask = { operation: "GetObject", key: file.key, versionId: versionOf(file) } as const;
      const verdict = judgeS3(answer, ask, place, signer);
      const refused = answer.status === 403 && readError(answer.body).code === "AccessDenied";
      if (refused && verdict.action === "fail" && file.versionId && !entry.versionId && file.etag) {
        withoutVersions = true;
        targets.clear();
        return { action: "again", error: verdict.error };
      }
      return verdict;
    },

    confirm(file) {
      const { signer, place } = open();
      return confirmChecksum(file, versionOf(file), createRequests(place, signer, access));
    },
  };
};

export default createS3Source;
