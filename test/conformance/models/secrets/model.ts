// Declares secrets in its config.yaml.

import type { ModelContext } from "coldframe";

const load = crypto.randomUUID();

export default class Model {
  #secrets: ModelContext["secrets"];

  constructor({ secrets }: ModelContext) {
    this.#secrets = secrets;
  }

  predict(input: { do?: string }) {
    if (input.do === "who") return { pid: process.pid, load };
    return { lengths: Object.values(this.#secrets).map((value) => value.length) };
  }
}
