// What a model is given, as the body of a request.

const OCTETS = "application/octet-stream";

/** A body that fetch knows how to send, and its type where fetch would not know it. */
export interface RequestBody extends Pick<RequestInit, "body"> {
  readonly contentType: string | undefined;
}

/**
 * Bytes, blobs, forms and streams as they are; a string as it is where a content type says that it is no JSON; anything
 * else as JSON.
 * @param contentType the caller's own
 */
export async function toRequestBody(input: unknown, contentType: string | undefined): Promise<RequestBody> {
  if (input instanceof ArrayBuffer) return bytes(new Uint8Array(input));
  if (ArrayBuffer.isView(input))
    return bytes(new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
  // Read here: not every browser takes one as the body of a request.
  if (input instanceof ReadableStream) return bytes(new Uint8Array(await new Response(input).arrayBuffer()));
  if (input instanceof Blob) return { body: input, contentType: input.type || OCTETS };
  if (input instanceof FormData || input instanceof URLSearchParams)
    return { body: input, contentType: undefined };
  const isJson = contentType === undefined || /[/+]json\b/i.test(contentType);
  if (typeof input === "string" && !isJson) return { body: input, contentType };
  return input === undefined
    ? { body: null, contentType: undefined }
    : { body: JSON.stringify(input), contentType: "application/json" };
}

const bytes = (body: Uint8Array): RequestBody => ({
  body: body as Uint8Array<ArrayBuffer>,
  contentType: OCTETS,
});
