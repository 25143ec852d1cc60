// One JSON line per fact, on standard output, where Lambda and every container platform collect it, with the names that
// Lambda's own JSON lines have. Not a logging framework: levels, fields and whose invocation it was, nothing else. What is
// not ours to choose, such as errors and whatever a model logs, is made fit for JSON by log-anything.ts.
// Source: docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html; aws-lambda-ric 4.0.2, index.mjs.

export type Level = "debug" | "info" | "warn" | "error";

export type Log = Readonly<Record<Level, (message: string, fields?: Record<string, unknown>) => void>>;

export type Fields = Readonly<Record<string, unknown>>;

/** By what AWS_LAMBDA_LOG_LEVEL may say, which Lambda sets from the function's LoggingConfig. */
const RANKS: Readonly<Record<string, number>> = { trace: 0, debug: 0, info: 1, warn: 2, error: 3, fatal: 3 };

const wanted = process.env["COLDFRAME_LOG_LEVEL"] ?? process.env["AWS_LAMBDA_LOG_LEVEL"] ?? "";
const threshold = RANKS[wanted.toLowerCase()] ?? 1;

/**
 * Write one line.
 * @param fields what JSON holds; not an error, which has none for it
 * @param own fields that win over `fields`; a line that carries metrics (`_aws`) has no level that could silence it
 */
export function writeLog<F extends object>(
  level: Level,
  message: string,
  fields?: F & { readonly error?: never },
  own: Fields = {},
): void {
  if ((RANKS[level] as number) < threshold && !own["_aws"]) return;
  const line = { timestamp: new Date().toISOString(), level: level.toUpperCase(), message, ...own };
  process.stdout.write(`${JSON.stringify({ ...line, ...fields, ...line })}\n`);
}
