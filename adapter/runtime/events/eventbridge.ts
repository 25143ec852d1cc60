// Amazon EventBridge, rules and schedules: the event's `detail` is the input. A rule or schedule with an input of its
// own sends that and nothing else, which is a plain Invoke: events/direct.ts.
// Source: docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html.

import type { RecordSource } from "../contracts.ts";
import { allValues } from "./_async.ts";
import { readMessage } from "./_message.ts";

interface EventBridgeEvent {
  readonly detail: unknown;
}

const eventbridge: RecordSource<EventBridgeEvent> = {
  kind: "records",
  name: "eventbridge",

  matches: (event) =>
    typeof event === "object" &&
    !!event &&
    "detail" in event &&
    "detail-type" in event &&
    "source" in event &&
    typeof event.source === "string",

  // The Scheduler writes its detail as a text.
  toRecords: (event) => [{ input: readMessage(event.detail), event }],

  toResult: (outcomes) => allValues(outcomes)[0],
};

export default eventbridge;
