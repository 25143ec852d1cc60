// One request from its first byte to the last of its answer: who asks, for what, what a test wants to go wrong, and the
// line it leaves in the log.

import type { IncomingMessage, ServerResponse } from "node:http";
import { authenticate } from "./authenticate.ts";
import type { Answer, Store } from "./call.ts";
import type { Fault, LoggedRequest, RequestHook, RequestInfo } from "./fault.ts";
import { findOperation } from "./operations.ts";
import { arnOf, checkAllowed, type LocalCredentials } from "./principal.ts";
import { readRequest, type S3Request } from "./request.ts";
import { readBody } from "./request-body.ts";
import { S3Error } from "./s3-error.ts";
import { errorAnswer, faultAnswer, newIds, send } from "./send.ts";

export interface ServerState {
  readonly store: Store;
  readonly hooks: Set<RequestHook>;
  readonly log: LoggedRequest[];
  credentials: readonly LocalCredentials[];
  clockOffsetMs: number;
}

/** Never rejects: whatever goes wrong is an answer, or the end of the connection. */
export async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  state: ServerState,
): Promise<void> {
  const ids = newIds();
  const entry = { ...logEntry(message), bucket: "", key: "", status: 0, bytes: 0 };
  // At once, and filled in later: whoever has the answer finds it there.
  const number = state.log.push(entry);
  let fault: Fault = {};
  let answer: Answer;
  try {
    const request = readRequest(message);
    Object.assign(entry, { bucket: request.bucket, key: request.key });
    fault = (await firstFault(state, { ...infoOf(request), number })) ?? {};
    if (fault.connection === "hang") return;
    if (fault.connection === "reset") {
      message.socket.resetAndDestroy();
      return;
    }
    answer =
      fault.status === undefined
        ? await handle(message, request, state, fault)
        : faultAnswer(fault.status, fault, ids);
  } catch (error) {
    // The client has left before its request was whole.
    if (message.destroyed && !message.complete) return;
    answer = errorAnswer(error instanceof S3Error ? error : internal(error), ids);
  }
  entry.status = answer.status;
  const now = Date.now() + state.clockOffsetMs;
  await send(response, answer, { fault, ids, now, onBytes: (bytes) => (entry.bytes += bytes) });
}

async function handle(
  message: IncomingMessage,
  request: S3Request,
  { store, credentials, clockOffsetMs }: ServerState,
  fault: Fault,
): Promise<Answer> {
  const bucket = store.buckets.get(request.bucket);
  const now = Date.now() + clockOffsetMs;
  const identity = authenticate(request, {
    credentials,
    region: store.region,
    now,
    // Asked to learn the region, so answered in every one.
    bucketRegion: request.query.has("location") ? undefined : bucket?.region,
  });
  const operation = findOperation(request);
  const principal = identity?.principal;
  const call = {
    request: fault.ignoreRange === true ? withoutRange(request) : request,
    store,
    principal,
    now: new Date(Math.trunc(now / 1000) * 1000),
    allow: (action: string, key?: string) =>
      checkAllowed(principal, action, arnOf(request.bucket, key), bucket?.publicActions ?? []),
  };
  if (operation.about === "service")
    return operation.run({ ...call, body: await readBody(message, request, identity, true) });
  if (bucket === undefined) throw new S3Error("NoSuchBucket", { elements: { BucketName: request.bucket } });
  const body = await readBody(message, request, identity, operation.checksumOfObject !== true);
  return operation.run({ ...call, bucket, body });
}

async function firstFault({ hooks }: ServerState, info: RequestInfo): Promise<Fault | undefined> {
  for (const hook of hooks) {
    const fault = await hook(info);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function infoOf({ method, bucket, key, query, headers }: S3Request): Omit<RequestInfo, "number"> {
  return { method, bucket, key, query, headers, range: headers["range"] };
}

function withoutRange(request: S3Request): S3Request {
  const { range: _, ...headers } = request.headers;
  return { ...request, headers };
}

function internal(error: unknown): S3Error {
  return new S3Error("InternalError", { message: `The local S3 has failed: ${String(error)}` });
}

function logEntry({ method = "GET", url = "/", headers }: IncomingMessage) {
  const mark = url.indexOf("?");
  const pairs = mark < 0 ? [] : url.slice(mark + 1).split("&");
  return { method, query: pairs.filter((pair) => !SIGNING.test(pair)).join("&"), range: headers.range };
}

/** What a presigned URL says of its signature: not for a log. */
const SIGNING = /^x-amz-(algorithm|credential|date|expires|security-token|signature|signedheaders)=/i;
