// Writes the expansions of the SAM templates anew: `node test/infra/sam/expand.ts`, after a change of infra/sam.
// It needs AWS's translator: `python3 -m pip install aws-sam-translator`.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import {
  expand,
  type Golden,
  goldenFile,
  hashOf,
  NO_TRANSLATOR,
  rendered,
  SAMPLE_NAMES,
} from "./_expansion.ts";

const texts = SAMPLE_NAMES.map(rendered);
const documents = expand(texts.map((text) => ({ text })));
if (documents === undefined) {
  console.error(NO_TRANSLATOR);
  process.exitCode = 1;
} else {
  for (const [i, name] of SAMPLE_NAMES.entries()) {
    const golden = { sha256: hashOf(texts[i] as string), document: documents[i] } as Golden;
    writeFileSync(goldenFile(name), `${JSON.stringify(golden, null, 2)}\n`);
    console.log(goldenFile(name));
  }
  // As all JSON of this repository.
  spawnSync("npx", ["biome", "format", "--write", ...SAMPLE_NAMES.map(goldenFile)], { stdio: "inherit" });
}
