// cdk-nag's AwsSolutions rules over CloudFormation documents of any origin, read by the CDK as they are.
// It also refuses what CfnInclude refuses: wrong types, missing properties, dangling references.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import type { Template } from "./_parse.ts";
import type { Finding } from "./_validate.ts";

/** Of cdk-nag 3, which is installed for these tests alone. */
interface CdkNag {
  readonly AwsSolutionsChecks: new (
    scope: App,
  ) => {
    validateScope(scope: Stack): { readonly violations: readonly Violation[] };
  };
}

interface Violation {
  /** `AwsSolutions-S1`, or `AwsSolutions-IAM5[Resource::*]`. */
  readonly ruleName: string;
  readonly description: string;
  readonly violatingResources: readonly { readonly constructPath: string }[];
}

/** Its findings, with the part in brackets as their path. */
export function nagFindings(document: Template): Finding[] {
  const { AwsSolutionsChecks } = createRequire(import.meta.url)("cdk-nag") as CdkNag;
  const folder = mkdtempSync(join(tmpdir(), "coldframe-nag-"));
  try {
    const templateFile = join(folder, "template.json");
    writeFileSync(templateFile, JSON.stringify(document));
    const app = new App({ outdir: join(folder, "out") });
    const stack = new Stack(app, "Stack");
    new CfnInclude(stack, "Document", { templateFile });
    return new AwsSolutionsChecks(app).validateScope(stack).violations.flatMap(findingsOfViolation);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function findingsOfViolation({ ruleName, description, violatingResources }: Violation): Finding[] {
  const [, id = ruleName, path = ""] = /^([^[]+)(?:\[(.*)\])?$/.exec(ruleName) ?? [];
  return violatingResources.map(({ constructPath }) => ({
    id,
    severity: "ERROR",
    resource: constructPath.split("/").at(-1) as string,
    path,
    message: description,
  }));
}
