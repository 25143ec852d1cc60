// Events that are lists of inputs, and not HTTP: each record is one invocation, with an outcome of its own. What a
// deployment does beside predict (fetch an object, send a result on) is named by its entry, and is in no other bundle.

import type { Origin } from "../call.ts";
import type { Outcome, RecordSource, RecordSteps, SourceRecord } from "../contracts.ts";
import { toInvocation } from "../invocation.ts";
import { encodeJson } from "../json.ts";
import type { Output } from "../predict.ts";
import { jsonReply, outputReply } from "../reply.ts";
import type { CreateReceiver, StreamedAnswer } from "./_receiver.ts";
import { checkSize } from "./_result-size.ts";
import { contentTypeOf, succeeded, wholeValue } from "./_whole-output.ts";

/** Answer the events of a source of records. */
export function records(source: RecordSource, { fetch, deliver }: RecordSteps = {}): CreateReceiver {
  return ({ artifact, start, observer }) => {
    async function predict(record: SourceRecord, origin: Origin): Promise<Output> {
      const model = await start.wait(origin.cancellation);
      const input = fetch ? await fetch(record, origin) : record.input;
      const invocation = toInvocation(origin, { event: record.event, late: artifact.late });
      return succeeded(await model.run("predict", input, invocation, origin));
    }

    async function outcomeOf(record: SourceRecord, event: Origin): Promise<Outcome> {
      const origin = { ...event };
      origin.observation = observer?.begin(origin, undefined, record);
      try {
        const output = await predict(record, origin);
        const value = await wholeValue(output);
        const json = encodeJson(value);
        await deliver?.({ value, contentType: contentTypeOf(output) }, record, origin);
        // Nobody reads the result of any other source whole: what takes a part of it has a limit of its own.
        if (source.streams) checkSize(Buffer.byteLength(json));
        return { value: JSON.parse(json) };
      } catch (error) {
        return { error: artifact.late().failedError(error, origin, artifact) };
      } finally {
        origin.observation?.end();
      }
    }

    async function buffered(event: unknown, origin: Origin): Promise<unknown> {
      const all = source.toRecords(event as never);
      const run = (record: SourceRecord) => outcomeOf(record, origin);
      const outcomes = await (source.schedule?.(all, run, origin) ?? Promise.all(all.map(run)));
      return source.toResult(outcomes, event as never);
    }

    async function streamed(event: unknown, origin: Origin): Promise<StreamedAnswer> {
      const [record] = source.streams ? source.toRecords(event as never) : [];
      if (record) origin.observation = observer?.begin(origin, undefined, record);
      // A queue or a topic reads no stream: what it is told of its records is one document on either wire.
      const reply = record
        ? await outputReply(await predict(record, origin), {}, origin.id, artifact.late)
        : jsonReply(200, await buffered(event, origin));
      return { head: reply.headers["content-type"] ?? "application/octet-stream", reply };
    }

    return { ...source, buffered, streamed };
  };
}
