// The gate that every CloudFormation document goes through: the rules and schemas of AWS's own offline validator, which
// aws-cdk-lib carries, and ours of infra/policy. Nothing is let through for being a warning: each finding is mended, or
// acknowledged with a reason. It does not see SAM's own types: those are expanded first.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Parameters } from "./_parameters.ts";

export interface Finding {
  /** `F3002` of the validator, or the name of a rule of ours. */
  readonly id: string;
  readonly severity: "FATAL" | "ERROR" | "WARN" | "INFO" | "DEBUG";
  /** Logical id; "" for the document itself. */
  readonly resource: string;
  /** `Properties.AlarmActions.0`, or "". */
  readonly path: string;
  readonly message: string;
}

/** A finding that stays. `resource` and `path` are those of the finding, or patterns of them; left out, any. */
export interface Acknowledgement {
  readonly id: string;
  readonly resource?: string | RegExp;
  readonly path?: string | RegExp;
  readonly reason: string;
}

export interface ValidateOptions {
  readonly parameters?: Parameters;
  /** Ours alone, for documents whose values are placeholders. */
  readonly policyOnly?: boolean;
}

/** Hints that are about no fault of a document. They need not occur. */
const HINTS: readonly Acknowledgement[] = [
  {
    id: "I4010",
    reason: "comments say what each resource is for; no block of metadata repeats it for agents",
  },
  { id: "I9001", reason: "what can be replaced is named by its stack, and holds no data or is retained" },
  { id: "I9040", reason: "tags are of the stack: sam deploy --tags, Tags.of(app)" },
];

/** Every finding, of every severity. @param document an object, or the text of a YAML or JSON file */
export function findingsOf(document: object | string, options: ValidateOptions = {}): Finding[] {
  const { TemplateContent } = validator();
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const report = engine().validateTemplate(new TemplateContent(text, "document"), {
    detailLevel: "STANDARD",
    severityLevel: "DEBUG",
    parameterOverrides: options.parameters ?? {},
    disableBuiltinRules: options.policyOnly ?? false,
  });
  assert.notEqual(report.status, "ANALYSIS_INCOMPLETE", "the validator gave up before the end");
  return report.diagnostics.map(({ ruleId, severity, entity, propertyPath = "", message }) => ({
    id: ruleId,
    severity,
    resource: entity?.logicalId ?? "",
    path: propertyPath,
    message,
  }));
}

/** The findings that nothing acknowledges, and the acknowledgements that acknowledge nothing, as sentences. */
export function unexpected(
  findings: readonly Finding[],
  acknowledgements: readonly Acknowledgement[] = [],
): string[] {
  const used = new Set<Acknowledgement>();
  const open = findings.filter((finding) => {
    const by = [...acknowledgements, ...HINTS].filter((one) => isOf(one, finding));
    for (const one of by) used.add(one);
    return by.length === 0;
  });
  return [
    ...new Set(open.map((one) => `${one.severity} ${one.id} ${one.resource} ${one.path}: ${one.message}`)),
    ...acknowledgements
      .filter((one) => !used.has(one))
      .map(({ id, resource = "", reason }) => `acknowledged, and not found: ${id} ${resource} (${reason})`),
  ];
}

/** Fails with the findings that are left, and with acknowledgements that nothing needs. */
export function assertAccepted(
  document: object | string,
  acknowledgements: readonly Acknowledgement[] = [],
  options: ValidateOptions = {},
): void {
  assert.deepEqual(unexpected(findingsOf(document, options), acknowledgements), []);
}

function isOf({ id, resource, path }: Acknowledgement, finding: Finding): boolean {
  const fits = (wanted: string | RegExp | undefined, found: string) =>
    wanted === undefined || (typeof wanted === "string" ? wanted === found : wanted.test(found));
  return id === finding.id && fits(resource, finding.resource) && fits(path, finding.path);
}

/** Of @aws/cloudformation-validate 1.14, whose own types lie where only aws-cdk-lib finds them. */
interface Validator {
  readonly TemplateContent: new (content: string, name: string) => object;
  readonly CompositeEngine: new (
    config: object,
  ) => {
    validateTemplate(template: object, config: object): { status: string; diagnostics: Diagnostic[] };
  };
  readonly RuleFile: new (path: string) => object;
  readonly SchemaFile: new (path: string) => object;
}

interface Diagnostic {
  readonly ruleId: string;
  readonly severity: Finding["severity"];
  readonly message: string;
  readonly entity?: { readonly logicalId: string };
  readonly propertyPath?: string;
}

let loaded: Validator | undefined;
let started: InstanceType<Validator["CompositeEngine"]> | undefined;

function validator(): Validator {
  const ofCdk = createRequire(createRequire(import.meta.url).resolve("aws-cdk-lib"));
  loaded ??= ofCdk("@aws/cloudformation-validate") as Validator;
  return loaded;
}

/** Two seconds to make; one for all documents of a process. */
function engine(): InstanceType<Validator["CompositeEngine"]> {
  const { CompositeEngine, RuleFile, SchemaFile } = validator();
  started ??= new CompositeEngine({
    guardRules: policyFiles().map((file) => new RuleFile(file)),
    schemaValidatorConfig: {
      additionalSchemas: [new SchemaFile(fileURLToPath(new URL("accelerator.schema.json", import.meta.url)))],
    },
  });
  return started;
}

const POLICY = fileURLToPath(new URL("../../../infra/policy/", import.meta.url));

const policyFiles = (): string[] =>
  readdirSync(POLICY)
    .filter((name) => name.endsWith(".guard"))
    .map((name) => join(POLICY, name));

/** The names of our own rules, in the order of their files. */
export const policyRules = (): string[] =>
  policyFiles().flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^rule (\w+)/gm)].map(([, name]) => name as string),
  );
