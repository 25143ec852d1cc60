// `serverless.sqs.results`, a queue's URL: each result is a message there before the message it answers is done. The body
// is `{"message_id", "request_id", "output"}`; the attributes are those of the message that is answered.
// Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html (the JSON protocol).

import { regionOf } from "../aws/credentials.ts";
import { queueArn, readQueueUrl } from "../aws/queue-url.ts";
import { allow, type AwsAnswer, createExchange, refusedKey } from "../aws/signed-exchange.ts";
import type { RecordSteps } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import type { SqsAttribute, SqsMessage } from "../events/sqs.ts";
import { encodeJson } from "../json.ts";
import { placeOfResults } from "./place.ts";

/** SQS's limit of one message with its attributes, since August 2025. Source: the same page, MessageBody. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param configured of config.yaml; COLDFRAME_SQS_RESULTS names another one
 * @throws CONFIG_INVALID when that is no queue
 */
export function toQueue(configured: string, environment: Environment = process.env): RecordSteps {
  const QueueUrl = placeOfResults(configured, environment);
  const { endpoint, region, isFifo, arn } = findQueue(QueueUrl, environment);
  const exchange = createExchange(environment, "RESULT_NOT_SENT");
  return {
    async deliver({ value }, { event }, { id, cancellation }) {
      const { messageId = id, attributes, messageAttributes } = event as SqsMessage;
      const MessageBody = toBody({ message_id: messageId, request_id: id, output: value });
      const MessageAttributes = toAttributes(messageAttributes);
      checkSize(MessageBody, MessageAttributes);
      const body = JSON.stringify({
        QueueUrl,
        MessageBody,
        MessageAttributes,
        // Sent again within five minutes, it is the same message.
        ...(isFifo && {
          MessageGroupId: attributes?.MessageGroupId ?? messageId,
          MessageDeduplicationId: messageId,
        }),
      });
      const headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AmazonSQS.SendMessage",
      };
      const request = { method: "POST", url: endpoint, headers, body, service: "sqs", region } as const;
      const answer = await exchange(request, cancellation.signal);
      if (answer.status !== 200) throw refused(QueueUrl, arn, answer);
    },
  };
}

/** SQS takes what XML can hold: these two are the only ones that JSON does not escape by itself. */
const toBody = (message: object): string =>
  encodeJson(message).replace(/[\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);

function findQueue(queueUrl: string, environment: Environment) {
  const url = new URL(queueUrl);
  const queue = readQueueUrl(url);
  const region = queue.region ?? regionOf(environment) ?? "us-east-1";
  const custom =
    environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] === "true"
      ? undefined
      : environment["AWS_ENDPOINT_URL_SQS"] || environment["AWS_ENDPOINT_URL"];
  return {
    endpoint: new URL("/", custom || url),
    region,
    isFifo: queue.name.endsWith(".fifo"),
    arn: queueArn(queue, region),
  };
}

/** As SQS takes them: at most ten, which the message had. */
function toAttributes(given: Readonly<Record<string, SqsAttribute>> = {}): Record<string, object> {
  return Object.fromEntries(
    Object.entries(given).map(([name, { dataType: DataType, stringValue, binaryValue }]) => [
      name,
      /^Binary/.test(DataType)
        ? { DataType, BinaryValue: binaryValue }
        : { DataType, StringValue: stringValue },
    ]),
  );
}

/** @throws OUTPUT_TOO_LARGE */
function checkSize(body: string, attributes: Readonly<Record<string, object>>): void {
  // Names, types and values; the quotes and names of JSON are few.
  const bytes = Buffer.byteLength(body) + Buffer.byteLength(JSON.stringify(Object.entries(attributes)));
  if (bytes <= MAX_MESSAGE_BYTES) return;
  throw new ColdframeError(
    "OUTPUT_TOO_LARGE",
    `the result is a message of ${bytes} bytes, and SQS takes ${MAX_MESSAGE_BYTES}.`,
    { fix: "Set `serverless.sqs.results: s3://bucket/prefix/`." },
  );
}

function refused(queueUrl: string, arn: string, answer: AwsAnswer): ColdframeError {
  const { status, code } = answer;
  const fail = (why: string, fix: string) =>
    new ColdframeError(
      "RESULT_NOT_SENT",
      `the result cannot be sent to ${queueUrl}: SQS answered ${status} ${code}${why}.`,
      { fix },
    );
  const key = refusedKey(answer);
  if (key !== undefined) return fail(": the key may not be used", allow("kms:GenerateDataKey", key, answer));
  if (/AccessDenied/.test(code)) return fail("", allow("sqs:SendMessage", arn, answer));
  if (/QueueDoesNotExist|NonExistentQueue/.test(code))
    return fail("", "Check the URL, its region and its account.");
  if (/must be shorter|MaximumMessageSize/.test(answer.body.toString())) {
    return fail(
      ": it is larger than this queue takes",
      "Raise the queue's MaximumMessageSize, or use an S3 prefix.",
    );
  }
  return fail("", "Look it up under that name in AWS's reference of SQS.");
}
