// The intrinsic functions of CloudFormation, and those of its rules.
// Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html and
// .../intrinsic-function-reference-rule.html.

import type { Json } from "./_parse.ts";

/** AWS::NoValue: the key or the item is not there. */
export const NOTHING = Symbol("AWS::NoValue");

export type Value = Json | typeof NOTHING;

/** What the functions of one document may ask. */
export interface Scope {
  readonly mappings: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Json>>>>>>;
  evaluate(value: Json): Value;
  condition(name: string): boolean;
  /** Ref. */
  reference(id: string): Value;
  /** Fn::GetAtt. */
  attribute(id: string, name: string): Value;
}

/** What a mapping with one key evaluates to; `undefined` when that key is no function. @throws for a function that is not known */
export function call(name: string, argument: Json, scope: Scope): Value | undefined {
  if (name === "Condition" && typeof argument === "string") return scope.condition(argument);
  if (name === "Ref") return scope.reference(String(argument));
  if (!name.startsWith("Fn::")) return undefined;
  const run = FUNCTIONS[name];
  if (run === undefined) throw new Error(`${name} is not known here`);
  return run(argument, scope);
}

type Run = (argument: Json, scope: Scope) => Value;

const FUNCTIONS: Readonly<Record<string, Run>> = {
  "Fn::If": (argument, scope) => {
    const [name, whenTrue, whenFalse] = argument as [string, Json, Json];
    return scope.evaluate(scope.condition(name) ? whenTrue : whenFalse);
  },
  // CloudFormation compares texts: a parameter of type Number is one as well.
  "Fn::Equals": (argument, scope) => {
    const [a, b] = list(argument, scope);
    return textOf(a) === textOf(b);
  },
  "Fn::Not": (argument, scope) => list(argument, scope)[0] !== true,
  "Fn::And": (argument, scope) => list(argument, scope).every((item) => item === true),
  "Fn::Or": (argument, scope) => list(argument, scope).some((item) => item === true),
  "Fn::Contains": (argument, scope) => {
    const [items, item] = list(argument, scope);
    return (items as Json[]).map(textOf).includes(textOf(item));
  },
  "Fn::EachMemberEquals": (argument, scope) => {
    const [items, item] = list(argument, scope);
    return (items as Json[]).every((one) => textOf(one) === textOf(item));
  },
  "Fn::EachMemberIn": (argument, scope) => {
    const [items, allowed] = list(argument, scope) as [Json[], Json[]];
    return items.every((one) => allowed.map(textOf).includes(textOf(one)));
  },
  "Fn::GetAtt": (argument, scope) => {
    const [id, ...path] = typeof argument === "string" ? argument.split(".") : (argument as string[]);
    return scope.attribute(String(id), path.join("."));
  },
  "Fn::Sub": (argument, scope) => {
    const [template, own] = (Array.isArray(argument) ? argument : [argument, {}]) as [
      string,
      { [k: string]: Json },
    ];
    return template.replace(/\$\{([^}]+)\}/g, (all, name: string) => {
      if (name.startsWith("!")) return all.replace("!", "");
      const given = own[name];
      if (given !== undefined) return textOf(scope.evaluate(given));
      const [id, ...path] = name.trim().split(".");
      return textOf(
        path.length > 0 ? scope.attribute(String(id), path.join(".")) : scope.reference(String(id)),
      );
    });
  },
  "Fn::Join": (argument, scope) => {
    const [delimiter, items] = list(argument, scope) as [string, Json];
    return Array.isArray(items) ? items.map(textOf).join(delimiter) : opaque("Fn::Join", [delimiter, items]);
  },
  "Fn::Split": (argument, scope) => {
    const [delimiter, text] = list(argument, scope) as [string, string];
    // What only the deployment knows has separators of its own, inside.
    return text.includes("<") ? opaque("Fn::Split", [delimiter, text]) : text.split(delimiter);
  },
  "Fn::Select": (argument, scope) => {
    const [index, items] = list(argument, scope);
    const item = Array.isArray(items)
      ? items[Number(index)]
      : opaque("Fn::Select", [index as Json, items as Json]);
    if (item === undefined) throw new Error(`Fn::Select: there is no item ${textOf(index)}`);
    return item;
  },
  "Fn::FindInMap": (argument, scope) => {
    const [map, first, second] = list(argument, scope).map(textOf) as [string, string, string];
    const found = scope.mappings[map]?.[first]?.[second];
    // With a region or an account as a key, the deployment alone knows.
    if (found === undefined && /[<>]/.test(first + second))
      return opaque("Fn::FindInMap", [map, first, second]);
    if (found === undefined) throw new Error(`there is no ${map}.${first}.${second} in Mappings`);
    return found;
  },
  "Fn::Base64": (argument, scope) => opaque("Fn::Base64", [scope.evaluate(argument) as Json]),
  "Fn::GetAZs": (argument, scope) => opaque("Fn::GetAZs", [scope.evaluate(argument) as Json]),
  "Fn::Cidr": (argument, scope) => opaque("Fn::Cidr", list(argument, scope) as Json[]),
  "Fn::ImportValue": (argument, scope) => opaque("Fn::ImportValue", [scope.evaluate(argument) as Json]),
};

const list = (argument: Json, scope: Scope): Value[] => scope.evaluate(argument) as Value[];

const textOf = (value: Value | undefined): string =>
  typeof value === "object" ? JSON.stringify(value) : String(value);

/** Known to the deployment alone. */
const opaque = (name: string, values: readonly Json[]): string => `<${name} ${values.map(textOf).join(" ")}>`;
