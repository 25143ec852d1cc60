// Which events only keep an environment warm. What answers them is late code: warm-up.ts.
// Source: the payloads of serverless-plugin-warmup and lambda-warmer, and `{"coldframe": "warm-up"}` for everybody else.

/** lambda-warmer's own; a model's input that has such a word has others too. */
const WARMER_KEY = /^(warmer|concurrency|target|__WARMER_.*)$/;

/** Whether an event is for no model. */
export function isPing(event: unknown): boolean {
  const { source, warmer, coldframe } = (event ?? {}) as Readonly<Record<string, unknown>>;
  return (
    source === "serverless-plugin-warmup" ||
    coldframe === "warm-up" ||
    (warmer === true && Object.keys(event as object).every((key) => WARMER_KEY.test(key)))
  );
}
