// What may be broken of roles and policies: infra/policy/least-privilege.guard.

import type { Json } from "../../cfn/_parse.ts";
import { type Draft, mutation, type Mutation, of, type Properties, set, statementsOf } from "./_mutation.ts";

/** Of documents whose switches are decided: everything on, and the URL public. */
export const ROLE_MUTATIONS: readonly Mutation[] = [
  mutation("roles_name_their_actions", "s3:* on the weights", (draft) =>
    allow(draft, ["s3:*"], ["arn:aws:s3:::sample-weights/*"]),
  ),
  mutation("roles_name_their_actions", "s3:Get* that is no list", (draft) =>
    allow(draft, "s3:Get*", "arn:aws:s3:::sample-weights/*"),
  ),
  mutation("roles_name_their_actions", "NotAction", (draft) => {
    Object.assign(statementsOf(draft)[0] as Properties, { NotAction: ["iam:*"] });
  }),
  mutation("roles_name_their_resources", "every object of every bucket", (draft) =>
    allow(draft, ["s3:GetObject"], ["*"]),
  ),
  mutation("roles_name_their_resources", "every secret, and no list", (draft) =>
    allow(draft, "secretsmanager:GetSecretValue", "*"),
  ),
  mutation("roles_name_their_resources", "* among others", (draft) =>
    allow(draft, ["s3:GetObject"], ["arn:aws:s3:::a/*", "*"]),
  ),
  mutation("roles_create_no_log_group", "logs:CreateLogGroup", (draft) =>
    allow(draft, ["logs:CreateLogGroup"], ["<FunctionLogGroup.Arn>"]),
  ),
  mutation(
    "roles_use_no_broad_managed_policy",
    "AWSLambdaBasicExecutionRole",
    set("FunctionRole", "ManagedPolicyArns", [
      "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    ]),
  ),
  ...[
    { "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess" },
    { "Fn::Join": ["", ["arn:", { Ref: "AWS::Partition" }, ":iam::aws:policy/AdministratorAccess"]] },
  ].map((arn) =>
    mutation(
      "roles_use_no_broad_managed_policy",
      `AdministratorAccess as ${Object.keys(arn)[0]}`,
      set("FunctionRole", "ManagedPolicyArns", [arn as Json]),
    ),
  ),
  mutation(
    "roles_use_no_broad_managed_policy",
    "AdministratorAccess for instances",
    set("CapacityProviderRole", "ManagedPolicyArns.0", "arn:aws:iam::aws:policy/AdministratorAccess"),
    "gpu",
  ),
  ...(["actions", "resources"] as const).map((kind) =>
    mutation(`policies_name_their_${kind}`, `a policy beside the role: ${kind}`, (draft) => {
      draft.Resources.Extra = policyOf({
        Action: [kind === "actions" ? "s3:*" : "s3:GetObject"],
        Resource: ["*"],
      });
    }),
  ),
  mutation("policies_create_no_log_group", "a policy beside the role: logs:CreateLogGroup", (draft) => {
    draft.Resources.Extra = policyOf({
      Action: ["logs:CreateLogGroup"],
      Resource: ["<FunctionLogGroup.Arn>"],
    });
  }),
  ...(["actions", "resources"] as const).map((kind) =>
    mutation(
      `roles_name_their_${kind}_under_conditions`,
      `a statement under a condition: ${kind}`,
      (draft) => {
        const statement = {
          Effect: "Allow",
          Action: kind === "actions" ? ["s3:*"] : ["s3:GetObject"],
          Resource: ["*"],
        };
        statementsOf(draft).push({ "Fn::If": ["HasQueue", statement, { Ref: "AWS::NoValue" }] });
      },
    ),
  ),
  mutation("nobody_else_is_let_in", "a bucket that everybody may read", (draft) => {
    of(draft, "WeightsBucketPolicy").PolicyDocument.Statement.push({
      Effect: "Allow",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: "<ModelWeightsBucket.Arn>/*",
    });
  }),
];

const allow = (draft: Draft, Action: Json, Resource: Json): void => {
  statementsOf(draft).push({ Sid: "Extra", Effect: "Allow", Action, Resource });
};

function policyOf(statement: Properties): Draft["Resources"][string] {
  const PolicyDocument = { Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] };
  return {
    Type: "AWS::IAM::Policy",
    Properties: { PolicyName: "extra", Roles: ["<FunctionRole>"], PolicyDocument },
  };
}
