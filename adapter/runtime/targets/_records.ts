// Events that are lists of inputs, and not HTTP: each record is one invocation, with an outcome of its own.

import type { Origin } from "../call.ts";
import type { Outcome, RecordSource, SourceRecord } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { failedError } from "../failure.ts";
import { gather } from "../gather.ts";
import { toInvocation } from "../invocation.ts";
import { encodeJson } from "../json.ts";
import type { Output } from "../predict.ts";
import { outputReply } from "../reply.ts";
import type { CreateReceiver } from "./_receiver.ts";
import { checkSize } from "./_result-size.ts";

/** Answer the events of a source of records. */
export function records(source: RecordSource): CreateReceiver {
  return ({ start, readStack }) => {
    async function predict({ input, event }: SourceRecord, origin: Origin): Promise<Output> {
      const model = await start.wait(origin.cancellation);
      const output = await model.run("predict", input, toInvocation(origin, undefined, event), origin);
      if (!("response" in output) || output.response.status < 400) return output;
      // Who invokes without HTTP sees no status: an answer that says it failed is a failure.
      throw new ColdframeError(
        "PREDICT_FAILED",
        `the model answered with status ${output.response.status}: ${encodeJson(await valueOf(output))}`,
      );
    }

    async function outcomeOf(record: SourceRecord, origin: Origin): Promise<Outcome> {
      try {
        const json = encodeJson(await valueOf(await predict(record, origin)));
        checkSize(Buffer.byteLength(json));
        return { value: JSON.parse(json) };
      } catch (error) {
        return { error: failedError(error, origin.id, readStack) };
      }
    }

    return {
      ...source,
      async buffered(event, origin) {
        const all = source.toRecords(event as never);
        return source.toResult(
          await Promise.all(all.map((record) => outcomeOf(record, origin))),
          event as never,
        );
      },
      // Only one record at a time has a stream to itself.
      async streamed(event, origin) {
        const [record, ...others] = source.toRecords(event as never);
        if (!record || others.length > 0) {
          throw new ColdframeError(
            "EVENT_UNKNOWN",
            `a batch from ${source.name} cannot be streamed: deploy the \`index.buffered\` handler for it.`,
          );
        }
        const reply = await outputReply(await predict(record, origin), {}, origin.id);
        return { head: reply.headers["content-type"] ?? "application/octet-stream", reply };
      },
    };
  };
}

/** What a model gave, as one value: what a stream gathers to, and the JSON, text or bytes of a Response. */
async function valueOf(output: Output): Promise<unknown> {
  if ("value" in output) return output.value;
  if ("stream" in output) return gather(output.stream);
  if (!output.body) return null;
  const content = await gather(output.body);
  const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(output.response.headers.get("content-type") ?? "");
  return isJson && typeof content === "string" ? JSON.parse(content) : content;
}
