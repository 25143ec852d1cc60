// The platform's end of the Runtime API, version 2018-06-01, for one process of the function: hands out invocations,
// takes responses, refuses what comes out of order. It knows no processes and no clocks; environment.ts does.
// Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; messages and sizes of the runtime interface emulator,
// aws-lambda-runtime-interface-emulator/internal/lambda/rapi.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Exchange,
  type FunctionError,
  functionError,
  type Outcome,
  toFunctionError,
} from "./outcome.ts";
import {
  accept,
  type InvocationRequest,
  PAYLOAD_LIMIT_BYTES,
  record,
  refuse,
  refuseTooLarge,
  toNextHeaders,
} from "./runtime-api-documents.ts";
import { readStreamed, type StreamedReading } from "./streamed-response.ts";

/** Go's limit, for RAPID is written in Go: error trailers of AWS's client have no limit of their own. */
const HEADER_LIMIT_BYTES = 1024 * 1024;
/** How long a broken response waits for the news that its process has ended. */
const EXIT_GRACE_MS = 200;
const ROUTE = /^\/2018-06-01(\/runtime\/(?:invocation\/(?:next|([^/]+)\/(response|error))|init\/error))$/;

export interface RuntimeApi {
  /** `host:port`, for AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** Settles with the first /next, or with the error of /init/error. */
  readonly initialised: Promise<FunctionError | undefined>;
  /** The function asks for its next invocation: settles at once when it already does. */
  idle(): Promise<void>;
  /** Hand over one invocation; call it only when idle. */
  invoke(request: InvocationRequest): Promise<Outcome>;
  /** The invocation in progress comes to `error`: the process is gone or about to be. */
  interrupt(error: FunctionError): void;
  close(): Promise<void>;
}

/** @param onExchange gets each POST in full; bodies are kept in memory only when it is given */
export async function listenRuntimeApi(onExchange?: (exchange: Exchange) => void): Promise<RuntimeApi> {
  const runtime = new Runtime(onExchange);
  const server = createServer({ maxHeaderSize: HEADER_LIMIT_BYTES }, (request, response) =>
    runtime.handle(request, response),
  );
  // A frozen process neither sends nor reads for hours; every one of these would break its connections meanwhile.
  Object.assign(server, { timeout: 0, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    initialised: runtime.initialised.promise,
    idle: () => runtime.idle.promise,
    invoke: (request) => runtime.invoke(request),
    interrupt: (error) => runtime.interrupt(error),
    close: () => close(server),
  };
}

interface Current {
  readonly request: InvocationRequest;
  readonly outcome: PromiseWithResolvers<Outcome>;
  reading?: StreamedReading;
}

/** The states are RAPID's; `responding` lasts from the first to the last byte of a response. */
type State = "Init" | "Ready" | "Running" | "Responding" | "ResponseSent" | "InitError";

class Runtime {
  readonly initialised = Promise.withResolvers<FunctionError | undefined>();
  idle = Promise.withResolvers<void>();
  readonly #onExchange: ((exchange: Exchange) => void) | undefined;
  /** What happened to the process, once somebody knows. */
  readonly #interrupted = Promise.withResolvers<FunctionError>();
  #state: State = "Init";
  #poll: ServerResponse | undefined;
  #current: Current | undefined;

  constructor(onExchange: ((exchange: Exchange) => void) | undefined) {
    this.#onExchange = onExchange;
  }

  invoke(request: InvocationRequest): Promise<Outcome> {
    const poll = this.#poll;
    if (this.#state !== "Ready" || poll === undefined)
      throw new Error(`The runtime is not Ready but ${this.#state}`);
    this.#state = "Running";
    this.#poll = undefined;
    this.idle = Promise.withResolvers<void>();
    this.#current = { request, outcome: Promise.withResolvers<Outcome>() };
    poll.writeHead(200, toNextHeaders(request)).end(request.payload);
    return this.#current.outcome.promise;
  }

  interrupt(error: FunctionError): void {
    this.#interrupted.resolve(error);
    this.#current?.reading?.interrupt(error);
    if (this.#current?.reading === undefined) this.#fail(error);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const [, path, id, kind] = ROUTE.exec(request.url ?? "") ?? [];
    if (request.method === "GET" && path?.endsWith("/next")) return this.#next(response);
    if (request.method !== "POST" || path === undefined || path.endsWith("/next")) {
      return refuse(response, 404, "NotFound", `No such route: ${request.method} ${request.url}`);
    }
    if (this.#onExchange !== undefined) record(request, path, this.#onExchange);
    if (kind === undefined) return this.#initError(request, response);
    if (this.#state !== "Running") return this.#refuseTransition(response, `Invocation${capitalised(kind)}`);
    if (decodeURIComponent(id ?? "") !== this.#current?.request.id) {
      return refuse(response, 400, "InvalidRequestID", "Invalid request ID");
    }
    if (kind === "error") return this.#error(request, response, this.#current);
    const mode = request.headers["lambda-runtime-function-response-mode"];
    if (mode === "streaming") return this.#streamed(request, response, this.#current);
    if (mode === undefined) return this.#buffered(request, response, this.#current);
    this.#fail(functionError("Runtime.InvalidResponseModeHeader", `The response mode is ${mode}.`));
    refuse(response, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
  }

  #next(response: ServerResponse): void {
    if (this.#poll !== undefined || this.#state === "InitError")
      return this.#refuseTransition(response, "Ready");
    this.#poll = response;
    response.once("close", () => {
      if (this.#poll === response) this.#poll = undefined;
    });
    // AWS's client asks before its error trailers have left: the question waits for the end of the response.
    if (this.#state !== "Running" && this.#state !== "Responding") this.#ready();
  }

  #ready(): void {
    this.#state = "Ready";
    this.#current = undefined;
    this.initialised.resolve(undefined);
    this.idle.resolve();
  }

  #sent(): void {
    this.#state = "ResponseSent";
    if (this.#poll !== undefined) this.#ready();
  }

  #fail(error: FunctionError): void {
    const current = this.#current;
    current?.outcome.resolve({ kind: "error", requestId: current.request.id, error, phase: "invocation" });
    if (this.#state === "Running" || this.#state === "Responding") this.#sent();
  }

  #streamed(request: IncomingMessage, response: ServerResponse, current: Current): void {
    this.#state = "Responding";
    const verdict = () => this.#verdictOnBrokenResponse();
    current.reading = readStreamed(request, current.request.id, verdict);
    current.reading.outcome.then(current.outcome.resolve);
    current.reading.ended.then((how) => {
      this.#sent();
      // Closing tells the function that nobody reads any more: its stream emits "close", and its process lives.
      if (how === "abandoned" || how === "oversized") response.setHeader("connection", "close");
      if (how === "oversized") return refuseTooLarge(response);
      accept(response);
    });
  }

  #verdictOnBrokenResponse(): Promise<FunctionError> {
    const truncated = functionError(
      "Runtime.TruncatedResponse",
      "The function closed its response before the end.",
    );
    return Promise.race([this.#interrupted.promise, later(EXIT_GRACE_MS).then(() => truncated)]);
  }

  #buffered(request: IncomingMessage, response: ServerResponse, current: Current): void {
    this.#state = "Responding";
    this.#read(request, (body) => {
      if (body === undefined) {
        const limit = `Response payload size exceeded maximum allowed payload size (${PAYLOAD_LIMIT_BYTES} bytes).`;
        this.#fail(functionError("Function.ResponseSizeTooLarge", limit));
        return refuseTooLarge(response);
      }
      const contentType = request.headers["content-type"];
      current.outcome.resolve({ kind: "buffered", requestId: current.request.id, contentType, body });
      this.#sent();
      accept(response);
    });
  }

  #error(request: IncomingMessage, response: ServerResponse, current: Current): void {
    this.#state = "Responding";
    this.#read(request, (body) => {
      const type = request.headers["lambda-runtime-function-error-type"] as string | undefined;
      const error = toFunctionError((body ?? "").toString(), type);
      current.outcome.resolve({ kind: "error", requestId: current.request.id, error, phase: "invocation" });
      this.#sent();
      accept(response);
    });
  }

  #initError(request: IncomingMessage, response: ServerResponse): void {
    if (this.#state !== "Init") return this.#refuseTransition(response, "InitError");
    this.#state = "InitError";
    this.#read(request, (body) => {
      const type = request.headers["lambda-runtime-function-error-type"] as string | undefined;
      accept(response);
      this.initialised.resolve(toFunctionError((body ?? "").toString(), type));
    });
  }

  /** Calls back with `undefined` for a body over the limit; never when the connection breaks. */
  #read(request: IncomingMessage, done: (body: Buffer | undefined) => void): void {
    const parts: Buffer[] = [];
    let size = 0;
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size <= PAYLOAD_LIMIT_BYTES) parts.push(part);
    });
    request.on("end", () => done(size > PAYLOAD_LIMIT_BYTES ? undefined : Buffer.concat(parts)));
    // The process broke off its own answer: the environment learns of the exit and interrupts.
    request.on("error", () => {});
  }

  #refuseTransition(response: ServerResponse, to: string): void {
    const message = `Transition from ${this.#state} to ${to} is not allowed for runtime`;
    refuse(response, 403, "InvalidStateTransition", message);
  }
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
