// OpenTelemetry: a span for each invocation and one for each of its steps, and the cold start with its phases. Only the
// API, which does nothing until the model's author registers an SDK; where spans go is the SDK's business. What the model
// does is inside, so its own spans are children. Source of the names: opentelemetry.io/docs/specs/semconv (faas, http,
// messaging, gen-ai).

import type { Attributes, Context, Link, Span, SpanKind } from "@opentelemetry/api";
import type { Call, Origin } from "../call.ts";
import type { Observation, Observer, SourceRecord } from "../contracts.ts";
import type { ColdframeError } from "../errors.ts";
import { logAnything, toText } from "./log-anything.ts";
import { redact } from "./redaction.ts";
import { routeLabel } from "./route-label.ts";
import { createSteps } from "./trace-steps.ts";
import {
  type Carrier,
  messageCarrier,
  readTraceparent,
  readXRay,
  type RemoteContext,
} from "./trace-context.ts";

/** What is used of the package; the generated entry imports it, so that it is the model's own copy. */
export type Api = Pick<
  typeof import("@opentelemetry/api"),
  "context" | "propagation" | "ROOT_CONTEXT" | "SpanKind" | "SpanStatusCode" | "trace"
>;

/** Of the time left, what is kept to answer. */
const FLUSH_MARGIN_MS = 100;

/** Where there is no deadline. */
const MAX_FLUSH_MS = 5_000;

/** Watches invocations as spans of the tracer `coldframe`. */
export function traces(api: Api, model: string): Observer {
  const tracer = () => api.trace.getTracer("coldframe");
  // Whichever comes first waits for the other: the first invocation may begin before the model is loaded.
  let coldStart: Link | undefined;
  let first: Span | undefined;

  function begin(origin: Origin, call: Call | undefined, record?: SourceRecord): Observation {
    const carrier = call?.headers ?? messageCarrier(record?.event);
    const { parent, links } = parentOf(api, carrier, origin.traceId);
    if (coldStart) links.push(coldStart);
    const { name, kind, attributes } = describe(api, model, origin, call, record);
    const span = tracer().startSpan(
      name,
      { kind, links, attributes: { ...attributes, "faas.coldstart": !first } },
      parent,
    );
    coldStart = undefined;
    first ??= span;
    const active = api.trace.setSpan(parent, span);
    const { traceId } = span.spanContext();
    const steps = createSteps(api, tracer(), active);
    return {
      // Without an SDK there is no trace, and its id is all zeros.
      traceId: /[^0]/.test(traceId) ? traceId : undefined,
      step: steps.step,
      items: steps.items,
      answered(status) {
        span.setAttribute("http.response.status_code", status);
      },
      failed: (error) => fail(api, span, error),
      end() {
        steps.end();
        span.end();
      },
    };
  }

  return {
    begin,

    coldStart({ phases, began, total_ms, weights }) {
      // The process began before anybody could watch: told afterwards. Dates, for a number may be taken as relative.
      const spawnedAt = Date.now() - process.uptime() * 1000;
      const at = (ms: number) => new Date(spawnedAt + ms);
      const attributes = { "coldframe.model": model };
      const span = tracer().startSpan("cold start", { startTime: at(0), attributes, root: true });
      const active = api.trace.setSpan(api.ROOT_CONTEXT, span);
      for (const [name, ms] of Object.entries(phases)) {
        const from = began[name] ?? 0;
        const about: Attributes = {};
        if (name === "weights" && weights) {
          about["coldframe.weights.bytes"] = weights.bytes;
          about["coldframe.weights.files"] = weights.files;
        }
        tracer()
          .startSpan(name, { startTime: at(from), attributes: about }, active)
          .end(at(from + ms));
      }
      span.end(at(total_ms));
      const link: Link = { context: span.spanContext() };
      if (first) first.addLink(link);
      else coldStart = link;
      return {};
    },

    async flush(deadline) {
      const provider = api.trace.getTracerProvider() as Provider;
      const sdk = provider.getDelegate?.() ?? provider;
      if (!sdk.forceFlush) return;
      const left = Math.min(MAX_FLUSH_MS, deadline - Date.now() - FLUSH_MARGIN_MS);
      let timer: NodeJS.Timeout | undefined;
      const tooLate = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error("there was no time left")), Math.max(0, left));
      });
      try {
        await Promise.race([sdk.forceFlush(), tooLate]);
      } catch (error) {
        logAnything("warn", "spans were not sent; they may be with the next invocation", { error });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** An SDK's provider, or the API's own in front of it. */
interface Provider {
  getDelegate?(): Provider;
  forceFlush?(): Promise<void>;
}

/**
 * The caller's span, and what is only related to it. X-Ray's own segment is the parent when X-Ray records it; otherwise it
 * would tell a sampler to drop what is meant for somebody else.
 */
function parentOf(
  api: Api,
  carrier: Carrier,
  platforms: string | undefined,
): { parent: Context; links: Link[] } {
  // The SDK's propagator, which knows tracestate and baggage; and W3C's header when none was registered.
  const extracted = api.propagation.extract(api.ROOT_CONTEXT, carrier);
  const link = (context: RemoteContext | undefined): Link[] => (context ? [{ context }] : []);
  const xray = readXRay(carrier["x-amzn-trace-id"]) ?? readXRay(platforms ?? process.env["_X_AMZN_TRACE_ID"]);
  if (api.trace.getSpanContext(extracted)) return { parent: extracted, links: link(xray) };
  const remote = readTraceparent(carrier["traceparent"]) ?? (xray?.traceFlags ? xray : undefined);
  return {
    parent: remote ? api.trace.setSpanContext(extracted, remote) : extracted,
    links: remote === xray ? [] : link(xray),
  };
}

function describe(
  { SpanKind }: Api,
  model: string,
  { id, source, tenantId }: Origin,
  call: Call | undefined,
  record: SourceRecord | undefined,
): { name: string; kind: SpanKind; attributes: Attributes } {
  const about: Attributes = {
    "faas.invocation.id": id,
    "coldframe.model": model,
    "coldframe.source": source,
  };
  if (tenantId) about["coldframe.tenant"] = tenantId;
  if (call) {
    const route = routeLabel(call.path);
    const attributes = {
      ...about,
      "faas.trigger": "http",
      "http.request.method": call.method,
      "http.route": route,
      // What a caller may write, and what nobody else should read: neither query nor headers but this one.
      "url.path": redact(call.path),
      "user_agent.original": redact(call.headers["user-agent"] ?? ""),
    };
    return { name: `${call.method} ${route}`, kind: SpanKind.SERVER, attributes };
  }
  const system = { sqs: "aws.sqs", sns: "aws.sns" }[source];
  if (!system) {
    const trigger = source === "s3" ? "datasource" : source === "eventbridge" ? "pubsub" : "other";
    return { name: model, kind: SpanKind.SERVER, attributes: { ...about, "faas.trigger": trigger } };
  }
  const { messageId, eventSourceARN, Sns } = (record?.event ?? {}) as Message;
  const destination = (eventSourceARN ?? Sns?.TopicArn ?? "").split(":").at(-1) ?? "";
  const attributes = {
    ...about,
    "faas.trigger": "pubsub",
    "messaging.system.name": system,
    "messaging.operation.type": "process",
    "messaging.operation.name": "process",
    "messaging.destination.name": destination,
    "messaging.message.id": messageId ?? Sns?.MessageId ?? "",
  };
  return { name: `process ${destination}`, kind: SpanKind.CONSUMER, attributes };
}

interface Message {
  readonly messageId?: string;
  readonly eventSourceARN?: string;
  readonly Sns?: { readonly TopicArn?: string; readonly MessageId?: string };
}

/** A caller's own mistake is no failure of this side; its code is told all the same. */
function fail({ SpanStatusCode }: Api, span: Span, error: ColdframeError): void {
  const { code, status, cause } = error;
  const { name, message, stack = "" } = cause instanceof Error ? cause : error;
  span.setAttribute("error.type", code);
  if (status < 500) return;
  const shown = (text: unknown) => redact(toText(text));
  span.recordException({ name: shown(name), message: shown(message), stack: shown(stack) });
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}
