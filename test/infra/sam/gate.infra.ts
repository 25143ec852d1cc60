// The expanded SAM templates have nothing against them, by AWS's validator and by our own rules, for every pair of values
// of two switches; and a broken copy has, for every rule. In one process: the validator takes seconds to start.

import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, toTemplate } from "../cfn/_evaluate.ts";
import type { Template } from "../cfn/_parse.ts";
import {
  type Acknowledgement,
  assertAccepted,
  findingsOf,
  policyRules,
  unexpected,
} from "../cfn/_validate.ts";
import { accepted } from "./_accepted.ts";
import { golden, REQUIRED, SAMPLE_NAMES, type SampleName } from "./_expansion.ts";
import { broken } from "./mutations/_mutation.ts";
import { OPERATION_MUTATIONS } from "./mutations/_operations.ts";
import { ROLE_MUTATIONS } from "./mutations/_roles.ts";
import { SCHEMA_MUTATIONS } from "./mutations/_schema.ts";
import { STORE_MUTATIONS } from "./mutations/_stores.ts";
import { URL_MUTATIONS } from "./mutations/_url.ts";
import { combinations, pairwise } from "./_switches.ts";

/** With values for the parameters, the validator speaks of the branches that these values do not take. */
const NOT_TAKEN: readonly Acknowledgement[] = [
  { id: "W1028", path: /\.Fn::If\.[12]$/, reason: "another value takes it" },
  { id: "I3011", resource: /Queue$/, reason: "it looks at a queue that is not made" },
];

for (const name of SAMPLE_NAMES) {
  test(`${name}: as AWS expands it`, () => {
    assertAccepted(golden(name).document, accepted(name));
  });

  test(`${name}: our rules, for each pair of its switches`, () => {
    for (const parameters of pairwise(combinations(name === "gpu"))) {
      const made = evaluate(golden(name).document, { ...REQUIRED[name], ...parameters });
      // CloudFormation refuses it before anything is made.
      if (made.refusals.length > 0) continue;
      assertAccepted(toTemplate(made), [], { policyOnly: true });
    }
  });
}

test("the validator, with values for the parameters", () => {
  const findings = pairwise(combinations(false)).flatMap((parameters) =>
    findingsOf(golden("template").document, { parameters }),
  );
  const always = accepted("template").filter(({ id }) => id !== "W1030");
  assert.deepEqual(unexpected(findings, [...always, ...NOT_TAKEN]), []);
});

const POLICY_MUTATIONS = [...URL_MUTATIONS, ...ROLE_MUTATIONS, ...STORE_MUTATIONS, ...OPERATION_MUTATIONS];

/** Everything on, and the URL public. */
const decided = Object.fromEntries(
  (["template", "template-image", "gpu"] as const).map((name) => [name, everything(name)]),
) as Record<"template" | "template-image" | "gpu", Template>;

function everything(name: SampleName): Template {
  const { document } = golden(name);
  const parameters = {
    ...REQUIRED[name],
    FunctionUrl: "true",
    UrlAuth: "NONE",
    Queue: "true",
    WeightsBucket: "create",
  };
  return toTemplate(evaluate(document, parameters));
}

for (const mutation of POLICY_MUTATIONS) {
  test(`${mutation.caughtBy} catches ${mutation.title}`, () => {
    const found = findingsOf(broken(decided[mutation.sample], mutation), { policyOnly: true });
    assert.ok(
      found.some(({ id }) => id === mutation.caughtBy),
      `found ${JSON.stringify(found.map(({ id }) => id))}`,
    );
  });
}

test("every rule of infra/policy catches something here", () => {
  const caught = new Set(POLICY_MUTATIONS.map(({ caughtBy }) => caughtBy));
  assert.deepEqual(
    policyRules().filter((rule) => !caught.has(rule)),
    [],
  );
});

for (const mutation of SCHEMA_MUTATIONS) {
  test(`${mutation.caughtBy} of the validator catches ${mutation.title}`, () => {
    const found = findingsOf(broken(golden(mutation.sample).document, mutation));
    assert.ok(
      found.some(({ id }) => id === mutation.caughtBy),
      JSON.stringify(
        found.filter(({ severity }) => severity !== "INFO"),
        null,
        1,
      ),
    );
  });
}

test("an acknowledgement that nothing needs fails", () => {
  const reason = "of a template that was";
  assert.deepEqual(unexpected([], [{ id: "W1030", resource: "Gone", reason }]), [
    `acknowledged, and not found: W1030 Gone (${reason})`,
  ]);
});
