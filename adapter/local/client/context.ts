// The context object of one invocation, from the headers of /next and the environment: the fields of Node 24's
// runtime, without what it removed (succeed, fail, done, callbackWaitsForEmptyEventLoop).
// Source: aws-lambda-ric 4.0.2, index.mjs (ContextBuilder).

import type { IncomingHttpHeaders } from "node:http";
import { runtimeError } from "./errors.ts";

export interface Context {
  readonly awsRequestId: string;
  readonly getRemainingTimeInMillis: () => number;
  readonly [field: string]: unknown;
}

/** Also moves the trace id into _X_AMZN_TRACE_ID, where AWS's SDK looks for it. */
export function toContext(headers: IncomingHttpHeaders): Context {
  const header = (name: string) => headers[`lambda-runtime-${name}`] as string | undefined;
  const id = header("aws-request-id");
  const deadline = Number.parseInt(header("deadline-ms") ?? "", 10);
  if (id === undefined || Number.isNaN(deadline)) {
    throw runtimeError("PlatformError", "Missing required headers: request id or deadline");
  }
  const trace = header("trace-id");
  if (trace === undefined) delete process.env["_X_AMZN_TRACE_ID"];
  else process.env["_X_AMZN_TRACE_ID"] = trace;
  return {
    clientContext: fromJson(header("client-context")),
    identity: fromJson(header("cognito-identity")),
    invokedFunctionArn: header("invoked-function-arn"),
    awsRequestId: id,
    tenantId: header("aws-tenant-id"),
    xRayTraceId: trace,
    getRemainingTimeInMillis: () => deadline - Date.now(),
    functionName: process.env["AWS_LAMBDA_FUNCTION_NAME"],
    functionVersion: process.env["AWS_LAMBDA_FUNCTION_VERSION"],
    memoryLimitInMB: process.env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    logGroupName: process.env["AWS_LAMBDA_LOG_GROUP_NAME"],
    logStreamName: process.env["AWS_LAMBDA_LOG_STREAM_NAME"],
  };
}

function fromJson(text: string | undefined): unknown {
  return text === undefined || text === "" ? undefined : JSON.parse(text);
}
