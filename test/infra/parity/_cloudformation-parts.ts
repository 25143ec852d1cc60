// Which resource of a CloudFormation document is which part of the deployment, whatever its logical id; and the document
// with what the cloud gives named by these parts, as `<function.arn>`.

import type { Evaluated, EvaluatedResource } from "../cfn/_evaluate.ts";
import type { Json } from "../cfn/_parse.ts";

export type Properties = Readonly<Record<string, Json>>;

export interface Parts {
  readonly function: EvaluatedResource;
  readonly version: EvaluatedResource;
  readonly alias: EvaluatedResource;
  readonly role: EvaluatedResource;
  readonly logs: EvaluatedResource;
  readonly url?: EvaluatedResource;
  readonly queue?: EvaluatedResource;
  readonly deadLetters?: EvaluatedResource;
  readonly mapping?: EvaluatedResource;
  readonly bucket?: EvaluatedResource;
  readonly bucketPolicy?: EvaluatedResource;
  readonly provider?: EvaluatedResource;
  readonly operator?: EvaluatedResource;
}

type PartName = keyof Parts;

/** Of which there is one. */
const SINGLE: Readonly<Record<string, PartName>> = {
  "AWS::Lambda::Function": "function",
  "AWS::Lambda::Version": "version",
  "AWS::Lambda::Alias": "alias",
  "AWS::Lambda::Url": "url",
  "AWS::Lambda::EventSourceMapping": "mapping",
  "AWS::Lambda::CapacityProvider": "provider",
  "AWS::Logs::LogGroup": "logs",
  "AWS::S3::Bucket": "bucket",
  "AWS::S3::BucketPolicy": "bucketPolicy",
};

/** Of which there may be more, none of them a part by itself. */
const MANY = ["AWS::Lambda::Permission", "AWS::CloudWatch::Alarm", "AWS::SQS::QueuePolicy"];

/** Attribute of a part -> what it is; without an attribute, what Ref gives. */
const GIVEN: Readonly<Partial<Record<PartName, Readonly<Record<string, string>>>>> = {
  function: { "": "<function.name>", Arn: "<function.arn>" },
  version: { "": "<version.arn>", Version: "<version.number>" },
  alias: { "": "<alias.arn>" },
  role: { "": "<role.name>", Arn: "<role.arn>" },
  // CloudFormation gives the ARN of all streams of the group.
  logs: { "": "<logs.name>", Arn: "<logs.arn>:*" },
  url: { FunctionUrl: "<url.url>" },
  queue: { "": "<queue.url>", Arn: "<queue.arn>", QueueName: "<queue.name>" },
  deadLetters: { "": "<deadLetters.url>", Arn: "<deadLetters.arn>", QueueName: "<deadLetters.name>" },
  bucket: { "": "<bucket.name>", Arn: "<bucket.arn>" },
  provider: { "": "<provider.arn>", Arn: "<provider.arn>" },
  operator: { "": "<operator.name>", Arn: "<operator.arn>" },
};

const PSEUDO: Readonly<Record<string, string>> = {
  "AWS::Partition": "<partition>",
  "AWS::Region": "<region>",
  "AWS::AccountId": "<account>",
  "AWS::URLSuffix": "<suffix>",
};

/** How CDK names the alias in a mapping: the function's name, which is the seventh part of the alias's ARN, and `:live`. */
const ALIAS_OF_CDK = "<Fn::Select 6 <Fn::Split : <alias.arn>>>:live";

/** @throws for a resource that is no part of it */
export function partsOf({ resources, outputs }: Evaluated): {
  readonly parts: Parts;
  readonly all: readonly EvaluatedResource[];
  readonly outputs: Properties;
} {
  const ids = idsOf(resources);
  const names = new Map(Object.entries(PSEUDO));
  for (const [part, id] of ids) {
    for (const [attribute, name] of Object.entries(GIVEN[part] ?? {})) {
      names.set(attribute === "" ? id : `${id}.${attribute}`, name);
    }
  }
  const text = JSON.stringify({ resources, outputs })
    .replace(/<([\w:.]+)>/g, (all, name: string) => names.get(name) ?? all)
    .replaceAll(ALIAS_OF_CDK, "<alias.arn>");
  const named = JSON.parse(text) as { resources: Record<string, EvaluatedResource>; outputs: Properties };
  const parts = Object.fromEntries([...ids].map(([part, id]) => [part, named.resources[id]]));
  for (const part of ["function", "version", "alias", "role", "logs"]) {
    if (parts[part] === undefined) throw new Error(`there is no ${part}`);
  }
  return { parts: parts as unknown as Parts, all: Object.values(named.resources), outputs: named.outputs };
}

function idsOf(resources: Evaluated["resources"]): Map<PartName, string> {
  const ids = new Map<PartName, string>();
  const add = (part: PartName, id: string) => {
    if (ids.has(part)) throw new Error(`both ${ids.get(part)} and ${id} are the ${part}`);
    ids.set(part, id);
  };
  const roleOfFunction = Object.values(resources).find(({ Type }) => Type === "AWS::Lambda::Function")
    ?.Properties["Role"];
  for (const [id, { Type, Properties: own }] of Object.entries(resources)) {
    const single = SINGLE[Type];
    if (single !== undefined) add(single, id);
    else if (Type === "AWS::IAM::Role") add(roleOfFunction === `<${id}.Arn>` ? "role" : "operator", id);
    // The one that gives messages up is the queue, the one it gives them to is of the dead letters.
    else if (Type === "AWS::SQS::Queue") add("RedrivePolicy" in own ? "queue" : "deadLetters", id);
    else if (!MANY.includes(Type)) throw new Error(`nothing here compares ${id}, which is an ${Type}`);
  }
  return ids;
}
