// Metrics without an agent: log lines in CloudWatch's embedded metric format, which makes metrics of some of their
// fields. Only in a bundle whose config.yaml names where they go, for each costs money. Source: docs.aws.amazon.com/
// AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.

import type { Observer } from "../contracts.ts";
import { type Fields, writeLog } from "../log.ts";
import { linesOf } from "./log-anything.ts";
import { Stopwatch } from "./timings.ts";

/** CloudWatch's own words, by the end of a metric's name. */
const UNITS: Readonly<Record<string, string>> = { ms: "Milliseconds", bytes: "Bytes", s: "None" };

/** Milliseconds of a phase of the cold start: `cold_start_import_ms`. */
const phaseName = (phase: string): string => `cold_start_${phase}_ms`;

/**
 * One line for each invocation, and the metrics of a cold start in its own line. Their dimensions are the model, the
 * environment when it has one, and the code of an error beside them.
 * @param namespace of CloudWatch, as `serverless.metrics_namespace` has it
 */
export function embeddedMetrics(namespace: string, model: string): Observer {
  const environment = process.env["COLDFRAME_ENVIRONMENT"] || undefined;
  const dimensions = environment ? ["model", "environment"] : ["model"];

  function fields(values: Readonly<Record<string, number | undefined>>, code?: string): Fields {
    const present = Object.entries(values).filter((entry) => Number.isFinite(entry[1]));
    const directives = [
      directive(
        namespace,
        dimensions,
        present.map(([name]) => name),
      ),
    ];
    // A metric of its own for each code, beside the one of all of them.
    if (code) directives.push(directive(namespace, [...dimensions, "code"], ["errors"]));
    return {
      model,
      environment,
      code,
      ...Object.fromEntries(present),
      _aws: { Timestamp: Date.now(), CloudWatchMetrics: directives },
    };
  }

  return {
    coldStart({ phases, total_ms, weights }) {
      return fields({
        cold_start_ms: total_ms,
        ...Object.fromEntries(Object.entries(phases).map(([phase, ms]) => [phaseName(phase), ms])),
        ...(weights && {
          weights_ms: weights.ms,
          weights_bytes: weights.bytes,
          weights_mb_per_s: weights.mb_per_s,
        }),
      });
    },

    begin(origin, call) {
      const began = performance.now();
      return new Stopwatch(
        ({ preprocess, queue, predict, firstToken, postprocess, member, status, code }) => {
          // Probes and documents are no invocations of the model, and a probe that is told to wait is no error.
          if (!member && (!code || (call && call.method !== "POST"))) return;
          const values = {
            duration_ms: round(performance.now() - began),
            queue_ms: round(queue),
            predict_ms: round(predict),
            first_token_ms: round(firstToken),
            errors: code ? 1 : 0,
          };
          const facts = {
            preprocess_ms: round(preprocess),
            postprocess_ms: round(postprocess),
            member,
            status,
          };
          writeLog(
            "info",
            "invocation",
            {},
            { ...linesOf(origin), source: origin.source, ...facts, ...fields(values, code) },
          );
        },
      );
    },
  };
}

function directive(Namespace: string, dimensions: readonly string[], names: readonly string[]): object {
  const Metrics = names.map((Name) => ({
    Name,
    Unit: Name === "errors" ? "Count" : UNITS[Name.slice(Name.lastIndexOf("_") + 1)],
  }));
  return { Namespace, Dimensions: [dimensions], Metrics };
}

/** To a hundredth of a millisecond. */
const round = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 100) / 100;
