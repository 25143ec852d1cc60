// Whether the packages that the model imports are installed, and this coldframe is the one that the project has.

import { sep } from "node:path";
import { observerOf } from "../../build/observers-entry.ts";
import { findPackage } from "../../build/packages.ts";
import { coldframeVersion, packageFolder } from "../../build/runtime-files.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { type Finding, findingsOf, refusedAs } from "./finding.ts";
import { flawOf, type Project } from "./project.ts";

const { ok, warning, problem, skipped } = findingsOf("packages");

export async function checkPackages(project: Project): Promise<Finding[]> {
  const found = [...checkColdframe(project), ...(await checkImports(project))];
  return found.length > 0 ? found : [ok("all that the model imports is installed.")];
}

function checkColdframe({ folder }: Project): Finding[] {
  // An example in our own repository imports it by its name without an installation.
  if (`${folder}${sep}`.startsWith(packageFolder() + sep)) return [];
  const version = coldframeVersion();
  const installed = findPackage("coldframe", folder);
  if (installed === undefined) {
    return [
      warning(
        "coldframe is not installed in the project: editors find no types, and another machine may build with another version.",
        `Run \`npm install coldframe@${version}\` in the project.`,
      ),
    ];
  }
  if (installed.version === version) return [];
  return [
    warning(
      `the project has coldframe ${installed.version}, and this is ${version}.`,
      `Run the project's own with \`npx coldframe doctor\`, or \`npm install coldframe@${version}\`.`,
    ),
  ];
}

async function checkImports(project: Project): Promise<Finding[]> {
  if (project.config instanceof ColdframeError) return [skipped("imports: config.yaml cannot be read.")];
  if (project.modelFlaw !== undefined) return [skipped("imports: there is no model to read.")];
  const { config } = project;
  const observer = flawOf(() => observerOf(config));
  const flawed = observer === undefined ? [] : [refusedAs(problem, observer)];
  const bundle = await project.bundle();
  if (bundle instanceof ColdframeError) {
    // What is there and does not suit is the architecture's to say.
    return bundle.code === "ADDON_UNSUPPORTED"
      ? flawed
      : [...flawed, refusedAs(problem, bundle, "Correct it; `coldframe build` refuses it in the same way.")];
  }
  return [...flawed, ...bundle.warnings.map((sentence) => warning(sentence))];
}
