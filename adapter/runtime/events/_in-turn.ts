// The order of a batch: each record begins in a turn of the event loop of its own, those of one group one after the
// other, and none that would begin after its group failed or after the time was over. How many run at once is the
// model's `runtime.predict_concurrency`, and not decided here.

import type { Outcome, Schedule } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { writeLog } from "../log.ts";

/** Between two records of a model that never waits: only here can the clock be heard. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** See `RecordSource.schedule`. */
export const inTurn: Schedule = async (records, run, { cancellation, id }) => {
  // Who listens starts the clock.
  cancellation.onCancel(() => {});
  const notBegun: Error[] = [];
  const skip = (error: Error): Outcome => {
    notBegun.push(error);
    return { error };
  };
  const ofGroup = new Map<string, Promise<Outcome>>();
  const outcomes: Promise<Outcome>[] = [];

  for (const record of records) {
    const { group } = record;
    const before = group === undefined ? undefined : ofGroup.get(group);
    const outcome = (async () => {
      if (before) {
        if ("error" in (await before)) return skip(groupStopped(group));
        await nextTurn();
      }
      return cancellation.reason ? skip(cancellation.reason) : run(record);
    })();
    if (group !== undefined) ofGroup.set(group, outcome);
    if (outcomes.push(outcome) < records.length) await nextTurn();
  }
  const all = await Promise.all(outcomes);
  if (notBegun.length > 0) {
    const reasons = [...new Set(notBegun.map(({ message }) => message))];
    writeLog("warn", `${notBegun.length} of ${records.length} records were not begun`, {
      requestId: id,
      reasons,
    });
  }
  return all;
};

const groupStopped = (group = ""): Error =>
  new ColdframeError("CANCELLED", `a message before it in the group ${JSON.stringify(group)} failed.`);
