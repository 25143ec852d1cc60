// Which trace an invocation belongs to, as its caller or the platform says: W3C's `traceparent`, and X-Ray's header in an
// HTTP call, a message, or the environment. Parsing only; what is done with it is traces.ts.
// Sources: w3.org/TR/trace-context; docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader;
// docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageSystemAttributeValue.html (AWSTraceHeader).

/** The place in a trace that another process is at; OpenTelemetry's own shape. */
export interface RemoteContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote: true;
}

export type Carrier = Readonly<Record<string, string>>;

const SAMPLED = 1;

const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-|$)/;

/** Where W3C's header says the caller is. */
export function readTraceparent(header: string | undefined): RemoteContext | undefined {
  const [, traceId, spanId, flags = ""] = TRACEPARENT.exec(header?.trim() ?? "") ?? [];
  if (!traceId || !spanId) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED, isRemote: true };
}

/** Where X-Ray says its own segment is: `Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1`. */
export function readXRay(header: string | undefined): RemoteContext | undefined {
  const part = (name: string) => new RegExp(`(?:^|;) *${name}=([^; ]*)`, "i").exec(header ?? "")?.[1];
  const [, time, unique] = /^1-([\da-f]{8})-([\da-f]{24})$/i.exec(part("Root") ?? "") ?? [];
  const spanId = part("Parent")?.toLowerCase();
  if (!time || !unique || !spanId || !/^[\da-f]{16}$/.test(spanId)) return undefined;
  const traceFlags = part("Sampled") === "1" ? SAMPLED : 0;
  return { traceId: `${time}${unique}`.toLowerCase(), spanId, traceFlags, isRemote: true };
}

/** The trace that a caller names, as the log has it. */
export function callersTrace(headers: Carrier): string | undefined {
  const { traceparent, "x-amzn-trace-id": xray } = headers;
  const w3c = traceparent ? readTraceparent(traceparent)?.traceId : undefined;
  return w3c ?? (xray ? /Root=([^;]+)/.exec(xray)?.[1] : undefined);
}

/** What a message carries beside its body: its attributes as headers, and X-Ray's under its header's name. */
export function messageCarrier(record: unknown): Carrier {
  const { messageAttributes, attributes, Sns } = (record ?? {}) as {
    readonly messageAttributes?: Attributes;
    readonly attributes?: { readonly AWSTraceHeader?: string };
    readonly Sns?: { readonly MessageAttributes?: Attributes };
  };
  const carrier: Record<string, string> = {};
  for (const [name, value] of Object.entries(messageAttributes ?? Sns?.MessageAttributes ?? {})) {
    const text = value?.stringValue ?? value?.Value;
    if (typeof text === "string") carrier[name.toLowerCase()] = text;
  }
  if (attributes?.AWSTraceHeader) carrier["x-amzn-trace-id"] = attributes.AWSTraceHeader;
  return carrier;
}

/** SQS writes the value in `stringValue`, SNS in `Value`. */
type Attributes = Readonly<
  Record<string, { readonly stringValue?: string; readonly Value?: string } | undefined>
>;
