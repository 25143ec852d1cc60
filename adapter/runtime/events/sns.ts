// Amazon SNS: the text of a message is the input. Invoked without waiting, one message each time.
// Source: docs.aws.amazon.com/lambda/latest/dg/with-sns.html.

import type { RecordSource } from "../contracts.ts";
import { allValues } from "./_async.ts";
import { firstRecord, isS3Test, readMessage } from "./_message.ts";

interface SnsEvent {
  readonly Records: readonly ({ readonly Sns?: { readonly Message?: string } } | null)[];
}

const sns: RecordSource<SnsEvent> = {
  kind: "records",
  name: "sns",

  // With a capital E, unlike all others.
  matches: (event) => firstRecord(event)["EventSource"] === "aws:sns",

  toRecords: ({ Records }) =>
    Records.map((record) => ({ input: readMessage(record?.Sns?.Message), event: record })).filter(
      ({ input }) => !isS3Test(input),
    ),

  toResult: allValues,
};

export default sns;
