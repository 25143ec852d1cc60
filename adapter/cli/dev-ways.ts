// The two ways in which `coldframe dev` runs a model: as the server that a container runs, and as a Lambda function
// behind its URL. Both keep one address while versions change.

import { startFunctionUrl } from "../local/function-url.ts";
import type { Answered, Listening } from "../local/listen.ts";
import { type LocalLambda, startLocalLambda } from "../local/local-lambda.ts";
import { startFront } from "./dev-front.ts";
import { type ServerVersion, startServer } from "./dev-server.ts";
import type { Running, Way } from "./dev-versions.ts";
import { initError } from "./invoke-answer.ts";

/** What happens while a version serves. */
export interface Heard {
  readonly onLine: (line: string) => void;
  readonly onAnswer: (answered: Answered) => void;
  readonly onError: (code: string, message: string) => void;
}

export interface ServingWay<T extends Running> extends Way<T> {
  /** Rejects with the system's own error when the port is taken or forbidden. */
  listen(port: number, current: () => T): Promise<Listening>;
}

export function asServer({ onLine, onAnswer, onError }: Heard): ServingWay<ServerVersion> {
  return {
    target: "server",
    start: (artifact, variables) => startServer(artifact, variables, onLine),
    listen: (port, current) =>
      startFront({
        port,
        target: async () => current().port(),
        onAnswer,
        onError: (error) => onError((error as { code?: string }).code ?? "SERVER_ENDED", error.message),
      }),
  };
}

/** @param ric on AWS's own runtime client */
export function asLambda({ onLine, onAnswer, onError }: Heard, ric: boolean): ServingWay<LocalLambda> {
  return {
    target: "lambda",
    async start(artifact, environment) {
      const client = ric ? "aws-lambda-ric" : "local";
      const lambda = await startLocalLambda({ artifact, client, environment, onLog: onLine });
      if (lambda.initError === undefined) return lambda;
      await lambda.close();
      throw initError(lambda.initError);
    },
    listen: (port, lambda) =>
      startFunctionUrl({
        port,
        lambda,
        onAnswer,
        onError: ({ errorType, errorMessage }) => onError(errorType, errorMessage),
      }),
  };
}
