// coldframe dev: the model behind an address on this machine, built again and swapped at each save. A version that does
// not build or does not start is told about, and the last good one goes on serving.

import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Listening } from "../local/listen.ts";
import { createVersions, type Running } from "./dev-versions.ts";
import { watchInputs } from "./dev-watch.ts";
import { asLambda, asServer, type Heard, type ServingWay } from "./dev-ways.ts";
import { exampleInput, quoted } from "./example-input.ts";
import { formatLogLine, parseLogLine } from "./function-logs.ts";
import { freePortAfter } from "./free-port.ts";
import { Refusal, toSentence } from "./refusal.ts";
import { colors, jsonResult, milliseconds, note, progress } from "./terminal.ts";

interface Options {
  readonly port: number;
  readonly lambda?: true;
  readonly ric?: true;
  readonly json?: true;
}

/** Said by the server at each version's beginning and end: `ready` and `reloaded` say how long it took. */
const EXPECTED = new Set(["listening", "cold start", "shutting down"]);

export function devCommand(): Command {
  return new Command("dev")
    .description("Serve a model on this machine and reload it at each save.")
    .argument("[dir]", "the folder with config.yaml", ".")
    .option("-p, --port <port>", "the port to listen on; 0 for any free one", toPort, 8080)
    .option("--lambda", "run it as a Lambda function behind its URL, instead of as a server")
    .option("--ric", "as --lambda, on AWS's own runtime client, aws-lambda-ric")
    .option("--json", "print one JSON object per event instead of text")
    .addHelpText("after", "\nExample:\n  $ coldframe dev my-model --port 3000")
    .action((dir: string, options: Options) => {
      const tell = options.json ? jsonResult : tellPerson;
      const heard: Heard = {
        onLine: (text) => {
          const line = parseLogLine(text);
          if (!EXPECTED.has(line.message)) note(formatLogLine(line));
        },
        onAnswer: (answered) => tell({ event: "request", ...answered, ms: Math.round(answered.ms) }),
        onError: (code, message) => tell({ event: "error", code, message }),
      };
      const ric = options.ric === true;
      return options.lambda || ric
        ? dev(resolve(dir), options.port, asLambda(heard, ric), tell)
        : dev(resolve(dir), options.port, asServer(heard), tell);
    });
}

async function dev<T extends Running>(
  project: string,
  port: number,
  way: ServingWay<T>,
  tell: (event: DevEvent) => void,
): Promise<void> {
  let current: T | undefined;
  const front = await listen(way, port, () => {
    if (current === undefined) throw new Refusal("NOT_STARTED", "no version of the model has started yet.");
    return current;
  });
  const versions = await createVersions(project, way);

  const steps = progress();
  const watcher = watchInputs(project, async () => {
    const startedAt = performance.now();
    const version = await versions.next();
    steps.stop();
    if ("error" in version) {
      tell({ event: "failed", message: toSentence(version.error), serving: current !== undefined });
    } else {
      const last = current;
      current = version.running;
      void last?.retire();
      const first = last === undefined ? { url: front.url, curl: curlLine(project, front.url) } : {};
      tell({
        event: last === undefined ? "ready" : "reloaded",
        ms: Math.round(performance.now() - startedAt),
        ...first,
      });
    }
    return version.inputs;
  });
  await interrupted();
  await watcher.close();
  await front.close();
  await Promise.all([current?.close(), versions.dispose()]);
}

async function listen<T extends Running>(
  way: ServingWay<T>,
  port: number,
  current: () => T,
): Promise<Listening> {
  try {
    return await way.listen(port, current);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      const free = await freePortAfter(port);
      const fix =
        free === undefined ? "Choose another one with --port." : `Use --port ${free}, which is free.`;
      throw new Refusal("PORT_IN_USE", `port ${port} is in use by another program.`, { fix });
    }
    if (code === "EACCES") {
      throw new Refusal("PORT_FORBIDDEN", `port ${port} is not allowed for this user.`, {
        fix: "Use one above 1023.",
      });
    }
    throw error;
  }
}

type DevEvent =
  | { event: "ready" | "reloaded"; ms: number; url?: string; curl?: string }
  | { event: "failed"; message: string; serving: boolean }
  | { event: "error"; code: string; message: string }
  | { event: "request"; method: string; path: string; status: number; ms: number; whole: boolean };

function tellPerson(event: DevEvent): void {
  switch (event.event) {
    case "ready":
      note(`${colors.green("ready")} in ${milliseconds(event.ms)}: ${event.url}\n\n  ${event.curl}\n`);
      break;
    case "reloaded":
      note(`${colors.green("reloaded")} in ${milliseconds(event.ms)}`);
      break;
    case "failed":
      note(
        `${event.message}\n${colors.dim(event.serving ? "The last good version goes on serving." : "Waiting for a change.")}`,
      );
      break;
    case "error":
      note(`${colors.red(event.code)}: ${event.message}`);
      break;
    case "request": {
      const { method, path, status, ms, whole } = event;
      const paint = status >= 500 || !whole ? colors.red : status >= 400 ? colors.yellow : colors.green;
      note(`${method} ${path} ${paint(String(status))} ${milliseconds(ms)}${whole ? "" : " broken off"}`);
    }
  }
}

function curlLine(project: string, url: string): string {
  const data = quoted(exampleInput(project) ?? "{}");
  return `curl -N ${url}/predict -H 'content-type: application/json' -d ${data}`;
}

function interrupted(): Promise<unknown> {
  return new Promise((resolve) => {
    process.once("SIGINT", resolve).once("SIGTERM", resolve);
  });
}

function toPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("allowed: 0 to 65535.");
}
