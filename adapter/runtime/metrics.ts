// Metrics without an agent: a log line in CloudWatch's embedded metric format, which makes metrics of some of its fields.
// Only in a bundle whose config.yaml names where they go, for each costs money. Source: docs.aws.amazon.com/
// AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.

import type { ColdStartFacts } from "./contracts.ts";

/** CloudWatch's own words, by the end of a metric's name. */
const UNITS: Readonly<Record<string, string>> = { ms: "Milliseconds", bytes: "Bytes", s: "None" };

/**
 * The fields that make the log line of a cold start carry metrics, with the model as their dimension.
 * @param Namespace of CloudWatch, as `serverless.metrics_namespace` has it
 */
export function embeddedMetrics(Namespace: string, model: string): (facts: ColdStartFacts) => object {
  return ({ total_ms, weights }) => {
    const values = {
      cold_start_ms: total_ms,
      ...(weights && {
        weights_ms: weights.ms,
        weights_bytes: weights.bytes,
        weights_mb_per_s: weights.mb_per_s,
      }),
    };
    const Metrics = Object.keys(values).map((Name) => ({
      Name,
      Unit: UNITS[Name.slice(Name.lastIndexOf("_") + 1)],
    }));
    const CloudWatchMetrics = [{ Namespace, Dimensions: [["model"]], Metrics }];
    return { model, ...values, _aws: { Timestamp: Date.now(), CloudWatchMetrics } };
  };
}
