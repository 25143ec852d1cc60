// One JSON value a line, as they arrive.

import { type ByteSource, textOf } from "./byte-source.ts";
import { ColdframeClientError } from "./client-error.ts";
import { Lines } from "./lines.ts";

/**
 * The values of a body. Blank lines are none, and the last line need not be ended.
 * @throws ANSWER_INVALID for a line that is not JSON, STREAM_BROKEN when the body ends within one
 */
export async function* readNdjson<Value = unknown>(source: ByteSource): AsyncGenerator<Value, undefined> {
  // Of JSON's white space, only "\n" ends a line.
  const lines = new Lines(/\n/g);
  let count = 0;
  for await (const text of textOf(source)) {
    for (const line of lines.push(text)) {
      count++;
      if (isBlank(line)) continue;
      yield parse(line, (cause) => {
        return new ColdframeClientError("ANSWER_INVALID", `line ${count} of the answer is not JSON.`, {
          cause,
        });
      });
    }
  }
  if (isBlank(lines.rest)) return;
  yield parse(lines.rest, (cause) => {
    return new ColdframeClientError("STREAM_BROKEN", `the answer ended within its line ${count + 1}.`, {
      cause,
    });
  });
}

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line);

function parse<Value>(line: string, fail: (cause: unknown) => ColdframeClientError): Value {
  try {
    return JSON.parse(line) as Value;
  } catch (cause) {
    throw fail(cause);
  }
}
