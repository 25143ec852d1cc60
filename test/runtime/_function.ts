// A model as a Lambda function inside the test's own process: the handlers are called as the runtime client calls them.
// What the wire makes of it is proved in test/local and test/conformance.

import { EventEmitter, once } from "node:events";
import functionUrl from "../../adapter/runtime/events/function-url.ts";
import direct from "../../adapter/runtime/events/direct.ts";
import type { DataDirectory, Deployment, Observer, Settings } from "../../adapter/runtime/contracts.ts";
import * as late from "../../adapter/runtime/late.ts";
import { readSecrets } from "../../adapter/runtime/secrets.ts";
import { http } from "../../adapter/runtime/targets/_http.ts";
import type { CreateReceiver } from "../../adapter/runtime/targets/_receiver.ts";
import { records } from "../../adapter/runtime/targets/_records.ts";
import { type LambdaContext, lambda } from "../../adapter/runtime/targets/lambda.ts";

export interface FunctionOptions {
  readonly settings?: Partial<Settings>;
  readonly config?: Record<string, unknown>;
  /** The artifact's folder. */
  readonly folder?: string;
  /** Default: function-url and direct. */
  readonly sources?: readonly CreateReceiver[];
  readonly observer?: Observer;
}

// A process has one function; a test's has many.
process.setMaxListeners(0);

/** Start a function around `Model`, as the generated entry would. */
export function startFunction(Model: unknown, options: FunctionOptions = {}) {
  const deployment: Deployment = {
    config: { model_name: "test", ...options.config },
    settings: {
      modelName: "test",
      className: "Model",
      predictConcurrency: 1,
      streamingReadTimeoutMs: 60_000,
      loadTimeoutMs: 60_000,
      secrets: {},
      ...options.settings,
    },
    modelFile: "model/model.ts",
    importModel: async () => ({ default: Model }),
    readSecrets,
    observer: options.observer,
  };
  const handlers = lambda(deployment, options.sources ?? [http(functionUrl), records(direct)], {
    folder: options.folder ?? "/nowhere",
    codeCache: "absent",
    late: () => late,
    data: shippedData(options.folder ?? "/nowhere"),
  });
  handlers.ready.catch(() => {});
  return {
    ...handlers,
    /** One buffered HTTP call. */
    async post(body: unknown, more: Partial<HttpEvent> = {}, timeoutMs?: number): Promise<HttpResult> {
      const event = httpEvent({ body: typeof body === "string" ? body : JSON.stringify(body), ...more });
      return (await handlers.buffered(event, context(timeoutMs))) as HttpResult;
    },
    /** One streamed HTTP call; `stream` collects what a client would see. */
    async postStream(body: unknown, more: Partial<HttpEvent> = {}, timeoutMs?: number) {
      const event = httpEvent({ body: JSON.stringify(body), ...more });
      const stream = new FakeResponseStream();
      const failure = await handlers.stream(event, stream, context(timeoutMs)).then(
        () => undefined,
        (error: Error) => error,
      );
      return { stream, failure, ...stream.parse() };
    },
    invoke: (payload: unknown, timeoutMs?: number) => handlers.buffered(payload, context(timeoutMs)),
  };
}

/** What the stub of an artifact without weights hands in. */
export function shippedData(folder: string): DataDirectory {
  const path = `${folder}/data`;
  return { path, ready: async (file = "") => (file === "" ? path : `${path}/${file}`) };
}

export interface HttpResult {
  statusCode: number;
  headers: Record<string, string>;
  cookies?: string[];
  body?: string;
  isBase64Encoded: boolean;
}

interface HttpEvent {
  method: string;
  rawPath: string;
  rawQueryString: string;
  headers: Record<string, string>;
  cookies: string[];
  body: string;
  isBase64Encoded: boolean;
  stage: string;
}

/** A payload 2.0 event, as a function URL makes it. */
export function httpEvent({ method = "POST", stage = "$default", ...event }: Partial<HttpEvent>) {
  return {
    version: "2.0",
    rawPath: "/predict",
    rawQueryString: "",
    isBase64Encoded: false,
    ...event,
    headers: { host: "test.lambda-url", "content-type": "application/json", ...event.headers },
    requestContext: { stage, http: { method, path: event.rawPath ?? "/predict" } },
  };
}

export function context(timeoutMs = 30_000): LambdaContext {
  const deadline = Date.now() + timeoutMs;
  return { awsRequestId: "request-1", getRemainingTimeInMillis: () => deadline - Date.now() };
}

/**
 * As strict as the runtime client's: writing after the end, and destroying, kill the process there and throw here; the
 * content type cannot change once something was written.
 */
export class FakeResponseStream extends EventEmitter {
  contentType = "application/octet-stream";
  readonly chunks: Buffer[] = [];
  ended = false;
  closed = false;
  /** Answer `false` to writes, as a full socket does, until `drain()`. */
  full = false;
  #written = false;

  setContentType(type: string): void {
    if (this.#written) throw new Error("Cannot set content-type, too late.");
    this.contentType = type;
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.ended) throw new Error("write after end: the runtime client's process would exit");
    this.#written = true;
    // A destroyed request takes nothing, says so by `false`, and never drains.
    if (this.closed) return false;
    if (chunk.length > 0) this.chunks.push(Buffer.from(chunk as string));
    this.emit("written");
    return !this.full;
  }

  end(): void {
    this.ended = true;
  }

  drain(): void {
    this.full = false;
    this.emit("drain");
  }

  /** The platform closes the socket: the caller is gone. */
  close(): void {
    this.closed = true;
    this.emit("close");
  }

  written(): Promise<unknown> {
    return once(this, "written");
  }

  parse() {
    const all = Buffer.concat(this.chunks);
    const delimiter = all.indexOf(Buffer.alloc(8));
    if (!this.contentType.endsWith("http-integration-response"))
      return { prelude: undefined, body: all.toString() };
    const prelude = JSON.parse(all.subarray(0, delimiter).toString()) as HttpResult;
    return { prelude, body: all.subarray(delimiter + 8).toString() };
  }
}

/** What JSON body an HTTP result carries. */
export function bodyOf(result: { body?: string }): unknown {
  return JSON.parse(result.body ?? "null");
}
