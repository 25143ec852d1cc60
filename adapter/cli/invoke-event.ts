// `coldframe invoke --event`: an event document of any source, sent to the function as the service itself would, and what
// the service gets: the bytes of the result on standard output, a streamed answer's prelude on standard error.

import { readFileSync } from "node:fs";
import { readConfig } from "../build/config.ts";
import { sourcesOf } from "../build/event-sources.ts";
import { eventNames } from "../build/runtime-files.ts";
import type { FunctionError, LocalLambda } from "../local/local-lambda.ts";
import { Refusal } from "./refusal.ts";
import { jsonResult, note } from "./terminal.ts";

/** The options of `invoke` that say how a request looks: an event is a whole one. */
const REQUEST_OPTIONS = ["data", "file", "example", "url", "profile", "path", "request"] as const;

/**
 * The document of --event; `-` is standard input.
 * @throws OPTION_INVALID, FILE_NOT_FOUND
 */
export function readEvent(file: string, options: object): unknown {
  const other = REQUEST_OPTIONS.find((name) => name in options);
  if (other !== undefined) {
    throw new Refusal("OPTION_INVALID", `--event and --${other} were both given.`, {
      fix: "Leave one of them out: an event is a whole request.",
    });
  }
  try {
    return JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new Refusal("OPTION_INVALID", `${file} is not JSON: ${error.message}`);
    }
    throw new Refusal("FILE_NOT_FOUND", `${file} cannot be read: ${(error as NodeJS.ErrnoException).code}.`, {
      fix: "Check the path; it is relative to the current folder, not to the project.",
    });
  }
}

/** An event document, and the project it is for. */
export interface SentEvent {
  readonly project: string;
  /** As --event has it, for messages. */
  readonly file: string;
  readonly event: unknown;
}

/**
 * Send the event, and print what its service would get.
 * @param print takes what there is to print, and waits for a slow reader
 * @throws EVENT_UNKNOWN with the source it is of; any other error of the function, by its type
 */
export async function invokeEvent(
  lambda: LocalLambda,
  sent: SentEvent,
  json: boolean,
  print: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  const outcome = await lambda.invoke(sent.event);
  if (outcome.kind === "error") throw refused(outcome.error, sent);
  if (outcome.kind === "buffered") {
    if (json) jsonResult({ result: JSON.parse(outcome.body.toString()) as unknown });
    else await print(outcome.body);
    return;
  }
  const { prelude } = outcome;
  if (prelude && !json) note(JSON.stringify(prelude));
  const chunks: Buffer[] = [];
  for await (const chunk of outcome.body as AsyncIterable<Buffer>) {
    if (json) chunks.push(chunk);
    else await print(chunk);
  }
  const error = await outcome.completion;
  const facts = { prelude, body: Buffer.concat(chunks).toString() };
  if (error) throw refused(error, sent, facts);
  if (json) jsonResult(facts);
}

function refused(
  { errorType, errorMessage }: FunctionError,
  { project, file, event }: SentEvent,
  facts: Readonly<Record<string, unknown>> = {},
): Refusal {
  if (errorType !== "EVENT_UNKNOWN") return new Refusal(errorType, errorMessage, { facts });
  const { events } = readConfig(project).config.serverless;
  const known = sourcesOf(event).join(" or ");
  const is = known === "" ? "is an event of no source that Coldframe knows" : `is an event of ${known}`;
  const fix =
    known === ""
      ? `Send one of ${eventNames().join(", ")}.`
      : `Add ${known} to serverless.events, or send another event.`;
  const message = `${file} ${is}, and config.yaml has ${events.join(", ")} in serverless.events.`;
  return new Refusal(errorType, message, { fix, facts });
}
