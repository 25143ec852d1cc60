// Which bytes of an object a GET or HEAD is about: Range or partNumber.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html; the odd cases as recorded from AWS by LocalStack
// (test_get_object_range): what is no range is ignored, and so are several.

import type { S3Request } from "./request.ts";
import { invalidArgument, invalidRequest, S3Error } from "./s3-error.ts";
import type { StoredObject } from "./stored-object.ts";

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** `true`: answered with 206 and Content-Range, even when it is everything. */
  readonly partial: boolean;
}

/** @throws InvalidRange, InvalidPartNumber, InvalidRequest */
export function selectBytes({ headers, query }: S3Request, object: StoredObject): ByteRange {
  const range = headers["range"];
  const partNumber = query.get("partNumber");
  if (partNumber === undefined) return selectRange(range, object.content.size);
  if (range !== undefined)
    throw invalidRequest("Cannot specify both Range header and partNumber query parameter");
  return selectPart(partNumber, object);
}

function selectRange(range: string | undefined, size: number): ByteRange {
  const whole = { start: 0, end: size, partial: false };
  const found = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (found === null) return whole;
  const [first, last] = [found[1] as string, found[2] as string];
  if (first === "" && last === "") return whole;
  const start = first === "" ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(Number(last) + 1, size);
  if (first !== "" && last !== "" && Number(last) < Number(first) && Number(first) < size) return whole;
  if (start >= size) {
    throw new S3Error("InvalidRange", {
      elements: { RangeRequested: range, ActualObjectSize: size },
      headers: { "content-range": `bytes */${size}` },
    });
  }
  return { start, end, partial: true };
}

function selectPart(text: string, { content, parts }: StoredObject): ByteRange {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 10_000) {
    throw invalidArgument(
      "Part number must be an integer between 1 and 10000, inclusive",
      "partNumber",
      text,
    );
  }
  const part = (parts ?? [{ number: 1, start: 0, size: content.size }])[number - 1];
  if (part === undefined) {
    throw new S3Error("InvalidPartNumber", {
      elements: { PartNumberRequested: number, ActualPartCount: parts?.length ?? 1 },
    });
  }
  // An empty object has no byte that Content-Range could name.
  return { start: part.start, end: part.start + part.size, partial: content.size > 0 };
}
