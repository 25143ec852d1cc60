// Amazon SQS: each message is one invocation, and what failed is sent again, alone. Messages of a FIFO queue are
// predicted upon in the order of their group. The mapping has to say `ReportBatchItemFailures`: without it, Lambda
// ignores the list of failures, and the event does not tell.
// Source: docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html; the shapes of @types/aws-lambda.

import type { Outcome, RecordSource } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { writeLog } from "../log.ts";
import { inTurn } from "./_in-turn.ts";
import { firstRecord, isS3Test, readMessage } from "./_message.ts";

/** What is read of a message. */
export interface SqsMessage {
  readonly messageId?: string;
  readonly body?: string;
  readonly eventSourceARN?: string;
  readonly attributes?: { readonly MessageGroupId?: string };
  readonly messageAttributes?: Readonly<Record<string, SqsAttribute>>;
}

export interface SqsAttribute {
  readonly stringValue?: string;
  /** Base64. */
  readonly binaryValue?: string;
  readonly dataType: string;
}

interface SqsEvent {
  readonly Records: readonly (SqsMessage | null)[];
}

const sqs: RecordSource<SqsEvent> = {
  kind: "records",
  name: "sqs",

  matches: (event) => firstRecord(event)["eventSource"] === "aws:sqs",

  toRecords: (event) =>
    messagesOf(event).map((message) => ({
      input: readMessage(message?.body),
      event: message,
      group: groupOf(message),
    })),

  async schedule(records, run, origin) {
    const outcomes = await inTurn(records, run, origin);
    const failed = records.filter((_record, i) => "error" in (outcomes[i] as Outcome));
    // The reasons are in lines of their own; which messages to look for in the queue, or behind it, is only here.
    if (failed.length > 0) {
      writeLog("warn", `${failed.length} of ${records.length} messages failed; SQS sends them again`, {
        requestId: origin.id,
        message_ids: failed.map(({ event }) => (event as SqsMessage | null)?.messageId),
      });
    }
    return outcomes;
  },

  toResult(outcomes, event) {
    const failures = outcomes.filter((outcome) => "error" in outcome);
    const [first] = failures;
    // An error of the function is counted and slows Lambda's polling down; a list of all messages does neither.
    if (first && failures.length === outcomes.length) throw first.error;
    const failed = messagesOf(event).filter((_message, i) => "error" in (outcomes[i] as Outcome));
    const ids = new Set(failed.map((message) => message?.messageId));
    return {
      batchItemFailures: [...ids].map((itemIdentifier) => ({ itemIdentifier: known(itemIdentifier) })),
    };
  },
};

export default sqs;

/** Without those that only try whether notifications arrive. */
const messagesOf = ({ Records }: SqsEvent) =>
  Records.filter(
    (message) => !isS3Test(/"s3:TestEvent"/.test(`${message?.body}`) && readMessage(message?.body)),
  );

// By the queue's name: messages of other queues may have groups too, which promise no order (fair queues).
function groupOf(message: SqsMessage | null): string | undefined {
  if (!String(message?.eventSourceARN).endsWith(".fifo")) return undefined;
  return message?.attributes?.MessageGroupId ?? "";
}

function known(id: unknown): string {
  if (typeof id === "string" && id !== "") return id;
  throw new ColdframeError("PREDICT_FAILED", "a message failed that has no messageId to name it by.");
}
