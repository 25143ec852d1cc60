// Where `coldframe invoke` sends a request: to the project, built and run here as Lambda would run it, or to a URL.

import { join, resolve } from "node:path";
import type { BuildReport } from "../build/build.ts";
import { startFunctionUrl } from "../local/function-url.ts";
import { type FunctionError, type LocalLambda, startLocalLambda } from "../local/local-lambda.ts";
import { buildWithProgress, hostArchitecture } from "./build.ts";
import { formatLogLine, isProblem, isProgress, type LogLine, parseLogLine } from "./function-logs.ts";
import type { HttpRequest } from "./http-exchange.ts";
import type { InvokeOptions } from "./invoke.ts";
import { initError } from "./invoke-answer.ts";
import { findSigning, type Signing } from "./invoke-signing.ts";
import { startLocalWeights } from "./local-weights.ts";
import { Refusal } from "./refusal.ts";
import { colors, note } from "./terminal.ts";

/** Where the request goes, and what is known there of an error that HTTP hides. */
export interface Destination {
  readonly url: string;
  readonly lambda?: LocalLambda;
  readonly build?: BuildReport;
  readonly lines: readonly LogLine[];
  /** Of a URL: what a request there has to carry. */
  readonly signing?: Signing;
  hiddenError(): FunctionError | undefined;
  close(): Promise<void>;
}

/** @throws OPTION_INVALID, and as the build and `findSigning` do */
export function destinationOf(
  project: string,
  { url, ...options }: InvokeOptions,
  { headers }: HttpRequest,
): Promise<Destination> {
  if (url !== undefined) return remote(url, options.profile, headers);
  if (options.profile === undefined) return startHere(project, options);
  throw new Refusal("OPTION_INVALID", "--profile says who signs a request to a --url, and there is none.", {
    fix: "Leave it out: what runs here is not asked who calls.",
  });
}

/** @throws as the build does; the function's own error when it does not start */
export async function startHere(
  project: string,
  options: InvokeOptions,
): Promise<Destination & { lambda: LocalLambda }> {
  const build = await buildWithProgress({
    project,
    // Not dist/: what lies there may be for another architecture and waiting to be deployed.
    outDir: join(resolve(project), ".coldframe", options.report ? "report" : "invoke"),
    architecture: hostArchitecture(),
    zip: options.report === true,
    codeCache: options.report === true,
    localWeights: true,
  });
  for (const warning of build.warnings) note(`${colors.yellow("warning")}: ${warning}`);
  const lines: LogLine[] = [];
  const weights = await startLocalWeights(project, options.cold);
  const lambda = await startLocalLambda({
    artifact: build.directory,
    client: options.ric ? "aws-lambda-ric" : "local",
    environment: weights.environment,
    onLog(text) {
      const line = parseLogLine(text);
      lines.push(line);
      if (options.logs || isProblem(line) || isProgress(line)) note(formatLogLine(line));
    },
  });
  if (lambda.initError !== undefined) {
    await Promise.all([lambda.close(), weights.close()]);
    throw initError(lambda.initError);
  }
  let hidden: FunctionError | undefined;
  const front = await startFunctionUrl({
    lambda: () => lambda,
    onError: (error) => {
      hidden = error;
    },
  });
  return {
    url: front.url,
    ...{ lambda, build, lines },
    hiddenError: () => hidden,
    close: async () => {
      await front.close();
      await Promise.all([lambda.close(), weights.close()]);
    },
  };
}

async function remote(
  url: string,
  profile: string | undefined,
  headers: HttpRequest["headers"],
): Promise<Destination> {
  if (!/^https?:\/\//.test(url)) {
    const fix = `Write it whole, as in --url https://${url}`;
    throw new Refusal("OPTION_INVALID", `--url ${url} is not an http or https address.`, { fix });
  }
  const signing = await findSigning(new URL(url), profile, headers);
  return { url, lines: [], signing, hiddenError: () => undefined, close: async () => {} };
}
