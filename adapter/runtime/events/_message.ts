// The text of a message, as a model's input: JSON where it is JSON, else the text. And the one message that is for
// nobody: S3 writes it into each queue and topic that it is told to notify.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html (the test message).

/**
 * What begins as an object, a list or a quoted text and is JSON, as that; anything else as it is. A bare `42`, `true` or
 * `null` is a text: who sends texts has one of them some day.
 */
export function readMessage(text: unknown): unknown {
  if (typeof text !== "string" || !/^\s*[{["]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Whether S3 only tries whether its notifications arrive. */
export function isS3Test(event: unknown): boolean {
  return (event as { Event?: unknown } | null | undefined)?.Event === "s3:TestEvent";
}

/** The first of an event's `Records`, or nothing. */
export function firstRecord(event: unknown): Readonly<Record<string, unknown>> {
  const { Records } = (event ?? {}) as { Records?: unknown };
  const first: unknown = Array.isArray(Records) ? Records[0] : undefined;
  return typeof first === "object" && first ? (first as Record<string, unknown>) : {};
}
