// A client of one deployed model: values, streams, and a fetch for the SDKs of others. What requests have to carry is
// authorization.ts, when they are sent again attempts.ts, what answers mean answer.ts.

import { functionUrlRegion, readUrl, resolve } from "./address.ts";
import { readItems, readValue } from "./answer.ts";
import { answerOf } from "./attempts.ts";
import { createAuthorization, type PreparedRequest, refuseAuthorization } from "./authorization.ts";
import type { AwsCredentials, CredentialProvider } from "./credentials.ts";
import { type Fetch, merged, prepare, settingsOf } from "./request.ts";
import { toRequestBody } from "./request-body.ts";

export interface ClientOptions {
  /** Of the function, of the CloudFront in front of it, or of a server; a path in it goes before the path of each call. */
  readonly url: string | URL;
  /**
   * Who signs: for a URL with AuthType AWS_IAM. A function is asked again when what it gave is about to expire; those of
   * `@aws-sdk/credential-providers` are such functions. Absent: requests are not signed.
   */
  readonly credentials?: AwsCredentials | CredentialProvider | undefined;
  /** Default: as the host of a function URL has it. */
  readonly region?: string | undefined;
  /** With every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sends each request; default: the platform's own. */
  readonly fetch?: Fetch | undefined;
  /** Further tries of `predict` and `stream` when AWS or the model is busy, or does not answer; default 2. */
  readonly retries?: number | undefined;
  /**
   * Whether requests that are not signed carry the hash of their body, without which CloudFront's origin access control
   * cannot sign a POST. Default: to any https host that is no function URL.
   */
  readonly hashBody?: boolean | undefined;
}

/** A request for `authorize`, of a library that sends bytes. */
export interface UnsentRequest {
  readonly method: string;
  /** A path below `url` when it begins with a slash, else an address of the same origin. */
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
}

export interface CallOptions {
  /** Default `/predict`. */
  readonly path?: string | undefined;
  /** Over those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the call, and a stream at whatever item it is; the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface Client {
  /** As it was given, without a slash at its end. */
  readonly url: string;
  /**
   * The model's answer, gathered where the model streams: JSON as a value, text as a string, anything else as bytes.
   * @param input bytes, blobs and forms are sent as they are; anything else as JSON
   * @throws ColdframeClientError, the signal's reason
   */
  predict<Output = unknown>(input: unknown, options?: CallOptions): Promise<Output>;
  /**
   * The model's answer as it arrives: strings of text, values of NDJSON, `ServerSentEvent`s where `accept` asks for
   * `text/event-stream`, anything else as bytes. Sent when the first item is asked for; `break` ends it. Plain text has no
   * room for an error: where a whole answer matters, ask for events.
   * @throws ColdframeClientError, also in the middle of the stream; the signal's reason
   */
  stream<Item = unknown>(input: unknown, options?: CallOptions): AsyncGenerator<Item, undefined>;
  /**
   * One request with what it has to carry, sent once, and its answer whatever it is: for OpenAI's SDK and its like, which
   * try again themselves.
   * @param input a path below `url` when it begins with a slash, else an address of the same origin
   */
  readonly fetch: Fetch;
  /**
   * What a request is to be sent with by a library of HTTP that is no fetch, beside its method and body.
   * @throws ColdframeClientError
   */
  authorize(request: UnsentRequest): Promise<{ url: URL; headers: Record<string, string> }>;
}

const DEFAULT_RETRIES = 2;

/** A stream is gathered for who takes JSON rather than anything else. */
const WHOLE = "application/json, */*;q=0.5";

/** @throws OPTION_INVALID */
export function createClient(options: ClientOptions): Client {
  const base = readUrl(options.url);
  const { headers: defaults = {}, fetch: transport = fetch, retries = DEFAULT_RETRIES } = options;
  const authorization = createAuthorization({ ...options, url: base });
  const { region } = authorization;
  if (region !== undefined) refuseAuthorization(defaults);
  const sent = { region, isFunctionUrl: functionUrlRegion(base) !== undefined };

  async function send(request: PreparedRequest, settings: RequestInit): Promise<Response> {
    const { method, url, body = null } = request;
    const headers = await authorization.headersOf(request);
    return transport(url.href, {
      ...settings,
      method,
      headers,
      body: body as Uint8Array<ArrayBuffer> | null,
    });
  }

  async function ask(input: unknown, accept: string | undefined, call: CallOptions): Promise<Response> {
    const { path = "/predict", signal } = call;
    signal?.throwIfAborted();
    const headers = merged(accept === undefined ? {} : { accept }, defaults, call.headers);
    const { contentType, ...body } = await toRequestBody(input, headers.get("content-type") ?? undefined);
    if (contentType !== undefined && !headers.has("content-type")) headers.set("content-type", contentType);
    const request = await prepare(base, defaults, path, { ...body, method: "POST", headers });
    const settings = signal === undefined ? {} : { signal };
    const ways = { sent, authorization, retries, host: base.host, signal };
    return answerOf({ ...ways, send: () => send(request, settings) });
  }

  async function* items(input: unknown, call: CallOptions): AsyncGenerator<unknown, undefined> {
    yield* readItems(await ask(input, undefined, call), call.signal);
  }

  return {
    url: base.href.replace(/\/$/, ""),
    async predict<Output>(input: unknown, call: CallOptions = {}) {
      return (await readValue(await ask(input, WHOLE, call), call.signal)) as Output;
    },
    stream<Item>(input: unknown, call: CallOptions = {}) {
      return items(input, call) as AsyncGenerator<Item, undefined>;
    },
    async fetch(input, init) {
      return send(await prepare(base, defaults, input, init), settingsOf(input, init));
    },
    async authorize({ method, url: address, headers: given, body }) {
      const url = resolve(base, address);
      const headers = Object.fromEntries(merged(defaults, given));
      return { url, headers: await authorization.headersOf({ method, url, headers, body }) };
    },
  };
}
