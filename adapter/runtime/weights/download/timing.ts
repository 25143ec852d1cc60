// The time limits of the download and what it may try, in one place. Tests give shorter ones; nobody else does.
// Where the numbers come from: S3's own clients (aws-c-s3) and its guide to time-outs for latency-sensitive applications.

export interface Timing {
  /** To connect, TLS and proxy included. */
  readonly connectMs: number;
  /** From the request to the end of the answer's head; also for looking a name up. */
  readonly headMs: number;
  /** Without a byte of the body. */
  readonly stallMs: number;
  /** Between two looks at the clock, the pace and the tail. */
  readonly tickMs: number;
  /** A gap between two looks that says the process was frozen. */
  readonly frozenMs: number;
  /** The longest wait before the second try; doubles with each. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** A server that asks for more gets this. */
  readonly maxRetryAfterMs: number;
  /** Without a server that asks for less, this gives one more connection. */
  readonly cleanMs: number;
  /** No part is late before. */
  readonly minLateMs: number;
}

export const TIMING: Timing = {
  connectMs: 3000,
  headMs: 5000,
  stallMs: 5000,
  tickMs: 500,
  frozenMs: 2000,
  backoffMs: 100,
  maxBackoffMs: 5000,
  maxRetryAfterMs: 60_000,
  cleanMs: 1000,
  minLateMs: 1000,
};

/** What the time is read from. */
export interface Clock {
  /** Milliseconds that never go back; may stand still while the process is frozen. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
}

export const CLOCK: Clock = { now: () => performance.now(), wall: () => Date.now() };
