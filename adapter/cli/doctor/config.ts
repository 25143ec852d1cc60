// Whether config.yaml can be read, and the model, the examples and the data that it names are there. The rules are the
// build's own.

import { dirname } from "node:path";
import { listData } from "../../build/data-files.ts";
import { readExamples } from "../../build/example-inputs.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { type Finding, findingsOf, refusedAs, splitAdvice } from "./finding.ts";
import { flawOf, type Project } from "./project.ts";

const { ok, warning, problem } = findingsOf("config");

const CORRECT = "Correct config.yaml, and run `coldframe doctor` again for the checks that need it.";

export function checkConfig({ config, modelFlaw, artifact }: Project): Finding[] {
  if (config instanceof ColdframeError) {
    const { issues = [], fix } = config;
    if (issues.length === 0) return [refusedAs(problem, config, CORRECT)];
    return issues.map(({ message }) => problem(message, fix ?? CORRECT));
  }
  const warnings = config.warnings.map((sentence) => warning(...splitAdvice(sentence)));
  const flaws = [
    modelFlaw,
    flawOf(() => readExamples(config)),
    flawOf(() => listData(config, dirname(artifact.directory))),
  ].filter((flaw) => flaw !== undefined);
  const found = [...flaws.map((flaw) => refusedAs(problem, flaw, CORRECT)), ...warnings];
  return found.length > 0 ? found : [ok(`config.yaml is valid, and ${config.modelFile} is there.`)];
}
