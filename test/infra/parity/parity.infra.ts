// SAM, CDK and Terraform make the same deployment, in every combination of their switches, and refuse the same ones; SAM
// and CDK make the same of managed instances. In one process: CDK takes a second to load.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deploymentOf } from "../_facts.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import { configOf, golden, type SampleName } from "../sam/_expansion.ts";
import { combinations, pairwise } from "../sam/_switches.ts";
import { withCdk } from "./_cdk.ts";
import { instanceProps } from "./_managed-instances.ts";
import { MEANINGFUL, nameOf, FEW } from "./_combinations.ts";
import { differenceOf } from "./_difference.ts";
import { withTerraform } from "./_module-outcome.ts";
import type { Outcome } from "./_outcome.ts";
import { withSam } from "./_sam.ts";

function assertSame(name: string, switches: Parameters, a: Outcome, b: Outcome): void {
  const difference = differenceOf(a, b);
  // Its text is made only when it is needed.
  if (difference !== undefined) assert.fail(`${name} differ with ${nameOf(switches)}: ${difference}`);
}

/** A construct throws for the first reason that it finds. */
const asThrown = ({ form, refusals }: Outcome, { refusals: thrown }: Outcome): Outcome => ({
  form,
  refusals: refusals.filter((one) => thrown.includes(one)),
});

async function compare(sample: SampleName, all: readonly Parameters[], withConstruct: boolean) {
  const config = configOf(sample);
  const deployment = deploymentOf(config, "lambda");
  const { document } = golden(sample);
  const constructs = withConstruct ? withCdk(config, all) : undefined;
  let made = 0;
  for (const switches of all) {
    const sam = withSam(sample, switches, document);
    if (sam.form !== undefined) made++;
    assertSame("SAM and Terraform", switches, sam, await withTerraform(deployment, switches));
    const cdk = constructs?.next().value as Outcome | undefined;
    if (cdk !== undefined) assertSame("SAM and CDK", switches, asThrown(sam, cdk), cdk);
  }
  return made;
}

test(`each of ${MEANINGFUL.length} combinations, of a model that uses everything`, async () => {
  assert.equal(MEANINGFUL.length, 768);
  // A public URL without a ceiling is refused: of four kinds of URL one, in half of them.
  assert.equal(await compare("template", MEANINGFUL, true), (768 * 7) / 8);
});

for (const sample of ["template.plain", "template.public"] as const) {
  test(`${sample}: each of ${MEANINGFUL.length} combinations in SAM and Terraform`, async () => {
    assert.ok((await compare(sample, MEANINGFUL, false)) > 300);
  });
}

for (const sample of ["template", "template.plain", "template.public"] as const) {
  test(`${sample}: the defaults, and a few combinations that stand for all`, async () => {
    assert.ok((await compare(sample, FEW, true)) > 5);
  });
}

test("managed instances with a GPU: SAM and CDK make the same, with the defaults and for each pair of values of two switches", () => {
  const all = [{}, ...pairwise(combinations(true))];
  const constructs = withCdk(configOf("gpu"), all, instanceProps);
  for (const switches of all) {
    const sam = withSam("gpu", switches, golden("gpu").document);
    assert.deepEqual(sam.refusals, []);
    assert.equal(sam.form?.instances?.acceleratorGib, 24);
    const difference = differenceOf(sam, constructs.next().value);
    if (difference !== undefined) assert.fail(`SAM and CDK differ with ${nameOf(switches)}: ${difference}`);
  }
});

test("managed instances: the function is another one than the same on Lambda's own machines", () => {
  const difference = differenceOf(withSam("gpu", {}).form?.function, withSam("template", {}).form?.function);
  assert.match(String(difference), /^package: found "image" and "zip"$/);
});

test("managed instances: Terraform refuses them", async () => {
  const { refusals } = await withTerraform(deploymentOf(configOf("gpu"), "lambda"), {});
  assert.deepEqual(refusals, ["managed instances"]);
});
