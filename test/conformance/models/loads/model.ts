// Loads as the variables LOAD and LOAD_MS say, well or badly.

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const how = process.env["LOAD"] ?? "well";
const loadMs = Number(process.env["LOAD_MS"] ?? 0);
const seen = { load: crypto.randomUUID(), loads: 0, startedAt: Date.now() };

if (how === "import fails") throw new RangeError("a constant is out of range");

export default class Model {
  constructor() {
    if (how === "constructor fails") throw new TypeError("no such option");
  }

  async load() {
    seen.loads++;
    if (how === "stray rejection") setTimeout(() => void Promise.reject(new Error("a stray rejection")), 20);
    if (how === "stray exception") {
      setTimeout(() => {
        throw new Error("a stray exception");
      }, 20);
    }
    if (how === "stray after init") {
      setTimeout(() => {
        throw new Error("a stray exception");
      }, 1_000);
    }
    if (how === "blocks") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, loadMs);
    else await sleep(loadMs);
    if (how === "fails") throw new Error("the weights are torn");
    if (how === "fails twice" && seen.loads <= 2) throw new Error(`the weights are torn (${seen.loads})`);
  }

  predict(input: { do?: string }) {
    if (input.do === "who") return { pid: process.pid, ...seen, ageMs: Date.now() - seen.startedAt };
    return { loads: seen.loads };
  }
}
