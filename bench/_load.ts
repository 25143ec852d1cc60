// Callers of an HTTP server, in a process of their own: each has one connection, and sends again when it was answered.
// The wire is _load-process.ts.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What one round of calls is made of. */
export interface Round {
  readonly port: number;
  readonly path: string;
  /** JSON; each caller takes the next one. */
  readonly bodies: readonly string[];
  /** Callers at the same time, each on a connection that stays open. */
  readonly connections: number;
  /** No call begins after it; those that have begun are waited for. */
  readonly milliseconds: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came of it. Times are milliseconds since the call was written, in order of size. */
export interface Answers {
  readonly perSecond: number;
  /** To the last byte. */
  readonly times: readonly number[];
  /** To the first byte of the body. */
  readonly firstChunks: readonly number[];
  /** Answers with another status than 200, and connections that ended. */
  readonly failures: number;
  /** What the first of them was. */
  readonly firstFailure: string | undefined;
  /** What the callers' process took of one core: near 1, it is the callers who are measured. */
  readonly cpuShare: number;
}

export interface Load {
  run(round: Round): Promise<Answers>;
  end(): void;
}

/** Start the callers' process, which stays for many rounds. */
export function startLoad(): Load {
  const child = fork(join(import.meta.dirname, "_load-process.ts"), { serialization: "advanced" });
  return {
    async run(round) {
      child.send(round);
      const [answers] = (await once(child, "message")) as [Answers];
      return answers;
    },
    end: () => child.kill(),
  };
}

/** @param share 0.5 is the median, 0.99 the time that one in a hundred calls exceeds */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
