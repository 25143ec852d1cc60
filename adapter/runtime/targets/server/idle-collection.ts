// What V8 does to a server that nobody calls for 8 s: it collects garbage, which is welcome, and with it whatever the
// compiled code was made for, and the code. The calls after that take twice as long, and later ones a tenth longer for
// good.

/** The first V8 that is known to have the flag; others say on standard error that they do not know it. */
const FIRST_V8 = 13;

/**
 * Garbage is still collected when nobody calls, and compiled code stays. For when the model has loaded: V8 takes code
 * from a cache, as Node's own modules are, only with the flags that it was made with.
 */
export function keepCompiledCode(): void {
  if (Number.parseInt(process.versions.v8, 10) < FIRST_V8) return;
  process.getBuiltinModule("node:v8").setFlagsFromString("--no-memory-reducer-favors-memory");
}
