// What Lambda tells a server of an invocation, in headers: those of Web Functions, whose own no caller can send, and
// those of the Lambda Web Adapter, which sets them over whatever a caller sent. Nobody else's are believed.
// Sources: docs.aws.amazon.com/lambda/latest/dg/web-functions-http.html; aws-lambda-web-adapter, src/lib.rs, with
// aws-lambda-rust-runtime's Context as JSON.

import { Cancellation, type Origin } from "../../call.ts";
import { ColdframeError } from "../../errors.ts";

/** What the platform knows of one call; with a `cancellation` where it ends calls at their deadline. */
export type PlatformFacts = Partial<
  Pick<Origin, "id" | "deadline" | "tenantId" | "traceId" | "event" | "cancellation">
>;

/** Reads the facts of a call from its headers. */
export type ReadFacts = (headers: Readonly<Record<string, string | string[] | undefined>>) => PlatformFacts;

/** Undefined where the platform tells nothing. */
export function lambdaFacts(env: NodeJS.ProcessEnv = process.env): ReadFacts | undefined {
  if (env["AWS_LAMBDA_HTTP_ENDPOINT"]) return ofWebFunction;
  return env["AWS_LAMBDA_RUNTIME_API"] ? ofWebAdapter : undefined;
}

const ofWebFunction: ReadFacts = ({ "lambda-web-request-id": id }) => (typeof id === "string" ? { id } : {});

const ofWebAdapter: ReadFacts = (headers) => {
  const context = readJson(headers["x-amzn-lambda-context"]);
  const { request_id: id, deadline, tenant_id: tenantId, xray_trace_id: xray } = context;
  const traceId = /Root=([^;]+)/.exec(`${xray}`)?.[1];
  return {
    ...(typeof id === "string" && { id }),
    ...(typeof deadline === "number" && { deadline, cancellation: endBefore(deadline) }),
    ...(typeof tenantId === "string" && { tenantId }),
    ...(traceId !== undefined && { traceId }),
    // Who called, as API Gateway, a load balancer or a function URL says it.
    event: { requestContext: readJson(headers["x-amzn-request-context"]) },
  };
};

/** Kept of the time left, to answer before Lambda kills the process, model and all. */
const ANSWER_MARGIN_MS = 250;

function endBefore(deadline: number): Cancellation {
  const left = deadline - Date.now();
  return new Cancellation(
    deadline - Math.min(ANSWER_MARGIN_MS, left / 2),
    () =>
      new ColdframeError(
        "PREDICT_TIMEOUT",
        `predict took over ${Math.round(left / 1000)} s: raise the function's timeout.`,
      ),
  );
}

function readJson(text: string | string[] | undefined): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(`${text}`) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
