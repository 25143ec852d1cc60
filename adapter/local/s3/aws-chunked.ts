// The body format aws-chunked: pieces with their length, with or without a signature each, and trailers after the last.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html.

import { createHash } from "node:crypto";
import type { Identity } from "./authenticate.ts";
import { S3Error } from "./s3-error.ts";
import { scopeOf, sign } from "./signature.ts";

/** What x-amz-content-sha256 says of such a body. */
export type StreamingPayload =
  | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
  | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
  | "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

export interface Decoded {
  readonly pieces: readonly Buffer[];
  /** Lower-case names. */
  readonly trailers: ReadonlyMap<string, string>;
}

/**
 * @param identity whose signature begins the chain; a body with signed pieces needs one
 * @throws IncompleteBody, MalformedTrailerError, SignatureDoesNotMatch
 */
export function decodeAwsChunked(
  body: Buffer,
  payload: StreamingPayload,
  identity: Identity | undefined,
): Decoded {
  const pieces: Buffer[] = [];
  const chain = payload === "STREAMING-UNSIGNED-PAYLOAD-TRAILER" ? undefined : newChain(identity);
  let at = 0;
  for (;;) {
    const end = body.indexOf("\r\n", at);
    const head = /^([\da-f]+)(?:;chunk-signature=([\da-f]{64}))?$/i.exec(
      body.toString("latin1", at, Math.max(end, at)),
    );
    if (head === null) throw new S3Error("IncompleteBody");
    const size = Number.parseInt(head[1] as string, 16);
    const start = end + 2;
    const piece = body.subarray(start, start + size);
    chain?.piece(piece, head[2]);
    at = start + size;
    if (size === 0) break;
    if (piece.length < size || body.toString("latin1", at, at + 2) !== "\r\n")
      throw new S3Error("IncompleteBody");
    pieces.push(piece);
    at += 2;
  }
  const trailers = readTrailers(body.toString("latin1", at));
  if (payload.endsWith("-TRAILER")) chain?.trailers(trailers);
  trailers.delete("x-amz-trailer-signature");
  return { pieces, trailers };
}

function readTrailers(text: string): Map<string, string> {
  const trailers = new Map<string, string>();
  for (const line of text.split("\r\n").filter((line) => line !== "")) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new S3Error("MalformedTrailerError");
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return trailers;
}

/** Each signature is of the one before it. */
function newChain(identity: Identity | undefined) {
  if (identity === undefined) throw new S3Error("AccessDenied");
  const { signature, signingKey } = identity;
  let previous = signature.value;
  const next = (kind: string, hashes: readonly string[], given: string | undefined) => {
    const stringToSign = [kind, signature.time, scopeOf(signature), previous, ...hashes].join("\n");
    previous = sign(signingKey, stringToSign);
    if (previous !== given) {
      throw new S3Error("SignatureDoesNotMatch", {
        elements: {
          AWSAccessKeyId: signature.accessKeyId,
          StringToSign: stringToSign,
          SignatureProvided: given,
        },
      });
    }
  };
  return {
    piece: (piece: Buffer, given: string | undefined) =>
      next("AWS4-HMAC-SHA256-PAYLOAD", [sha256(""), sha256(piece)], given),
    trailers: (trailers: ReadonlyMap<string, string>) => {
      const lines = [...trailers]
        .filter(([name]) => name !== "x-amz-trailer-signature")
        .map(([name, value]) => `${name}:${value}\n`);
      next(
        "AWS4-HMAC-SHA256-TRAILER",
        [sha256(lines.toSorted().join(""))],
        trailers.get("x-amz-trailer-signature"),
      );
    },
  };
}

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
