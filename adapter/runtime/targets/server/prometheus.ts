// GET /metrics of the server: what was asked and answered, how long it took, how the model came to be, and what the model
// itself has to say. The format is exposition.ts; what the process costs is process-metrics.ts.

import type { ColdStart } from "../../cold-start.ts";
import type { ColdStartFacts, Observer } from "../../contracts.ts";
import { logAnything } from "../../observe/log-anything.ts";
import { redact } from "../../observe/redaction.ts";
import { replyWith } from "../../reply.ts";
import { routeLabel } from "../../observe/route-label.ts";
import type { Answer } from "../../routes.ts";
import { type Crowd, Stopwatch } from "../../observe/timings.ts";
import { CONTENT_TYPE, Counter, type Family, Histogram, METRIC_NAME, namesIn, toText } from "./exposition.ts";
import { processMetrics } from "./process-metrics.ts";

/** Seconds: from a small model on a CPU to a long generation. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** A scraper gives up after ten seconds unless it is told otherwise. */
const MODEL_METRICS_MS = 5_000;

export interface Prometheus extends Observer {
  /** Answers GET /metrics; also while the model loads. */
  answer(start: Pick<ColdStart, "model">): Answer;
}

/** Watch a server's invocations, and tell Prometheus. */
export function createPrometheus(model: string): Prometheus {
  const crowd: Crowd = { inFlight: 0, waiting: 0 };
  const requests = new Counter("route", "status");
  const errors = new Counter("code");
  const predict = new Histogram(BUCKETS, "member");
  const firstToken = new Histogram(BUCKETS, "member");
  const queue = new Histogram(BUCKETS, "member");
  let facts: ColdStartFacts | undefined;

  const families = (): Family[] => [
    one("coldframe_model_info", "gauge", "The model that is served.", 1, {
      model,
      environment: process.env["COLDFRAME_ENVIRONMENT"] ?? "",
    }),
    {
      name: "coldframe_requests_total",
      type: "counter",
      help: "Answered requests, by route and HTTP status; 0 when the caller left before.",
      samples: requests.samples,
    },
    {
      name: "coldframe_errors_total",
      type: "counter",
      help: "Errors that callers were told, by their code.",
      samples: errors.samples,
    },
    one("coldframe_requests_in_flight", "gauge", "Requests that are being answered.", crowd.inFlight),
    one("coldframe_queue_depth", "gauge", "Calls that wait for a free slot of the model.", crowd.waiting),
    {
      name: "coldframe_queue_seconds",
      type: "histogram",
      help: "How long calls waited for a slot.",
      samples: queue.samples,
    },
    {
      name: "coldframe_predict_seconds",
      type: "histogram",
      help: "How long the model computed, until its last item when it streams.",
      samples: predict.samples,
    },
    {
      name: "coldframe_first_token_seconds",
      type: "histogram",
      help: "From the call of the model to the first item of its stream.",
      samples: firstToken.samples,
    },
    ...(facts ? coldStartFamilies(facts) : []),
    ...processMetrics(),
  ];

  return {
    coldStart(known) {
      facts = known;
      return {};
    },

    begin: ({ source }, call) => {
      const route = call ? routeLabel(call.path) : source;
      return new Stopwatch((timings) => {
        const { member, status = 0, code } = timings;
        requests.add(route, status);
        if (code) errors.add(code);
        if (!member) return;
        if (timings.queue !== undefined) queue.observe(timings.queue / 1000, member);
        if (timings.predict !== undefined) predict.observe(timings.predict / 1000, member);
        if (timings.firstToken !== undefined) firstToken.observe(timings.firstToken / 1000, member);
      }, crowd);
    },

    answer: (start) => async () => {
      const own = await modelMetrics(start);
      const theirs = namesIn(own);
      // Two families of one name are no valid text: what the model measures itself, it knows better.
      const ours = families().filter(({ name }) => !theirs.has(name));
      return replyWith(redact(toText(ours) + own), CONTENT_TYPE);
    },
  };
}

const one = (
  name: string,
  type: "gauge" | "counter",
  help: string,
  value: number,
  labels: Readonly<Record<string, string>> = {},
): Family => ({ name, type, help, samples: [{ labels, value }] });

function coldStartFamilies({ phases, total_ms, weights }: ColdStartFacts): Family[] {
  const cold = [
    one("coldframe_cold_start_seconds", "gauge", "From the process to a loaded model.", total_ms / 1000),
    {
      name: "coldframe_cold_start_phase_seconds",
      type: "gauge" as const,
      help: "How long each phase of the cold start took; they may overlap.",
      samples: Object.entries(phases).map(([phase, ms]) => ({ labels: { phase }, value: ms / 1000 })),
    },
  ];
  if (!weights) return cold;
  return [
    ...cold,
    one("coldframe_weights_bytes", "gauge", "Bytes of weights that the model has.", weights.bytes),
    one(
      "coldframe_weights_fetched_bytes",
      "gauge",
      "Bytes of them that were fetched.",
      weights.fetched_bytes,
    ),
    one("coldframe_weights_seconds", "gauge", "How long that took.", weights.ms / 1000),
  ];
}

/** What the model's `metrics()` says, as text that can follow ours; "" when it has none or fails. */
async function modelMetrics({ model }: Pick<ColdStart, "model">): Promise<string> {
  const { instance } = model ?? {};
  if (!instance?.metrics) return "";
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("it took too long")), MODEL_METRICS_MS);
  });
  try {
    const said = await Promise.race([instance.metrics(), tooLate]);
    if (typeof said !== "string") return toText(gauges(said));
    return said === "" || said.endsWith("\n") ? said : `${said}\n`;
  } catch (error) {
    logAnything("warn", "the model's metrics() failed; /metrics goes without", { error });
    return "";
  } finally {
    clearTimeout(timer);
  }
}

function gauges(values: Readonly<Record<string, number>>): Family[] {
  const entries = Object.entries(values ?? {});
  const wrong = entries.filter(([name, value]) => !METRIC_NAME.test(name) || typeof value !== "number");
  if (wrong.length > 0) {
    const names = wrong.map(([name]) => name).join(", ");
    throw new Error(`these are no numbers under names of letters, digits and "_": ${names}`);
  }
  return entries.map(([name, value]) => one(name, "gauge", "The model's own.", value));
}
