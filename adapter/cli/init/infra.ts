// Templates of our infra/ as files of a project. Most are copied as they are, to be edited and filled by the build; of
// Terraform and the CDK a project gets what uses our module or construct where it is installed.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../../build/runtime-files.ts";
import { filesBelow, type NewFile } from "./new-files.ts";

/** Not for deploying a project: sources of the package itself, and rules for a CI of one's own. */
const NOT_TOOLS = new Set(["clients"]);

/** Folders of our package that are copied in place of the tool's own. */
const SOURCES: Readonly<Record<string, string>> = {
  cdk: "infra/cdk/example",
  terraform: "adapter/cli/init/templates/_terraform",
};

/** Files whose place is the project's root. */
const AT_ROOT = new Set(["cdk.json"]);

/** What `--infra` may name: the folders of infra/. */
export function infraNames(): readonly string[] {
  return readdirSync(infraFolder(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NOT_TOOLS.has(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

/** Of SAM's templates a project needs one; the others are in our package. */
const OF_SAM = { zip: "template.yaml", managedInstances: "gpu.yaml" } as const;

/**
 * The files for these tools.
 * @param onManagedInstances whether that is where the function will run
 */
export function infraFiles(names: readonly string[], onManagedInstances: boolean): NewFile[] {
  const ofSam = OF_SAM[onManagedInstances ? "managedInstances" : "zip"];
  return names.flatMap((name) =>
    filesBelow(join(packageFolder(), SOURCES[name] ?? `infra/${name}`))
      .filter(({ path }) => name !== "sam" || path === ofSam)
      .map(({ path, contents }) => ({
        path: AT_ROOT.has(path) ? path : `infra/${name}/${path}`,
        contents,
      })),
  );
}

const infraFolder = (): string => join(packageFolder(), "infra");
