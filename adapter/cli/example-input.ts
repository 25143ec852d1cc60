// The inputs that the project itself gives as examples: for the lines that a person may paste, and for
// `coldframe invoke --example`. Where they are written is build/example-inputs.ts.

import { readConfig } from "../build/config.ts";
import { readExamples } from "../build/example-inputs.ts";
import { Refusal } from "./refusal.ts";

/** The first one, as JSON; `undefined` when the project has none or cannot be read. */
export function exampleInput(project: string): string | undefined {
  try {
    const [first] = readExamples(readConfig(project));
    return first && JSON.stringify(first.input);
  } catch {
    return undefined;
  }
}

/** The one of that name, as JSON. @throws OPTION_INVALID with the names there are; what `readExamples` throws */
export function namedExample(project: string, name: string): string {
  const { config, ...loaded } = readConfig(project);
  const examples = readExamples({ config, ...loaded });
  const found = examples.find((example) => example.name === name);
  if (found !== undefined) return JSON.stringify(found.input);
  const names = examples.map((example) => `"${example.name}"`).join(", ");
  throw new Refusal("OPTION_INVALID", `--example ${name}: the project has no example of that name.`, {
    fix: names === "" ? `Write it into ${config.examples_filename}.` : `It has ${names}.`,
  });
}

/** Quoted for a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
