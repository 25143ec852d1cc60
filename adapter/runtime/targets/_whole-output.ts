// What a model gave, whole, for callers that are not HTTP or that want many answers in one: they see no status, and read
// no stream.

import { ColdframeError } from "../errors.ts";
import { gather } from "../gather.ts";
import { encodeJson } from "../json.ts";
import type { Output } from "../predict.ts";

/** The same output. @throws PREDICT_FAILED for a Response that says so by its status */
export async function succeeded(output: Output): Promise<Output> {
  if (!("response" in output) || output.response.status < 400) return output;
  throw new ColdframeError(
    "PREDICT_FAILED",
    `the model answered with status ${output.response.status}: ${encodeJson(await wholeValue(output))}`,
  );
}

/** What a stream gathers to, and the JSON, text or bytes of a Response. */
export async function wholeValue(output: Output): Promise<unknown> {
  if ("value" in output) return output.value;
  if ("stream" in output) return gather(output.stream);
  if (!output.body) return null;
  const content = await gather(output.body);
  const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(contentTypeOf(output) ?? "");
  return isJson && typeof content === "string" ? JSON.parse(content) : content;
}

/** Of a Response. */
export const contentTypeOf = (output: Output): string | undefined =>
  "response" in output ? (output.response.headers.get("content-type") ?? undefined) : undefined;
