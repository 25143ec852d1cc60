// The project test/fixtures/projects/chorus, built as a user builds it and running: as a Lambda function behind a
// function URL, and as a server. The vendors' SDKs are pointed at its address.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { build } from "../../../adapter/build/build.ts";
import { hostArchitecture } from "../../../adapter/cli/build.ts";
import { startServer } from "../../../adapter/cli/dev-server.ts";
import { startFunctionUrl } from "../../../adapter/local/function-url.ts";
import { startLocalLambda } from "../../../adapter/local/local-lambda.ts";

const CHORUS = join(import.meta.dirname, "../../fixtures/projects/chorus");

/** A running model. */
interface Started {
  /** Without a trailing slash. */
  readonly url: string;
  close(): Promise<unknown>;
}

/** What a suite sees of a running model; only its tests may read it. */
export interface Front {
  readonly url: string;
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  /** Everything that the model's process wrote. */
  readonly lines: string[];
  /** Whether a stream arrives as it is made: not when it is collected first. */
  readonly streams: boolean;
}

/** Must not appear in any log. */
export const API_KEY = "sk-canary-7f3e";

type Start = (project: string, outDir: string, onLog: (line: string) => void) => Promise<Started>;

/** Every place that the same suites run on. */
const PLACES: readonly { name: string; streams: boolean; start: Start }[] = [
  { name: "function URL", streams: true, start: startFunction("index.stream") },
  // The handler that collects a stream before it answers.
  { name: "function URL, buffered", streams: false, start: startFunction("index.buffered") },
  { name: "server", streams: true, start: startContainer },
];

/** Run a suite on every place. */
export function onEveryFront(suite: (front: Front) => void, project: string = CHORUS): void {
  for (const { name, streams, start } of PLACES) {
    describe(name, () => {
      let folder: string;
      let started: Started;
      const lines: string[] = [];

      before(async () => {
        folder = await mkdtemp(join(tmpdir(), "coldframe-vendor-"));
        started = await start(project, folder, (line) => lines.push(line));
      });
      after(async () => {
        await started.close();
        await rm(folder, { recursive: true });
      });

      suite({
        lines,
        streams,
        get url() {
          return started.url;
        },
        get openai() {
          return openaiClient(started.url);
        },
        get anthropic() {
          return anthropicClient(started.url);
        },
      });
    });
  }
}

function startFunction(handler: string): Start {
  return async (project, outDir, onLog) => {
    const { directory } = await build({ project, outDir, architecture: hostArchitecture(), zip: false });
    const lambda = await startLocalLambda({ artifact: directory, handler, onLog });
    const front = await startFunctionUrl({ lambda: () => lambda });
    return { url: front.url, close: () => front.close().then(() => lambda.close()) };
  };
}

async function startContainer(
  project: string,
  outDir: string,
  onLog: (line: string) => void,
): Promise<Started> {
  const { directory } = await build({ project, outDir, target: "server", zip: false });
  const server = await startServer(directory, {}, onLog);
  return { url: `http://127.0.0.1:${await server.port()}`, close: () => server.close() };
}

/** Both SDKs try a failed call twice more unless told not to. */
export const openaiClient = (url: string, maxRetries = 0): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: API_KEY, maxRetries });

export const anthropicClient = (url: string, maxRetries = 0): Anthropic =>
  new Anthropic({ baseURL: url, apiKey: API_KEY, maxRetries });

/** The body of a request for one part of the chorus. */
export const part = (model: string) => ({ model, messages: [{ role: "user" as const, content: "Sing." }] });

/** The same for Anthropic, which wants a limit. */
export const partOf = (model: string) => ({ ...part(model), max_tokens: 5 });

/** All events of a stream, and what it failed with. */
export async function drain<T>(stream: AsyncIterable<T>): Promise<{ events: T[]; error: unknown }> {
  const events: T[] = [];
  try {
    for await (const event of stream) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

/** What a promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`not rejected, but ${JSON.stringify(value)}`);
}

/** The text of an answer, without any SDK. */
export async function raw(url: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
