// cdk-nag has nothing against the expanded SAM templates that is not acknowledged.

import assert from "node:assert/strict";
import { test } from "node:test";
import { nagFindings } from "../cfn/_nag.ts";
import { unexpected } from "../cfn/_validate.ts";
import { acceptedByNag } from "./_accepted.ts";
import { golden, SAMPLE_NAMES } from "./_expansion.ts";

for (const name of SAMPLE_NAMES) {
  test(`${name}: cdk-nag's AwsSolutions`, () => {
    assert.deepEqual(unexpected(nagFindings(golden(name).document), acceptedByNag(name)), []);
  });
}

test("a queue without TLS is found: the rules are asked", () => {
  const { document } = golden("template");
  const { QueuePolicy: _, ...Resources } = document.Resources;
  const found = nagFindings({ ...document, Resources }).map(({ id, resource }) => `${id} ${resource}`);
  assert.ok(found.includes("AwsSolutions-SQS4 ModelQueue"), found.join("\n"));
});
