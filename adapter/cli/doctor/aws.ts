// One question to AWS, asked as the runtime asks: signed, twice at most, and no longer than a check may wait.

import {
  type AwsAnswer,
  type AwsRequest,
  createExchange,
  type Patience,
} from "../../runtime/aws/signed-exchange.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { Late, LIMIT_MS, withinLimit } from "./limits.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const PATIENCE: Patience = { maxTries: 2, backOffMs: 200, tryMs: LIMIT_MS / 2 };

/** Why there was no answer, as a sentence. */
export interface Silence {
  readonly silence: string;
  readonly fix: string | undefined;
}

export type Ask = (request: AwsRequest) => Promise<AwsAnswer | Silence>;

/** With the credentials of this machine. */
export function createAsk(environment: Environment): Ask {
  const exchange = createExchange(environment, "SECRET_UNREADABLE", PATIENCE);
  return async (request) => {
    try {
      return await withinLimit(exchange(request));
    } catch (error) {
      if (error instanceof ColdframeError || error instanceof Late) return silenceOf(error);
      throw error;
    }
  };
}

export const silenceOf = (error: Late | ColdframeError): Silence => ({
  silence: error.message,
  fix: error instanceof ColdframeError ? error.fix : undefined,
});

/**
 * Why AWS is not asked: the credentials of this environment are another store's.
 * @param service as in AWS_ENDPOINT_URL_<service>
 */
export function elsewhere(environment: Environment, service: string): string | undefined {
  const own = environment[`AWS_ENDPOINT_URL_${service}`] || environment["AWS_ENDPOINT_URL"];
  const ignored = environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true";
  if (own || ignored || !environment["AWS_ENDPOINT_URL_S3"]) return undefined;
  return `AWS_ENDPOINT_URL_S3 names another store than AWS's own, and AWS_ENDPOINT_URL_${service} is not set`;
}
