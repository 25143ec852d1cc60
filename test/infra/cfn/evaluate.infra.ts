// The evaluator of CloudFormation documents: what it decides, what it leaves to the deployment, and what it refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate } from "./_evaluate.ts";
import { type Json, parseTemplate } from "./_parse.ts";

/** One property's value, in a document with two parameters, two conditions and two resources. */
function valueOf(yaml: string, parameters: Record<string, string> = {}): Json | undefined {
  const { resources } = evaluate(parseTemplate(documentOf(yaml)), parameters);
  return resources.Subject?.Properties.Value;
}

const documentOf = (value: string): string => `
Parameters:
  Stage: { Type: String, Default: test, AllowedValues: [test, live] }
  Size: { Type: Number, Default: 3, MinValue: 1 }
  Names: { Type: CommaDelimitedList, Default: "a,b" }
  Given: { Type: String }
Mappings:
  Sizes: { test: { small: 1 }, live: { small: 2 } }
Conditions:
  IsLive: !Equals [!Ref Stage, live]
  IsBig: !Not [!Or [!Equals [!Ref Size, "3"], !Equals [!Ref Size, "4"]]]
  Both: !And [!Condition IsLive, !Condition IsBig]
Rules:
  BigIsLive:
    RuleCondition: !Contains [[live], !Ref Stage]
    Assertions: [{ Assert: !Not [!Equals [!Ref Size, 3]], AssertDescription: live and small }]
Resources:
  Subject: { Type: "Custom::Subject", Properties: { Value: ${value} } }
  Other: { Type: "Custom::Other" }
  OfLive: { Type: "Custom::OfLive", Condition: IsLive }
`;

const CASES: readonly (readonly [yaml: string, value: Json | undefined])[] = [
  ["!Ref Stage", "test"],
  ["!Ref Size", 3],
  ["!Ref Names", ["a", "b"]],
  ["!Ref Given", "<Given>"],
  ["!Ref Other", "<Other>"],
  ["!Ref AWS::Region", "<AWS::Region>"],
  ["!Ref AWS::NoValue", undefined],
  ["[1, !Ref AWS::NoValue, 2]", [1, 2]],
  ["{ a: !Ref AWS::NoValue, b: 1 }", { b: 1 }],
  ["!GetAtt Other.Arn", "<Other.Arn>"],
  ['!GetAtt [Other, "Nested.Arn"]', "<Other.Nested.Arn>"],
  ["!If [IsLive, yes, !Ref AWS::NoValue]", undefined],
  ["!If [IsLive, !Ref OfLive, none]", "none"],
  [
    '!Sub "${AWS::Partition}-${Stage}-${Size}-${Other.Arn}-${!Kept}"',
    "<AWS::Partition>-test-3-<Other.Arn>-${Kept}",
  ],
  ['!Sub ["${Own}-${Stage}", { Own: !Ref Size }]', "3-test"],
  ['!Join ["-", [a, !Ref Size, !Ref Other]]', "a-3-<Other>"],
  ['!Join ["-", !Ref Names]', "a-b"],
  ["!Select [1, !Ref Names]", "b"],
  ['!Select ["0", !Split ["/", "x/y"]]', "x"],
  ['!Select [5, !Split [":", !GetAtt Other.Arn]]', "<Fn::Select 5 <Fn::Split : <Other.Arn>>>"],
  ["!FindInMap [Sizes, !Ref Stage, small]", 1],
  ["!FindInMap [Sizes, !Ref AWS::Region, small]", "<Fn::FindInMap Sizes <AWS::Region> small>"],
  ['{ "Fn::GetAZs": !Ref AWS::Region }', "<Fn::GetAZs <AWS::Region>>"],
  // A policy's own Condition is no function.
  [
    '{ Condition: { Bool: { "aws:SecureTransport": "false" } } }',
    { Condition: { Bool: { "aws:SecureTransport": "false" } } },
  ],
];

for (const [yaml, value] of CASES) {
  test(`${yaml} is ${JSON.stringify(value)}`, () => assert.deepEqual(valueOf(yaml), value));
}

test("parameters decide conditions, and conditions what is made", () => {
  const document = parseTemplate(documentOf("!If [Both, !Ref OfLive, none]"));
  const made = evaluate(document, { Stage: "live", Size: "5" });
  assert.deepEqual(made.conditions, { IsLive: true, IsBig: true, Both: true });
  assert.deepEqual(Object.keys(made.resources), ["Subject", "Other", "OfLive"]);
  assert.equal(made.resources.Subject?.Properties.Value, "<OfLive>");
  assert.deepEqual(made.refusals, []);
  assert.deepEqual(evaluate(document, { Stage: "live" }).refusals, ["live and small"]);
});

test("what cannot be deployed is refused, with the place", () => {
  for (const [yaml, sentence] of [
    ["!Ref OfLive", "Resources.Subject: it refers to OfLive, which is not made: IsLive is false"],
    ["!GetAtt OfLive.Arn", "Resources.Subject: it refers to OfLive, which is not made: IsLive is false"],
    ['!Sub "${OfLive}"', "Resources.Subject: it refers to OfLive, which is not made: IsLive is false"],
    ["!Ref Nobody", "Resources.Subject: it refers to Nobody, and there is no such resource"],
    ["!If [Never, 1, 2]", "Resources.Subject: there is no condition Never"],
    ["!Select [7, !Ref Names]", "Resources.Subject: Fn::Select: there is no item 7"],
    ["!ForEach [a]", "Resources.Subject: Fn::ForEach is not known here"],
  ] as const) {
    assert.throws(() => valueOf(yaml), { message: sentence });
  }
});

test("parameters that the document does not allow are refused", () => {
  for (const [parameters, sentence] of [
    [{ Stage: "prod" }, 'Stage: found "prod", allowed test, live'],
    [{ Size: "0" }, 'Size: found "0", allowed 1 to Infinity'],
    [{ Stag: "live" }, "there is no parameter Stag"],
  ] as const) {
    assert.throws(() => valueOf("1", parameters), { message: sentence });
  }
});
