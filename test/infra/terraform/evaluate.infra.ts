// The evaluator of the Terraform module, without Terraform. What Terraform itself says of the same is in terraform.infra.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import { CASES } from "./_expression-cases.ts";
import { evaluateExpression, evaluateModule, type Value } from "./_evaluate.ts";

describe("expressions", () => {
  for (const [text, value] of CASES) test(text, () => assert.deepEqual(evaluateExpression(text), value));

  test("what is not evaluated is refused by name, and not taken for something else", () => {
    assert.throws(() => evaluateExpression('templatefile("a", {})'), /templatefile is not evaluated/);
    assert.throws(() => evaluateExpression("nothing.there"), /no resource nothing\.there/);
    assert.throws(() => evaluateExpression("{ a = 1 }.b"), /no b in/);
    assert.throws(() => evaluateExpression('1 + "a"'), /expected a number/);
    assert.throws(() => evaluateExpression('"a${[1]}"'), /expected a string/);
    assert.throws(() => evaluateExpression("[1, 2"), /expected ,/);
    assert.throws(() => evaluateExpression('"%{if true}a%{endif}"'), /no directive/);
  });
});

const MODULE_TEXT = `
variable "on" {
  type    = bool
  default = true
}

variable "size" {
  type    = number
  default = 2

  validation {
    condition     = var.size > 0
    error_message = "Found \${var.size}, allowed 1 or more."
  }
}

locals {
  name = jsondecode(file("../../dist/lambda/deployment.json")).name
}

data "x_zone" "here" {}

resource "x_one" "a" {
  count = var.on ? 1 : 0

  name = local.name
  none = null

  dynamic "cors" {
    for_each = ["a", "b"]

    content {
      origin = cors.value
    }
  }

  lifecycle {
    precondition {
      condition     = var.size < 10
      error_message = "Too large for \${local.name}."
    }
  }
}

resource "x_two" "b" {
  name = one(x_one.a[*].name)
  arn  = one(x_one.a[*].arn)
  zone = data.x_zone.here.id
}

output "id" {
  value = "id of \${x_two.b.id}"
}
`;

describe("modules", () => {
  const deployment = { name: "sample" } as LambdaDeployment;
  const evaluate = (variables: Readonly<Record<string, Value>>) =>
    evaluateModule({ "main.tf": MODULE_TEXT }, deployment, variables);

  test("what is there is expanded, what is written is known, and the rest is named", async () => {
    const { resources, outputs } = await evaluate({});
    assert.deepEqual(resources, {
      "x_one.a": { name: "sample", cors: [{ origin: "a" }, { origin: "b" }] },
      "x_two.b": { name: "sample", arn: "<x_one.a.arn>", zone: "<data.x_zone.here.id>" },
    });
    assert.deepEqual(outputs, { id: "id of <x_two.b.id>" });
  });

  test("what is switched off is not there, and who asks for it has nothing", async () => {
    const { resources } = await evaluate({ on: false });
    assert.deepEqual(resources, { "x_two.b": { zone: "<data.x_zone.here.id>" } });
  });

  test("the sentences of what does not hold", async () => {
    assert.deepEqual((await evaluate({ size: 0 })).refusals, ["Found 0, allowed 1 or more."]);
    assert.deepEqual((await evaluate({ size: 10 })).refusals, ["Too large for sample."]);
  });

  test("a variable that is not declared, or of another type", async () => {
    await assert.rejects(evaluate({ off: true }), /no variable off/);
    await assert.rejects(evaluate({ on: "true" }), /found true, allowed a bool/);
  });
});
