// The stream that a streaming handler writes to: a plain object in front of one POST .../response. It defers the
// prelude to the first write, lets end(chunk) bypass it, and leaves the promise of the answer's head unawaited, so that
// a destroyed stream ends the process: each as AWS's client does. Source: aws-lambda-ric 4.0.2, index.mjs
// (createResponseStream, toWritableResponseStream, HttpResponseStream).

import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { createConnection, type TcpNetConnectOpts } from "node:net";
import { runtimeError, toErrorDocument } from "./errors.ts";

const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY = "Lambda-Runtime-Function-Error-Body";
const INTEGRATION_RESPONSE = "application/vnd.awslambda.http-integration-response";
const NUL_BYTES = 8;

const METHODS = [
  ...["cork", "destroy", "end", "uncork", "write", "addListener", "on", "once", "prependListener"],
  ...[
    "prependOnceListener",
    "off",
    "removeListener",
    "removeAllListeners",
    "setMaxListeners",
    "getMaxListeners",
  ],
  ...["listeners", "rawListeners", "listenerCount", "eventNames", "emit", "setContentType"],
] as const;
const WRITABLE_PROPERTIES = ["destroyed", "_onBeforeFirstWrite"] as const;
const READABLE_PROPERTIES = [
  ...[
    "writableFinished",
    "writableObjectMode",
    "writableEnded",
    "writableNeedDrain",
    "writableHighWaterMark",
  ],
  ...["writableCorked", "writableLength", "writable"],
] as const;

type Write = (chunk: unknown, encoding?: BufferEncoding, callback?: () => void) => boolean;

interface Patched {
  setContentType(contentType: string): void;
  _onBeforeFirstWrite?: (write: (chunk: unknown) => boolean) => void;
}

/** What the handler sees: these members and no prototype, so `instanceof Writable` is false. */
export type ResponseStream = Record<string, unknown> & Patched & { readonly writableFinished: boolean };

export interface OpenResponse {
  readonly stream: ResponseStream;
  /** Settles when the platform has answered the POST. */
  readonly done: Promise<void>;
  /** End with the error as trailers; nothing reaches the wire when the stream has ended. */
  fail(error: unknown): void;
}

/** Opens the socket at once; the head leaves with the first write. */
export function openResponse(host: string, port: number, path: string, agent: Agent): OpenResponse {
  const head = Promise.withResolvers<IncomingMessage>();
  const done = Promise.withResolvers<void>();
  const request = httpRequest(
    {
      ...{ host, port, path, agent, method: "POST" },
      headers: {
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        Trailer: [ERROR_TYPE, ERROR_BODY],
        "Content-Type": "application/octet-stream",
        "Transfer-Encoding": "chunked",
      },
    },
    (response) => {
      head.resolve(response);
      response.on("aborted", () => {
        done.reject(new Error("aborted"));
        request.destroy();
      });
      response.on("end", done.resolve).resume();
    },
  ) as ClientRequest & Patched;
  request.on("error", (error) => {
    // Nobody awaits `head`: this rejection ends the process, and with it the loaded model.
    head.reject(error);
    done.reject(error);
    request.destroy(error);
  });
  patch(request);
  return {
    stream: facade(request),
    done: done.promise,
    fail(error) {
      const document = toErrorDocument(error);
      request.addTrailers({
        [ERROR_TYPE]: document.errorType,
        [ERROR_BODY]: Buffer.from(JSON.stringify(document)).toString("base64"),
      });
      request.end();
    },
  };
}

/** One socket for all response streams of the process. @param highWaterMark bytes */
export function responseAgent(highWaterMark: number | undefined): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = (options, listener) =>
    createConnection({ ...options, highWaterMark } as TcpNetConnectOpts, listener as () => void);
  return agent;
}

/** `awslambda.HttpResponseStream`. */
export const HttpResponseStream: { from(stream: ResponseStream, prelude: unknown): ResponseStream } = {
  from(stream, prelude) {
    stream.setContentType(INTEGRATION_RESPONSE);
    const json = JSON.stringify(prelude);
    stream._onBeforeFirstWrite = (write) => {
      write(json);
      write(new Uint8Array(NUL_BYTES));
    };
    return stream;
  },
};

function patch(request: ClientRequest & Patched): void {
  let written = false;
  const write = request.write.bind(request) as Write;
  request.setContentType = (contentType) => {
    if (written) throw runtimeError("InvalidStreamingOperation", "Cannot set content-type, too late.");
    request.setHeader("Content-Type", contentType);
  };
  request.write = ((chunk: { length: number }, encoding, callback) => {
    // AWS's client reads the length for its log: null and undefined are a TypeError here, not a written "null".
    void chunk.length;
    const isBytes = typeof chunk === "string" || chunk instanceof Uint8Array;
    const data = isBytes ? chunk : JSON.stringify(chunk);
    if (!written) request._onBeforeFirstWrite?.((first) => write(first));
    const more = write(data, encoding, callback);
    written = true;
    return more;
  }) as Write as typeof request.write;
}

function facade(request: ClientRequest & Patched): ResponseStream {
  const inner = request as unknown as Record<string, unknown>;
  const stream: Record<string, unknown> = {};
  for (const name of METHODS) stream[name] = (inner[name] as (...args: unknown[]) => unknown).bind(request);
  for (const name of WRITABLE_PROPERTIES) {
    Object.defineProperty(stream, name, {
      get: () => inner[name],
      set: (value) => {
        inner[name] = value;
      },
    });
  }
  for (const name of READABLE_PROPERTIES) Object.defineProperty(stream, name, { get: () => inner[name] });
  return stream as ResponseStream;
}
