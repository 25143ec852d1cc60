// The model of the contract tests: it loads, and answers, when a test says so, and tells what it was given.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../../build/_project.ts";
import type { Files } from "../../build/_project.ts";

/** The name of the variable that says where a test opens gates. */
const GATES = "TEST_GATES";

export const PROJECT: Files = {
  "config.yaml": `model_name: Sample.model
environment_variables: { GREETING: hello }
secrets: { hub_token: null, note: fallback }
runtime: { predict_concurrency: 4, load_timeout_seconds: 120 }
resources: { cpu: 4, memory: 16Gi, accelerator: L4 }
server: { image: "registry.example.com/team/sample:1", shutdown_grace_seconds: 3, request_timeout_seconds: 60 }
`,
  "model/model.ts": `
import { existsSync } from "node:fs";

const opened = async (gate: string) => {
  while (!existsSync(process.env.${GATES} + "/" + gate)) await new Promise((resolve) => setTimeout(resolve, 10));
};

export default class Model {
  secrets: Record<string, string>;
  constructor({ secrets }: any) {
    this.secrets = secrets;
  }
  load() {
    return opened("load");
  }
  async predict({ hold, text }: any, { log }: any) {
    if (hold) {
      log.info("holds " + hold);
      await opened(hold);
    }
    const { hub_token, note } = this.secrets;
    return { greeting: process.env.GREETING, token: hub_token, note };
  }
}
`,
};

export interface Gates {
  /** What the process is started with. */
  readonly env: Readonly<Record<string, string>>;
  open(gate: string): void;
}

export function makeGates(): Gates {
  const folder = makeFolder();
  return { env: { [GATES]: folder }, open: (gate) => writeFileSync(join(folder, gate), "") };
}
