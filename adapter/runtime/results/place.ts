// Where results go: config.yaml says which kind of place, and by that which code a deployment carries; the environment
// may name another place of the same kind, for a queue's URL is often known only when it is deployed.

import { ColdframeError } from "../errors.ts";

/** @throws CONFIG_INVALID for a place of the other kind */
export function placeOfResults(
  configured: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const place = environment["COLDFRAME_SQS_RESULTS"] || configured;
  if (kindOf(place) === kindOf(configured)) return place;
  throw new ColdframeError(
    "CONFIG_INVALID",
    `COLDFRAME_SQS_RESULTS is ${place}, and results go to ${configured}.`,
    {
      fix: "Name a place of the same kind, or change `serverless.sqs.results` and build again.",
    },
  );
}

function kindOf(place: string): "bucket" | "queue" | "neither" {
  if (/^s3:\/\/[^/]+\/(.*\/)?$/s.test(place)) return "bucket";
  return /^https?:\/\/[^/]+\/\S+$/.test(place) ? "queue" : "neither";
}
