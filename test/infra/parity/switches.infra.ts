// The few combinations that stand for all are enough to see a switch that decides wrongly.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deploymentOf } from "../_facts.ts";
import { configOf, golden, type SampleName } from "../sam/_expansion.ts";
import { readSources } from "../terraform/_module.ts";
import { FEW } from "./_combinations.ts";
import { differenceOf } from "./_difference.ts";
import { withTerraform } from "./_module-outcome.ts";
import { brokenModule } from "./_module-mutations.ts";
import type { Outcome } from "./_outcome.ts";
import { withSam } from "./_sam.ts";
import { CONDITION_MUTATIONS, SWITCH_MUTATIONS } from "./_switch-mutations.ts";

const SAMPLES: readonly SampleName[] = ["template", "template.public"];
const CASES = SAMPLES.flatMap((sample) => FEW.map((switches) => ({ sample, switches })));
const right = CASES.map(({ sample, switches }) => withSam(sample, switches));
const deployments = new Map(SAMPLES.map((sample) => [sample, deploymentOf(configOf(sample), "lambda")]));

/** In how many of the cases it is another deployment, or none. */
async function wrong(make: (one: (typeof CASES)[number]) => Outcome | Promise<Outcome>): Promise<number> {
  let count = 0;
  for (const [i, one] of CASES.entries()) {
    try {
      if (differenceOf(await make(one), right[i]) !== undefined) count++;
    } catch {
      count++;
    }
  }
  return count;
}

const ofModule =
  (sources = readSources()) =>
  ({ sample, switches }: (typeof CASES)[number]) =>
    withTerraform(
      deployments.get(sample) as NonNullable<ReturnType<typeof deployments.get>>,
      switches,
      sources,
    );

test("nothing is wrong, unbroken", async () => {
  assert.equal(await wrong(ofModule()), 0);
});

describe("SAM's condition", () => {
  for (const [name, broken] of CONDITION_MUTATIONS) {
    test(`${name}: ${JSON.stringify(broken)}`, async () => {
      const count = await wrong(({ sample, switches }) => {
        const { document } = golden(sample);
        return withSam(sample, switches, {
          ...document,
          Conditions: { ...document.Conditions, [name]: broken },
        });
      });
      assert.ok(count > 0 && count < CASES.length, `wrong in ${count} of ${CASES.length}`);
    });
  }
});

describe("Terraform's", () => {
  for (const mutation of SWITCH_MUTATIONS) {
    test(`${mutation[0]}: ${mutation[2]}`, async () => {
      const count = await wrong(ofModule(brokenModule(readSources(), mutation)));
      assert.ok(count > 0, "nothing is wrong");
    });
  }
});
