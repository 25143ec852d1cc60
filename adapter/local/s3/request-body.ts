// The body of a request, held against everything its headers and trailers say of it: length, hash, MD5, checksum.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, sig-v4-header-based-auth.html.

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Identity } from "./authenticate.ts";
import { decodeAwsChunked, type StreamingPayload } from "./aws-chunked.ts";
import { ALGORITHMS, type Algorithm, algorithmOf, checksumHeader, digestOf } from "./checksum.ts";
import type { S3Request } from "./request.ts";
import { invalidArgument, invalidRequest, S3Error } from "./s3-error.ts";

export interface RequestBody {
  /** `false`: there was nothing that says how long it is. */
  readonly hasLength: boolean;
  /** One after another: the body. */
  readonly pieces: readonly Buffer[];
  readonly size: number;
  /** Sent by the client and found to be right; base64. */
  readonly checksum: { readonly algorithm: Algorithm; readonly value: string } | undefined;
}

const STREAMING: readonly string[] = [
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
] satisfies StreamingPayload[];

/**
 * @param describesBody `false`: its x-amz-checksum-* headers are about something else, an object that is completed
 * @throws S3Error of what does not match
 */
export async function readBody(
  message: IncomingMessage,
  request: S3Request,
  identity: Identity | undefined,
  describesBody: boolean,
): Promise<RequestBody> {
  const { headers } = request;
  const payload = identity?.signature.payload ?? headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD";
  const streaming = STREAMING.includes(payload);
  // Pieces of HTTP are taken only around those of aws-chunked, which say their length elsewhere.
  if (headers["transfer-encoding"] !== undefined && !streaming)
    throw new S3Error("NotImplemented", { elements: { Header: "Transfer-Encoding" } });
  const given = await gather(message);
  const { pieces, trailers } = streaming
    ? decode(given, payload as StreamingPayload, request, identity)
    : { pieces: given, trailers: new Map<string, string>() };
  if (!streaming) checkPayload(pieces, payload);
  checkMd5(pieces, headers["content-md5"]);
  return {
    hasLength: streaming || headers["content-length"] !== undefined,
    pieces,
    size: pieces.reduce((sum, piece) => sum + piece.length, 0),
    checksum: describesBody ? checkChecksum(pieces, request.fields, trailers) : undefined,
  };
}

async function gather(message: IncomingMessage): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of message as AsyncIterable<Buffer>) pieces.push(piece);
  return pieces;
}

function decode(
  given: readonly Buffer[],
  payload: StreamingPayload,
  { headers }: S3Request,
  identity: Identity | undefined,
) {
  const length = headers["x-amz-decoded-content-length"];
  if (length === undefined || !/^\d+$/.test(length)) throw new S3Error("MissingContentLength");
  const decoded = decodeAwsChunked(Buffer.concat(given), payload, identity);
  const size = decoded.pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (size !== Number(length)) throw new S3Error("IncompleteBody");
  return decoded;
}

function checkPayload(pieces: readonly Buffer[], payload: string): void {
  if (payload === "UNSIGNED-PAYLOAD") return;
  if (!/^[\da-f]{64}$/.test(payload)) {
    throw invalidArgument(
      `x-amz-content-sha256 must be UNSIGNED-PAYLOAD, ${STREAMING.join(", ")}, or a valid sha256 value.`,
      "x-amz-content-sha256",
      payload,
    );
  }
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  const computed = hash.digest("hex");
  if (computed === payload) return;
  throw new S3Error("XAmzContentSHA256Mismatch", {
    elements: { ClientComputedContentSHA256: payload, S3ComputedContentSHA256: computed },
  });
}

function checkMd5(pieces: readonly Buffer[], given: string | undefined): void {
  if (given === undefined) return;
  if (!isBase64(given, 16)) throw new S3Error("InvalidDigest", { elements: { "Content-MD5": given } });
  const computed = digestOf("MD5", ...pieces).toString("base64");
  if (computed === given) return;
  throw new S3Error("BadDigest", {
    message: "The Content-MD5 you specified did not match what we received.",
    elements: { ExpectedDigest: given, CalculatedDigest: computed },
  });
}

function checkChecksum(
  pieces: readonly Buffer[],
  fields: S3Request["fields"],
  trailers: ReadonlyMap<string, string>,
): RequestBody["checksum"] {
  const promised = (fields["x-amz-trailer"] ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  if (promised.length !== trailers.size || promised.some((name) => !trailers.has(name)))
    throw new S3Error("MalformedTrailerError");
  const named = ALGORITHMS.filter(
    (algorithm) => fields[checksumHeader(algorithm)] !== undefined || trailers.has(checksumHeader(algorithm)),
  );
  const asked = algorithmOf(fields["x-amz-sdk-checksum-algorithm"]);
  const [algorithm] = named;
  if (named.length > 1) {
    throw invalidRequest(
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  }
  if (asked !== undefined && asked !== algorithm) {
    throw invalidRequest(
      algorithm === undefined
        ? "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
        : "Value for x-amz-sdk-checksum-algorithm header is invalid.",
    );
  }
  if (algorithm === undefined) return undefined;
  const header = checksumHeader(algorithm);
  const given = trailers.get(header) ?? fields[header] ?? "";
  const computed = digestOf(algorithm, ...pieces);
  if (!isBase64(given, computed.length)) throw invalidRequest(`Value for ${header} header is invalid.`);
  const value = computed.toString("base64");
  if (value !== given) {
    throw new S3Error("BadDigest", {
      message: `The ${algorithm} you specified did not match the calculated checksum.`,
    });
  }
  return { algorithm, value };
}

function isBase64(text: string, bytes: number): boolean {
  const decoded = Buffer.from(text, "base64");
  return decoded.length === bytes && decoded.toString("base64") === text;
}
