// coldframe invoke: one request to a model, on this machine as the cloud would run it or at a URL, and its answer on
// standard output as it arrives.

import { Command } from "commander";
import { exampleInput, namedExample, quoted } from "./example-input.ts";
import { exchange, type HttpRequest } from "./http-exchange.ts";
import { answerError, toJsonAnswer } from "./invoke-answer.ts";
import { destinationOf, startHere } from "./invoke-destination.ts";
import { invokeEvent, readEvent } from "./invoke-event.ts";
import { reportTable } from "./invoke-report.ts";
import { Refusal } from "./refusal.ts";
import { readRequestBody } from "./request-body.ts";
import { jsonResult, note } from "./terminal.ts";

export interface InvokeOptions {
  readonly data?: string;
  readonly file?: string;
  readonly example?: string;
  readonly event?: string;
  readonly url?: string;
  readonly profile?: string;
  readonly path?: string;
  readonly request?: string;
  readonly header: readonly string[];
  readonly ric?: true;
  readonly logs?: true;
  readonly report?: true;
  readonly cold?: true;
  readonly json?: true;
}

export function invokeCommand(): Command {
  return new Command("invoke")
    .description("Send one request to a model, built and run here as Lambda would run it, or to a URL.")
    .argument("[dir]", "the folder with config.yaml", ".")
    .option("-d, --data <json>", "the request's body, as JSON")
    .option("-f, --file <path>", "the request's body; its type by the file's extension; - is standard input")
    .option("-e, --example <name>", "the request's body: one of the project's own examples, in examples.yaml")
    .option(
      "--event <path>",
      "a whole event document, of any source of serverless.events, in place of a request",
    )
    .option("--url <url>", "send it there instead of building and running the project")
    .option(
      "--profile <name>",
      "who signs a request to a function URL; the default is that of AWS's own tools",
    )
    .option("--path <path>", "the path of the request; /predict unless --url has one")
    .option("-X, --request <method>", "the method of the request; POST when there is a body")
    .option("-H, --header <line>", "a header, as in 'accept: text/event-stream'; repeatable", append, [])
    .option("--ric", "run it on AWS's own runtime client, aws-lambda-ric")
    .option("--logs", "show all of the function's log, not only warnings and errors")
    .option("--report", "say what it weighs and how long each part took")
    .option("--cold", "fetch the weights anew, as a new execution environment does")
    .option("--json", "print one JSON object: status, headers, body, ms")
    .addHelpText("after", `\nExample:\n  $ coldframe invoke my-model --data '{"prompt":"hello"}'`)
    .action(invoke);
}

async function invoke(project: string, options: InvokeOptions): Promise<void> {
  if (options.event !== undefined) return sendEvent(project, options.event, options);
  const plain = toRequest(project, options);
  const destination = await destinationOf(project, options, plain);
  try {
    const { signing } = destination;
    const to = toUrl(destination.url, options.path);
    const { url, request } = (await signing?.authorize(to, plain)) ?? { url: to, request: plain };
    const answer = await exchange(url, request, async (chunk, status) => {
      if (!options.json && status < 400) await write(chunk);
    });
    const error = await answerError(answer, destination.hiddenError(), signing);
    const initMs = destination.lambda?.initMs;
    const facts = toJsonAnswer(answer, initMs);
    if (!options.json && answer.status < 400 && process.stdout.isTTY) process.stdout.write("\n");
    if (options.report) note(`\n${reportTable(answer, destination)}`);
    if (error !== undefined)
      throw new Refusal(error.code, error.message, { fix: error.fix, issues: error.issues, facts });
    if (options.json) jsonResult(facts);
  } finally {
    await destination.close();
  }
}

async function sendEvent(project: string, file: string, options: InvokeOptions): Promise<void> {
  const event = readEvent(file, options);
  const { lambda, close } = await startHere(project, options);
  try {
    await invokeEvent(lambda, { project, file, event }, options.json === true, write);
  } finally {
    await close();
  }
}

/** A URL with a path of its own is whole; any other is a base. */
function toUrl(base: string, path: string | undefined): URL {
  const url = new URL(base);
  if (path === undefined && url.pathname !== "/") return url;
  return new URL(url.origin + url.pathname.replace(/\/$/, "") + (path ?? "/predict").replace(/^(?!\/)/, "/"));
}

function toRequest(project: string, options: InvokeOptions): HttpRequest {
  const body =
    options.request === "GET" ? undefined : readRequestBody(dataOf(project, options), options.file);
  const method = options.request?.toUpperCase() ?? "POST";
  if (body === undefined && options.request === undefined) throw noInput(project, options.url);
  const headers: Record<string, string> = body === undefined ? {} : { "content-type": body.contentType };
  for (const line of options.header) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Refusal("OPTION_INVALID", `--header ${line} is not of the form 'name: value'.`);
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { method, headers, body: body?.bytes };
}

/** What --data says, or the example that --example names. */
function dataOf(project: string, { data, file, example }: InvokeOptions): string | undefined {
  if (example === undefined) return data;
  if (data === undefined && file === undefined) return namedExample(project, example);
  const option = data === undefined ? "--file" : "--data";
  throw new Refusal("OPTION_INVALID", `--example and ${option} were both given.`, {
    fix: "Leave one of them out.",
  });
}

function noInput(project: string, url: string | undefined): Refusal {
  const example = url === undefined ? exampleInput(project) : undefined;
  const paste = example === undefined ? "" : ` This project's own example: --data ${quoted(example)}`;
  return new Refusal("INPUT_MISSING", "there is nothing to send.", {
    fix: `Give --data '<json>', --file <path>, --example <name>, or pipe it to standard input.${paste}`,
  });
}

/** Waits for a slow reader: what the terminal does not take, the model need not make. */
function write(chunk: Buffer): Promise<void> | undefined {
  if (process.stdout.write(chunk)) return undefined;
  return new Promise((drained) => process.stdout.once("drain", drained));
}

function append(line: string, lines: readonly string[]): string[] {
  return [...lines, line];
}
