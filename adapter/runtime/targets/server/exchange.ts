// One request and its answer: a Call for the table of routes, and its Reply onto the socket. Nothing WHATWG is built
// and nothing is copied that Node has made already.

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
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

/** The origin of calls, in `invocation.source` and in metrics. */
const SOURCE = "http";

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

  const tooLate = () =>
    new ColdframeError(
      "PREDICT_TIMEOUT",
      `the answer took over ${timeoutMs / 1000} s: raise server.request_timeout_seconds.`,
    );

  const onRequest: OnRequest = async (request, response, expectsContinue) => {
    const facts = readFacts?.(request.headers);
    const ownDeadline = timeoutMs ? Date.now() + timeoutMs : Number.POSITIVE_INFINITY;
    const deadline = Math.min(ownDeadline, facts?.deadline ?? Number.POSITIVE_INFINITY);
    // Whoever ends the call first says why.
    const platforms = deadline < ownDeadline ? facts?.cancellation : undefined;
    const cancellation = platforms ?? new Cancellation(timeoutMs && ownDeadline, tooLate);
    const { socket } = request;
    callers.begin(socket, cancellation);
    const named = request.headers["x-request-id"] as string | undefined;
    const id = facts?.id ?? (named && REQUEST_ID.test(named) ? named : randomUUID());
    const origin: { -readonly [K in keyof Origin]: Origin[K] } = {
      id,
      source: SOURCE,
      event: facts?.event,
      deadline,
      tenantId: facts?.tenantId,
      traceId: facts?.traceId ?? callersTrace(request.headers as Record<string, string>),
      cancellation,
    };
    const body = requestBody(request, response, cancellation, options.body, expectsContinue);
    const call = toCall(request, origin, body, options.body.maxBytes);
    const observation = observer?.begin(origin, call);
    origin.observation = observation;
    async function leave(answer: Reply, closes: boolean): Promise<void> {
      // The rest of a small body that nobody wanted is in the packet that is being parsed.
      if (body.isComing()) await new Promise(setImmediate);
      observation?.answered(answer.status);
      await writeReply(response, answer, { cancellation, isUnread: body.isComing(), closes, silenceMs });
    }

    let reply: Reply | undefined;
    async function answer(): Promise<void> {
      reply = hasHost(request)
        ? compressed(await route(call), call, artifact.late)
        : failedReply(noHost(), origin, artifact);
      await leave(reply, options.closes());
    }

    try {
      await inCall(origin, answer);
    } catch (thrown) {
      const failed = reply?.failed?.(thrown) ?? failedReply(thrown, origin, artifact);
      // What the model answered cannot be sent, such as a header that HTTP does not know.
      if (!response.headersSent) await leave(failed, true);
    } finally {
      observation?.end();
      cancellation.end();
      callers.end(socket, cancellation);
      exchanges.onEnd();
    }
  };

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

const hasHost = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.host !== undefined || httpVersion === "1.0";

const noHost = (): ColdframeError =>
  new ColdframeError("INPUT_INVALID", "the request has no Host header, which HTTP/1.1 asks for.");
