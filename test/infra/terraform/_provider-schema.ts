// Makes provider-schema.json: the attributes and blocks of the resources that infra/terraform uses, as the AWS provider
// names them. Read from the typings that its schema was turned into, whose comments and code hold the exact names.
// To make it again, in an empty folder:
//   npm pack @cdktn/provider-aws@25.7.0 && tar xzf cdktn-provider-aws-25.7.0.tgz
//   node <repository>/test/infra/terraform/_provider-schema.ts package > <repository>/test/infra/terraform/provider-schema.json
//   npx biome check --write <repository>/test/infra/terraform/provider-schema.json

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What may be written in a resource or a block. */
export interface BlockSchema {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Of a resource: what else it can be asked for. */
  readonly computed?: readonly string[];
  readonly blocks: Readonly<Record<string, BlockSchema>>;
}

export interface ProviderSchema {
  readonly origin: string;
  readonly provider: string;
  /** By type, `aws_lambda_function`; of data sources `data.aws_region`. */
  readonly types: Readonly<Record<string, BlockSchema>>;
}

/** What infra/terraform uses. */
const TYPES = [
  "aws_cloudwatch_log_group",
  "aws_cloudwatch_metric_alarm",
  "aws_iam_role",
  "aws_iam_role_policy",
  "aws_lambda_alias",
  "aws_lambda_event_source_mapping",
  "aws_lambda_function",
  "aws_lambda_function_recursion_config",
  "aws_lambda_function_url",
  "aws_lambda_permission",
  "aws_lambda_provisioned_concurrency_config",
  "aws_s3_bucket",
  "aws_s3_bucket_lifecycle_configuration",
  "aws_s3_bucket_ownership_controls",
  "aws_s3_bucket_policy",
  "aws_s3_bucket_public_access_block",
  "aws_s3_bucket_server_side_encryption_configuration",
  "aws_s3_bucket_versioning",
  "aws_s3_object",
  "aws_sqs_queue",
  "aws_sqs_queue_policy",
  "data.aws_caller_identity",
  "data.aws_partition",
  "data.aws_region",
];

interface Property {
  readonly name: string;
  readonly required: boolean;
  /** The interface of a block; undefined of an attribute. */
  readonly block?: string;
}

function makeSchema(folder: string): ProviderSchema {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  const types: Record<string, BlockSchema> = {};
  let provider = "";
  for (const type of TYPES) {
    const path = join(
      folder,
      "lib",
      type.replace("data.", "data-").replaceAll("_", "-").replace(/^aws-/, ""),
    );
    if (!existsSync(path))
      throw new Error(`${type}: no ${path} among ${readdirSync(join(folder, "lib")).length}`);
    const typings = readFileSync(join(path, "index.d.ts"), "utf8");
    const code = readFileSync(join(path, "index.js"), "utf8");
    provider ||= /providerVersion: '(.*?)'/.exec(code)?.[1] ?? "";
    const found = /static readonly tfResourceType = "(.*?)"/.exec(typings)?.[1];
    if (found !== type.replace("data.", "")) throw new Error(`${path} is ${found}`);
    const interfaces = interfacesOf(typings);
    const top = [...interfaces.keys()].find((name) => typings.includes(`interface ${name} extends cdktn.`));
    if (top === undefined) throw new Error(`${path} has no configuration`);
    const own = code.slice(code.indexOf("extends cdktn.Terraform"));
    const asked = [...own.matchAll(/this\.get\w+Attribute\('(\w+)'\)/g)].map(([, name]) => name ?? "");
    const schema = blockOf(top, interfaces);
    const written = new Set([...schema.required, ...schema.optional]);
    types[type] = { ...schema, computed: [...new Set(asked)].filter((name) => !written.has(name)).sort() };
  }
  return { origin: `@cdktn/provider-aws@${version}`, provider, types };
}

/** The properties of each interface of a typings file. */
function interfacesOf(typings: string): Map<string, Property[]> {
  const bodies = typings.matchAll(/^export interface (\w+)[^{]*\{\n(.*?)^\}/gms);
  const texts = new Map([...bodies].map(([, name = "", body = ""]) => [name, body]));
  const members = /\/\*\*((?:(?!\*\/).)*?)#(\w+) \w+#\w+\}(?:(?!\*\/).)*?\*\/\s*readonly \w+(\??): (\w*)/gs;
  return new Map(
    [...texts].map(([name, body]) => [
      name,
      [...body.matchAll(members)].map(([, comment = "", attribute = "", mark, type = ""]) => ({
        name: attribute,
        required: mark === "",
        // Attributes that are objects have no such line: they are written with `=`.
        ...(comment.includes(`* ${attribute} block`) && texts.has(type) && { block: type }),
      })),
    ]),
  );
}

function blockOf(name: string, interfaces: ReadonlyMap<string, readonly Property[]>): BlockSchema {
  const properties = interfaces.get(name) ?? [];
  const attributes = properties.filter(({ block }) => block === undefined);
  const named = (required: boolean) =>
    attributes.filter((attribute) => attribute.required === required).map((attribute) => attribute.name);
  const blocks = properties.flatMap(({ name: inner, block }) =>
    block === undefined ? [] : [[inner, blockOf(block, interfaces)] as const],
  );
  return { required: named(true), optional: named(false), blocks: Object.fromEntries(blocks) };
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined)
    throw new Error("usage: node _provider-schema.ts <folder of @cdktn/provider-aws>");
  console.log(JSON.stringify(makeSchema(folder), null, 1));
}
