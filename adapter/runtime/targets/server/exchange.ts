// One request and its answer: a Call for the table of routes, and its Reply onto the socket. Nothing WHATWG is built
// and nothing is copied that Node has made already.

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Call, Cancellation, type Origin, type Reply } from "../../call.ts";
import type { Artifact, Observer } from "../../contracts.ts";
import { ColdframeError } from "../../errors.ts";
import { failedReply } from "../../failure.ts";
import type { Route } from "../../routes.ts";
import { callersTrace } from "../../observe/trace-context.ts";
import { compressed } from "../_compression.ts";
import { READER_SILENCE_MS, writeReply } from "./answer.ts";
import { Callers } from "./callers.ts";
import { inCall } from "./console-lines.ts";
import type { OnRequest } from "./http-server.ts";
import type { ReadFacts } from "./lambda-context.ts";
import { type BodyLimits, type RequestBody, requestBody } from "./request-body.ts";

/** What every exchange is made with. */
export interface ExchangeOptions {
  readonly route: Route;
  readonly artifact: Artifact;
  readonly observer: Observer | undefined;
  readonly body: BodyLimits;
  /** See answer.ts. */
  readonly readerSilenceMs?: number;
  /** The longest an answer may take, in milliseconds; 0: as long as it takes. */
  readonly timeoutMs: number;
  /** Of a platform that says more of a call than its caller does. */
  readonly readFacts?: ReadFacts | undefined;
  /** Whether connections are to end with the answer they carry. */
  readonly closes: () => boolean;
}

/** What is being answered. */
export interface Exchanges {
  readonly onRequest: OnRequest;
  readonly callers: Callers;
  /** Runs when a call was answered. */
  onEnd: () => void;
}

/** What a gateway may have named the request; anything else gets a name of ours. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;

/**
 * A name of ours is a UUID whose last three digits count: one made anew is most of what it costs to read a head. Strings
 * that are there already, since V8 keeps what it has made of a number: of each call something would outlive it, which
 * makes the young generation grow out of the processor's cache.
 */
const OWN_ENDS = Array.from({ length: 1000 }, (_, count) => String(count).padStart(3, "0"));

/** The origin of calls, in `invocation.source` and in metrics. */
const SOURCE = "http";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: RequestBody;
  readonly call: Call;
}

/** Answer requests over a table of routes. */
export function createExchanges(options: ExchangeOptions): Exchanges {
  const {
    route,
    artifact,
    observer,
    readFacts,
    timeoutMs,
    readerSilenceMs: silenceMs = READER_SILENCE_MS,
  } = options;
  const callers = new Callers();
  let ownPrefix = "";
  let ownCount = OWN_ENDS.length;

  function ownId(): string {
    if (ownCount === OWN_ENDS.length) {
      ownCount = 0;
      ownPrefix = randomUUID().slice(0, -3);
    }
    return ownPrefix + OWN_ENDS[ownCount++];
  }

  const tooLate = () =>
    new ColdframeError(
      "PREDICT_TIMEOUT",
      `the answer took over ${timeoutMs / 1000} s: raise server.request_timeout_seconds.`,
    );

  const onRequest: OnRequest = (request, response, expectsContinue) => {
    const { headers, socket } = request;
    const facts = readFacts?.(headers);
    const ownDeadline = timeoutMs ? Date.now() + timeoutMs : Number.POSITIVE_INFINITY;
    const deadline = Math.min(ownDeadline, facts?.deadline ?? Number.POSITIVE_INFINITY);
    // Whoever ends the call first says why.
    const platforms = deadline < ownDeadline ? facts?.cancellation : undefined;
    const cancellation = platforms ?? new Cancellation(timeoutMs && ownDeadline, tooLate);
    callers.begin(socket, cancellation);
    const named = headers["x-request-id"] as string | undefined;
    const id = facts?.id ?? (named && REQUEST_ID.test(named) ? named : ownId());
    const origin: { -readonly [K in keyof Origin]: Origin[K] } = {
      id,
      source: SOURCE,
      event: facts?.event,
      deadline,
      tenantId: facts?.tenantId,
      traceId: facts?.traceId ?? callersTrace(headers as Record<string, string>),
      cancellation,
    };
    const body = requestBody(request, response, cancellation, options.body, expectsContinue);
    const call = toCall(request, origin, body, options.body.maxBytes);
    origin.observation = observer?.begin(origin, call);
    void inCall(origin, () => answer({ request, response, body, call }));
  };

  // The one asynchronous function of a call whose model answers at once: each has a promise and turns of its own.
  async function answer(exchange: Exchange): Promise<void> {
    const { request, response, body, call } = exchange;
    const { origin } = call;
    let reply: Reply | undefined;
    try {
      // The parser goes on with the packet that held the head, and a small body is in it.
      if (body.isComing()) await undefined;
      const given = hasHost(request) ? route(call) : failedReply(noHost(), origin, artifact);
      reply = compressed(given instanceof Promise ? await given : given, call, artifact.late);
      if (body.isComing()) await parsed();
      const leaving = leave(exchange, reply, options.closes());
      if (leaving) await leaving;
    } catch (thrown) {
      const failed = reply?.failed?.(thrown) ?? failedReply(thrown, origin, artifact);
      if (body.isComing()) await parsed();
      // What the model answered cannot be sent, such as a header that HTTP does not know.
      if (!response.headersSent) await leave(exchange, failed, true);
    } finally {
      origin.observation?.end();
      origin.cancellation.end();
      callers.end(request.socket, origin.cancellation);
      exchanges.onEnd();
    }
  }

  function leave(
    { response, body, call }: Exchange,
    reply: Reply,
    closes: boolean,
  ): Promise<void> | undefined {
    const { cancellation, observation } = call.origin;
    observation?.answered(reply.status);
    return writeReply(response, reply, { cancellation, isUnread: body.isComing(), closes, silenceMs });
  }

  const exchanges: Exchanges = { onRequest, callers, onEnd: () => {} };
  return exchanges;
}

function toCall(
  { method = "GET", url = "/", headers }: IncomingMessage,
  origin: Origin,
  { arrived, read }: RequestBody,
  maxBodyBytes: number,
): Call {
  // A proxy may send the whole address, which every server has to take (RFC 9112 3.2.2).
  const target =
    url.charCodeAt(0) === SLASH ? url : url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "") || "/";
  const at = target.indexOf("?");
  return {
    method,
    path: at < 0 ? target : target.slice(0, at),
    query: at < 0 ? "" : target.slice(at + 1),
    // Node joins what is repeated, all but `set-cookie`, which no request has.
    headers: headers as Record<string, string>,
    arrived,
    body: read,
    maxBodyBytes,
    origin,
  };
}

const SLASH = 0x2f;

/** The rest of a small body that nobody wanted is in the packet that is being parsed. */
const parsed = (): Promise<void> => new Promise(setImmediate);

const hasHost = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.host !== undefined || httpVersion === "1.0";

const noHost = (): ColdframeError =>
  new ColdframeError("INPUT_INVALID", "the request has no Host header, which HTTP/1.1 asks for.");
