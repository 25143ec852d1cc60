// The SAM templates before AWS expands them: no property that SAM does not know, nothing that one of the three has and the
// others lack without a reason, and the expansions that are kept here are of these very templates.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Json, parseTemplate, type Template } from "../cfn/_parse.ts";
import {
  expand,
  golden,
  hashOf,
  NO_TRANSLATOR,
  rendered,
  REQUIRED,
  SAMPLE_NAMES,
  type SampleName,
  sourceOf,
} from "./_expansion.ts";
import { problemsOfSource } from "./_source.ts";

const TEXTS = Object.fromEntries(SAMPLE_NAMES.map((name) => [name, rendered(name)])) as Record<
  SampleName,
  string
>;

for (const name of SAMPLE_NAMES) {
  test(`${name}: every property is one of SAM's`, () => {
    assert.deepEqual(problemsOfSource(parseTemplate(TEXTS[name])), []);
  });

  test(`${name}: its expansion is not stale`, () => {
    assert.equal(
      golden(name).sha256,
      hashOf(TEXTS[name]),
      "infra/sam has changed since: node test/infra/sam/expand.ts",
    );
  });
}

test("a misspelled property, an unknown one and one of another kind of function are found", () => {
  const broken: readonly (readonly [sample: SampleName, from: string, to: string, found: RegExp])[] = [
    ["template", "AutoPublishAlias:", "AutoPublishAliass:", /ModelFunction.* AutoPublishAliass/],
    ["template", "ApplicationLogLevel:", "AppLogLevel:", /LoggingConfig.* AppLogLevel/],
    ["template", "CodeUri: ../../lambda.zip", "CodeUri: ../../lambda", /CodeUri.*constant/],
    ["template", "Tracing: Active", "Tracing: Activ", /Tracing.*allowed values/],
    ["template", "RecursiveLoop: Terminate", "RecursiveLoop: Allow", /RecursiveLoop.*constant/],
    ["template", "\nOutputs:", "\nOutput:", / Output$/m],
    ["template", "UpdateReplacePolicy: Retain", "UpdateReplacePolcy: Retain", / UpdateReplacePolcy$/m],
    ["template", "Type: AWS::Lambda::Url", "Type: AWS::Serverless::Url", /ModelFunctionUrl.*constant/],
    ["template-image", "PackageType: Image", "PackageType: Zip", /PackageType.*constant/],
    ["template-image", "PackageType: Image", "Runtime: nodejs24.x", /Properties: must match exactly one/],
    [
      "gpu",
      "AcceleratorMemorySize: 24",
      "AcceleratorMemorySize: 25",
      /AcceleratorMemorySize.*allowed values/,
    ],
    [
      "gpu",
      "VersionDeletionPolicy: Delete",
      "ReservedConcurrentExecutions: 2",
      /Properties: must match exactly one/,
    ],
  ];
  for (const [sample, from, to, found] of broken) {
    assert.ok(TEXTS[sample].includes(from), from);
    const problems = problemsOfSource(parseTemplate(TEXTS[sample].replace(from, to)));
    assert.match(problems.join("\n"), found, to);
  }
});

test("the templates differ in the function, and in what belongs to where it runs, alone", () => {
  const [zip, image, gpu] = ["template.yaml", "template-image.yaml", "gpu.yaml"].map((file) =>
    // Two of one key, which a build splices in, are no YAML.
    parseTemplate(sourceOf(file).replace("<<: !DeploymentSub", "secrets: !DeploymentSub")),
  ) as [Template, Template, Template];
  assert.deepEqual(differences(zip, image), [
    "Parameters.ImageUri",
    ...["CodeUri", "Handler", "ImageConfig", "ImageUri", "PackageType", "Runtime"].map(ofFunction),
  ]);
  assert.deepEqual(differences(image, gpu), [
    "Conditions.ChoosesInstances",
    "Conditions.HasProvisioned",
    "Conditions.HasReserved",
    "Outputs.CapacityProviderArn",
    "Parameters.InstanceTypes",
    "Parameters.ProvisionedConcurrency",
    "Parameters.ReservedConcurrency",
    "Parameters.SecurityGroupIds",
    "Parameters.SubnetIds",
    "Parameters.UrlAuth.Description",
    "Resources.CapacityProvider",
    "Resources.CapacityProviderRole",
    ...["AcceleratorConfig", "CapacityProviderConfig"].map(ofFunction),
    ofFunction("Environment.Variables.AWS_LAMBDA_NODEJS_WORKER_COUNT"),
    ...["FunctionScalingConfig", "MemorySize.Fn::Deployment", "ProvisionedConcurrencyConfig"].map(ofFunction),
    ...["ReservedConcurrentExecutions", "VersionDeletionPolicy"].map(ofFunction),
    "Rules.PublicUrlHasACeiling",
  ]);
});

const ofFunction = (path: string) => `Resources.ModelFunction.Properties.${path}`;

/** Paths of what is not the same, the shortest that says it, in alphabetical order. */
function differences(a: unknown, b: unknown, path = ""): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (!isMapping(a) || !isMapping(b)) return [path];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .sort()
    .flatMap((key) => differences(a[key], b[key], path === "" ? key : `${path}.${key}`));
}

const isMapping = (value: unknown): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A template, and what is changed of it. Each change must make another version, which is what the alias is then on. */
const CHANGES: readonly (readonly [sample: SampleName, from: string, to: string])[] = [
  ["template", "Timeout: 120", "Timeout: 121"],
  ["template", "GREETING: hello", "GREETING: bonjour"],
  ["template", "ApplicationLogLevel: INFO", "ApplicationLogLevel: DEBUG"],
  ["template-image", "Timeout: 120", "Timeout: 121"],
  ["gpu", "AcceleratorMemorySize: 24", "AcceleratorMemorySize: 48"],
];

test("AWS's translator, where it is installed, makes of them what is kept, and a version of every change", (t) => {
  const same = SAMPLE_NAMES.map((name) => ({ text: TEXTS[name] }));
  const images = ["1", "2"].map((tag) => ({
    text: TEXTS["template-image"],
    parameters: { ImageUri: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/sample:${tag}` },
  }));
  const changed = CHANGES.map(([sample, from, to]) => ({ text: TEXTS[sample].replace(from, to) }));
  const documents = expand([...same, ...images, ...changed]);
  if (documents === undefined) return t.skip(NO_TRANSLATOR);
  for (const [i, name] of SAMPLE_NAMES.entries()) assert.deepEqual(documents[i], golden(name).document, name);
  const [one, other] = documents.slice(same.length, same.length + images.length);
  assert.notEqual(versionOf(one), versionOf(other), "a new image has to go live");
  for (const [i, [sample, , to]] of CHANGES.entries()) {
    const document = documents[same.length + images.length + i];
    assert.notEqual(versionOf(document), versionOf(golden(sample).document), to);
  }
});

function versionOf(document: Template | undefined): string | undefined {
  return Object.keys(document?.Resources ?? {}).find((id) => id.startsWith("ModelFunctionVersion"));
}

/** What cfn-lint finds and stays: it is older than the property, as is the translator in it. */
const LINT = [/^E0001 .*AcceleratorConfig not defined/];

test("cfn-lint, where it is installed, has nothing against them", (t) => {
  if (spawnSync("cfn-lint", ["--version"]).error !== undefined)
    return t.skip("skipped: cfn-lint is not installed");
  const folder = mkdtempSync(join(tmpdir(), "coldframe-lint-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = SAMPLE_NAMES.map((name) => join(folder, `${name}.yaml`));
  for (const [i, name] of SAMPLE_NAMES.entries()) writeFileSync(files[i] as string, TEXTS[name]);
  // A parameter that a sample has no use for.
  const options = ["--ignore-checks", "W2001", "--format", "parseable"];
  const { stdout, stderr } = spawnSync("cfn-lint", [...options, ...files], { encoding: "utf8" });
  const findings = `${stdout}${stderr}`
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.replace(/^.*?:\d+:\d+:\d+:\d+:(\w+):/, "$1 "));
  assert.deepEqual(
    findings.filter((line) => !LINT.some((known) => known.test(line))),
    [],
  );
});

test("what must be given has no default, and nothing else must be given", () => {
  for (const name of SAMPLE_NAMES) {
    const without = Object.entries(parseTemplate(TEXTS[name]).Parameters ?? {})
      .filter(([, { Default }]) => Default === undefined)
      .map(([parameter]) => parameter);
    assert.deepEqual(without.sort(), Object.keys(REQUIRED[name]).sort(), name);
  }
});
