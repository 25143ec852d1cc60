// CloudFormation documents as plain objects: YAML with the short tags (!Ref, !Sub, ...) in their long form, or JSON.
// Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html.

import { isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, Json>>;
  readonly Condition?: string;
  readonly DependsOn?: string | readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Metadata?: Json;
}

export interface Parameter {
  readonly Type: string;
  readonly Default?: string | number;
  readonly AllowedValues?: readonly (string | number)[];
  readonly AllowedPattern?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
  readonly Description?: string;
}

export interface Rule {
  readonly RuleCondition?: Json;
  readonly Assertions: readonly { readonly Assert: Json; readonly AssertDescription?: string }[];
}

export interface Template {
  readonly Parameters?: Readonly<Record<string, Parameter>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Json>>>>>>;
  readonly Conditions?: Readonly<Record<string, Json>>;
  readonly Rules?: Readonly<Record<string, Rule>>;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: Json; readonly Condition?: string }>>;
}

/** Short tags whose long form does not begin with `Fn::`. */
const PLAIN = ["!Ref", "!Condition"];

/** The template in a text. @throws what the YAML parser says of a text that is none */
export function parseTemplate(text: string): Template {
  // Tags that the parser does not know stay on their nodes.
  const document = parseDocument(text, { logLevel: "silent" });
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  return toPlain(document.contents) as unknown as Template;
}

function toPlain(node: unknown): Json {
  const value = withoutTag(node);
  const tag = isNode(node) ? node.tag : undefined;
  if (tag === undefined || tag.startsWith("tag:")) return value;
  if (tag === "!GetAtt" && typeof value === "string") return { "Fn::GetAtt": splitOnce(value) };
  return { [PLAIN.includes(tag) ? tag.slice(1) : `Fn::${tag.slice(1)}`]: value };
}

function withoutTag(node: unknown): Json {
  if (isMap(node)) {
    return Object.fromEntries(node.items.map(({ key, value }) => [String(toPlain(key)), toPlain(value)]));
  }
  if (isSeq(node)) return node.items.map(toPlain);
  return isScalar(node) ? (node.value as Json) : null;
}

function splitOnce(path: string): [string, string] {
  const dot = path.indexOf(".");
  return [path.slice(0, dot), path.slice(dot + 1)];
}
