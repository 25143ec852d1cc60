// A fixture model on one of the two clients, and its answers as a caller understands them, buffered or streamed.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Client,
  type Exchange,
  type FunctionError,
  type LocalLambda,
  type LocalLambdaOptions,
  type Outcome,
  type Prelude,
  startLocalLambda,
} from "../../adapter/local/local-lambda.ts";
import { artifactOf } from "./_artifacts.ts";
import { RIC_PATH } from "./_ric.ts";

export const CLIENTS: readonly Client[] = ["local", "aws-lambda-ric"];

export type Handler = "stream" | "buffered";

export interface Answer {
  readonly kind: Outcome["kind"];
  /** HTTP status, headers and cookies; undefined for the result of a plain Invoke. */
  readonly head: Prelude | undefined;
  /** Of a plain Invoke's streamed response. */
  readonly contentType: string | undefined;
  /** As the caller gets it: without the prelude, without base64. */
  readonly body: Buffer;
  /** Why there is no answer, or why it is not whole. */
  readonly error: FunctionError | undefined;
}

/** Tells one process and one loaded model from another. */
export interface Identity {
  readonly pid: number;
  readonly load: string;
  readonly calls?: number;
  readonly finals?: number;
  readonly ticks?: number;
  readonly loads?: number;
  readonly ageMs?: number;
}

export interface FunctionOptions extends Partial<Omit<LocalLambdaOptions, "artifact" | "handler">> {
  readonly model: string;
  readonly handler: Handler | "missing";
  /** Default: models/<model>, built. */
  readonly artifact?: string;
  /** Default: true. A suite that answers with megabytes has no memory for every byte twice. */
  readonly record?: boolean;
}

export interface RunningFunction {
  readonly lambda: LocalLambda;
  /** What the process and the platform wrote. */
  readonly lines: readonly string[];
  /** An answer, read to its end. @param id of the request; the same id on both clients makes their bytes comparable */
  ask(payload: unknown, id?: string): Promise<Answer>;
  /** Which model answers; asserts that it answers at all. Not compared between the clients. */
  who(): Promise<Identity>;
  /** What one request posted, or everything posted so far but for `who`. */
  exchanges(id?: string): Exchange[];
  /** Wait until a line says so; invokes the function meanwhile, for a frozen process writes nothing. */
  logged(pattern: RegExp, from?: number): Promise<void>;
  close(): Promise<void>;
}

/** The longest a line takes from the process to here. */
const LOG_DELAY_MS = 3_000;
const WHO = "who-";

export async function startFunction(client: Client, options: FunctionOptions): Promise<RunningFunction> {
  const { model, handler, record = true, artifact, ...more } = options;
  const lines: string[] = [];
  const exchanges: Exchange[] = [];
  const lambda = await startLocalLambda({
    artifact: artifact ?? (await artifactOf(model)),
    handler: `index.${handler}`,
    client,
    ricPath: RIC_PATH,
    onLog: (line) => lines.push(line),
    ...(record && { onExchange: (exchange) => exchanges.push(exchange) }),
    ...more,
  });
  let asked = 0;
  const ask = async (payload: unknown, requestId: string) =>
    readAnswer(await lambda.invoke(payload, { requestId }), isHttp(payload));
  async function who(): Promise<Identity> {
    const { error, body } = await ask({ do: "who", prompt: "who" }, `${WHO}${++asked}`);
    assert.equal(error, undefined, `the next invocation failed: ${JSON.stringify(error)}`);
    const answer = JSON.parse(body.toString()) as Identity | [Identity];
    return Array.isArray(answer) ? answer[0] : answer;
  }
  return {
    lambda,
    lines,
    who,
    ask: (payload, id = `call-${++asked}`) => ask(payload, id),
    exchanges: (id) =>
      exchanges.filter(({ path }) =>
        id === undefined ? !path.includes(`/${WHO}`) : path.includes(`/${id}/`),
      ),
    async logged(pattern, from = 0) {
      const until = performance.now() + LOG_DELAY_MS;
      while (!lines.slice(from).some((line) => pattern.test(line))) {
        if (performance.now() > until) {
          const tail: string[] = lines.slice(from).map((line) => line.slice(0, 500));
          assert.fail(`no line says ${pattern}:\n${tail.join("\n")}`);
        }
        await sleep(5);
        await who();
      }
    },
    close: () => lambda.close(),
  };
}

export async function readAnswer(outcome: Outcome, http: boolean): Promise<Answer> {
  const { kind } = outcome;
  if (outcome.kind === "error") {
    return { kind, head: undefined, contentType: undefined, body: Buffer.alloc(0), error: outcome.error };
  }
  if (outcome.kind === "buffered") {
    const { contentType, body } = outcome;
    if (!http) return { kind, head: undefined, contentType, body, error: undefined };
    const { body: text = "", isBase64Encoded, ...head } = JSON.parse(body.toString()) as BufferedHttp;
    const bytes = Buffer.from(text, isBase64Encoded ? "base64" : "utf8");
    return { kind, head, contentType, body: bytes, error: undefined };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of outcome.body as AsyncIterable<Buffer>) chunks.push(chunk);
  const { prelude: head, contentType } = outcome;
  return { kind, head, contentType, body: Buffer.concat(chunks), error: await outcome.completion };
}

type BufferedHttp = Prelude & { body?: string; isBase64Encoded: boolean };

function isHttp(payload: unknown): boolean {
  return typeof payload === "object" && payload !== null && "rawPath" in payload;
}
