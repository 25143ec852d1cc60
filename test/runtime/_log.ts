// What the adapter logged during one test. Every other line goes to standard output as ever: the test runner reports there.

export type LogLine = Record<string, unknown> & { level: string; message: string };

/** Collect log lines while `run` runs, and some turns of the event loop longer. */
export async function logged<T>(
  run: () => T | Promise<T>,
): Promise<{ lines: LogLine[]; text: string; result: T }> {
  const write = process.stdout.write;
  const written: string[] = [];
  process.stdout.write = ((chunk: unknown, ...rest: never[]) => {
    if (typeof chunk === "string" && chunk.startsWith('{"timestamp"')) return written.push(chunk) > 0;
    return (write as (...all: unknown[]) => boolean).call(process.stdout, chunk, ...rest);
  }) as typeof write;
  try {
    const result = await run();
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { lines: written.map((line) => JSON.parse(line) as LogLine), text: written.join(""), result };
  } finally {
    process.stdout.write = write;
  }
}
