// What a tool costs, as a whole process and with the processes it starts: time, processor and memory. Counted by the
// kernel (wait4's rusage), so every thread and every child that was waited for is in it. By way of Python, because Node
// cannot ask for it, and because a child's peak begins with its parent's: Python's is below that of every tool here.
// In a session of its own: Linux shares the processors among sessions (sched_autogroup), and the servers, which would be
// elsewhere, have hundreds of threads that a tool would wait behind.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface Cost {
  /** From the first spawn to the last end. */
  readonly seconds: number;
  /** User and system. */
  readonly cpuSeconds: number;
  /** 10^6 bytes; of several commands the sum. */
  readonly peakMb: number;
  /** What the commands printed. */
  readonly output: string;
}

const LIMIT_MS = 180_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;

const MEASURE = `
import json, os, sys, time
os.setsid()
commands = json.loads(sys.argv[1])
start = time.monotonic()
pids = [os.posix_spawnp(c[0], c, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)]) for c in commands]
results = [os.wait4(pid, 0) for pid in pids]
seconds = time.monotonic() - start
print(json.dumps({
  "codes": [os.waitstatus_to_exitcode(status) for _, status, _ in results],
  "seconds": seconds,
  "cpu": sum(usage.ru_utime + usage.ru_stime for _, _, usage in results),
  "peak_kib": sum(usage.ru_maxrss for _, _, usage in results),
}))
`;

/** Run commands at once, each in a process of its own, and wait for all. @throws when one of them fails */
export async function measure(
  commands: readonly (readonly string[])[],
  environment: NodeJS.ProcessEnv,
): Promise<Cost> {
  const { stdout, stderr } = await promisify(execFile)("python3", ["-c", MEASURE, JSON.stringify(commands)], {
    env: environment,
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    maxBuffer: OUTPUT_BYTES,
  });
  const { codes, seconds, cpu, peak_kib } = JSON.parse(stdout) as {
    codes: number[];
    seconds: number;
    cpu: number;
    peak_kib: number;
  };
  const failed = codes.findIndex((code) => code !== 0);
  if (failed >= 0) {
    throw new Error(
      `${commands[failed]?.join(" ").slice(0, 300)} ended with ${codes[failed]}:\n${stderr.slice(-2000)}`,
    );
  }
  return { seconds, cpuSeconds: cpu, peakMb: (peak_kib * 1024) / 1e6, output: stderr };
}
