// What a test can make go wrong, between the request and the answer.

/** A request as a hook sees it, before anything is checked. */
export interface RequestInfo {
  /** From 1, in the order in which requests came. */
  readonly number: number;
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  /** The header, as it came. */
  readonly range: string | undefined;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** All that is not named happens as ever. */
export interface Fault {
  /** An error instead of the answer. */
  readonly status?: number;
  /** Of that error: `SlowDown`, `InternalError`, any other. Default: InternalError. */
  readonly code?: string;
  readonly message?: string;
  /** Put over those of the answer, the right one or the error; `undefined` takes one away. Lower-case names. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** `reset`: the connection is torn down without an answer. `hang`: it stays, and nothing ever comes. */
  readonly connection?: "reset" | "hang";
  /** The whole object with status 200, whatever Range says. */
  readonly ignoreRange?: boolean;
  /** The offset in the body of a byte that has one bit wrong. */
  readonly flipBitAt?: number;
  /** After so many bytes of the body the connection is torn down. */
  readonly cutAfter?: number;
  /** After so many bytes of the body nothing comes any more, and the connection stays. */
  readonly stallAfter?: number;
  /** After so many bytes the answer is over, as if it were whole, in pieces (chunked) instead of with its length. */
  readonly endAfter?: number;
}

/** A promise delays the answer until it settles. */
export type RequestHook = (info: RequestInfo) => Fault | undefined | Promise<Fault | undefined>;

/** One line of the log, written when the answer is over. */
export interface LoggedRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  /** As it came, without "?"; not what a presigned URL says of its signature. */
  readonly query: string;
  readonly range: string | undefined;
  /** 0 when there was no answer. */
  readonly status: number;
  /** Of the body that was sent. */
  readonly bytes: number;
}

/** The bytes of a body, as a fault lets them through. */
export async function* faultyBody(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { flipBitAt, cutAfter, stallAfter, endAfter }: Fault,
): AsyncGenerator<Uint8Array> {
  const limit = Math.min(cutAfter ?? Infinity, stallAfter ?? Infinity, endAfter ?? Infinity);
  let offset = 0;
  for await (const piece of pieces) {
    let sent = piece.subarray(0, Math.max(limit - offset, 0));
    const flip = (flipBitAt ?? -1) - offset;
    if (flip >= 0 && flip < sent.length) {
      sent = Uint8Array.from(sent);
      sent[flip] = (sent[flip] as number) ^ 1;
    }
    offset += piece.length;
    if (sent.length > 0) yield sent;
    if (offset >= limit) return;
  }
}
