// The events of test/fixtures/events that are ours to take are of the shapes that others agreed on: @types/aws-lambda.
// What does not fit is an error of the compiler; here is asserted what its types leave open.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBridgeEvent, S3Event, SNSEvent, SQSEvent } from "aws-lambda";
import eventbridge from "../../fixtures/events/eventbridge.custom.json" with { type: "json" };
import scheduler from "../../fixtures/events/eventbridge.scheduler.json" with { type: "json" };
import removed from "../../fixtures/events/s3.removed.json" with { type: "json" };
import s3 from "../../fixtures/events/s3.json" with { type: "json" };
import versioned from "../../fixtures/events/s3.versioned.json" with { type: "json" };
import sns from "../../fixtures/events/sns.text.json" with { type: "json" };
import sqs from "../../fixtures/events/sqs.json" with { type: "json" };
import fairQueue from "../../fixtures/events/sqs.fair-queue.json" with { type: "json" };
import fifo from "../../fixtures/events/sqs.fifo.json" with { type: "json" };

/** S3 does not send a size or an ETag of what it removed. */
type Removed = { Records: (Omit<S3Event["Records"][0], "s3"> & { s3: { object: { key: string } } })[] };

const queues: readonly SQSEvent[] = [sqs, fifo, fairQueue];
const objects: readonly S3Event[] = [s3, versioned];
const topics: readonly SNSEvent[] = [sns];
const buses: readonly EventBridgeEvent<string, unknown>[] = [eventbridge, scheduler];
const gone: Removed = removed;

test("each event has a record, and each record what its source is known by", () => {
  for (const { Records } of queues) {
    assert.ok(Records.length > 0 && Records.every(({ eventSource }) => eventSource === "aws:sqs"));
  }
  for (const { Records } of objects) assert.ok(Records.every(({ eventSource }) => eventSource === "aws:s3"));
  for (const { Records } of topics) assert.ok(Records.every(({ EventSource }) => EventSource === "aws:sns"));
  for (const event of buses) assert.ok(event["detail-type"] && event.source);
  assert.match(gone.Records[0]?.eventName ?? "", /^ObjectRemoved:/);
});
