// A local Lambda on a hand-written handler, closed when its test is over; and the clients that a wire test runs on.

import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  type Client,
  type Exchange,
  type LocalLambda,
  type LocalLambdaOptions,
  type Outcome,
  startLocalLambda,
  type Streamed,
} from "../../adapter/local/local-lambda.ts";
import { RIC_PATH, ricInstalled } from "../conformance/_ric.ts";

export const HANDLERS: string = join(import.meta.dirname, "..", "fixtures", "handlers");

/** Both clients, the second one skipped with a reason where it is not installed. */
export const CLIENTS: readonly { client: Client; skip: string | false }[] = [
  { client: "local", skip: false },
  {
    client: "aws-lambda-ric",
    skip: ricInstalled() ? false : "aws-lambda-ric is not installed (set COLDFRAME_RIC)",
  },
];

export interface Started extends LocalLambda {
  readonly lines: string[];
  readonly exchanges: Exchange[];
}

export async function start(
  t: TestContext,
  handler: string,
  options: Partial<LocalLambdaOptions> = {},
): Promise<Started> {
  const lines: string[] = [];
  const exchanges: Exchange[] = [];
  const lambda = await startLocalLambda({
    artifact: HANDLERS,
    handler,
    ricPath: RIC_PATH,
    onLog: (line) => lines.push(line),
    onExchange: (exchange) => exchanges.push(exchange),
    ...options,
  });
  t.after(() => lambda.close());
  return Object.defineProperties({ lines, exchanges } as Started, Object.getOwnPropertyDescriptors(lambda));
}

/** The JSON of a buffered result. */
export function resultOf(outcome: Outcome): unknown {
  if (outcome.kind !== "buffered") throw new Error(`not buffered: ${describe(outcome)}`);
  return JSON.parse(outcome.body.toString());
}

export function errorOf(outcome: Outcome): { errorType: string; errorMessage: string } {
  if (outcome.kind !== "error") throw new Error(`not an error: ${describe(outcome)}`);
  return outcome.error;
}

export function streamOf(outcome: Outcome): Streamed {
  if (outcome.kind !== "streamed") throw new Error(`not streamed: ${describe(outcome)}`);
  return outcome;
}

export async function textOf(streamed: Streamed): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of streamed.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** `{ name: value }` of a raw list, names in lower case. */
export function fromRaw(raw: readonly string[]): Record<string, string> {
  const entries = raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1] ?? ""]] : []));
  return Object.fromEntries(entries);
}

function describe(outcome: Outcome): string {
  return JSON.stringify(outcome.kind === "error" ? outcome.error : { kind: outcome.kind });
}
