// What a CloudFormation document makes with given parameters: its rules are asked, its conditions decided, its intrinsics
// replaced. What only a deployment knows becomes a stable text, `<FunctionRole.Arn>` or `<AWS::Region>`, so that documents
// of different tools can be compared. A document that cannot be deployed for a dangling reference fails here.
// It knows the functions of CloudFormation itself, none of AWS::LanguageExtensions.

import { call, NOTHING, type Scope, type Value } from "./_intrinsics.ts";
import { type Parameters, parameterValues } from "./_parameters.ts";
import type { Json, Resource, Template } from "./_parse.ts";

export interface EvaluatedResource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, Json>>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export interface Evaluated {
  /** Those that exist, by logical id. */
  readonly resources: Readonly<Record<string, EvaluatedResource>>;
  readonly outputs: Readonly<Record<string, Json>>;
  readonly conditions: Readonly<Record<string, boolean>>;
  /** Of the document's own Rules: the sentence of each assertion that does not hold. CloudFormation then refuses it. */
  readonly refusals: readonly string[];
}

/**
 * @param parameters the others have their defaults
 * @throws for a parameter that the document does not allow, for a reference to what does not exist with these parameters,
 * and for a function that is not known here
 */
export function evaluate(template: Template, parameters: Parameters = {}): Evaluated {
  const scope = scopeOf(template, parameters);
  const isMade = ({ Condition: name }: { readonly Condition?: string }) =>
    name === undefined || scope.condition(name);
  const outputs = Object.entries(template.Outputs ?? {}).filter(([, output]) => isMade(output));
  return {
    resources: Object.fromEntries(
      Object.entries(template.Resources)
        .filter(([, resource]) => isMade(resource))
        .map(([id, resource]) => [id, within(`Resources.${id}`, () => evaluatedResource(resource, scope))]),
    ),
    outputs: Object.fromEntries(
      outputs.map(([id, { Value: value }]) => [id, within(`Outputs.${id}`, () => toJson(value, scope))]),
    ),
    conditions: Object.fromEntries(
      Object.keys(template.Conditions ?? {}).map((name) => [name, scope.condition(name)]),
    ),
    refusals: refusalsOf(template, scope),
  };
}

/** It as a document again, for tools that read one. */
export const toTemplate = ({ resources }: Evaluated): Template => ({ Resources: resources });

function scopeOf(template: Template, parameters: Parameters): Scope {
  const values = parameterValues(template.Parameters ?? {}, parameters);
  const decided = new Map<string, boolean>();
  const scope: Scope = {
    mappings: template.Mappings ?? {},
    evaluate: (value) => evaluated(value, scope),
    condition(name) {
      const known = decided.get(name);
      if (known !== undefined) return known;
      const expression = template.Conditions?.[name];
      if (expression === undefined) throw new Error(`there is no condition ${name}`);
      const truth = evaluated(expression, scope) === true;
      decided.set(name, truth);
      return truth;
    },
    reference(id) {
      if (id === "AWS::NoValue") return NOTHING;
      if (id.startsWith("AWS::")) return `<${id}>`;
      if (Object.hasOwn(values, id)) return values[id] as Json;
      checkMade(id);
      return `<${id}>`;
    },
    attribute(id, name) {
      checkMade(id);
      return `<${id}.${name}>`;
    },
  };
  const checkMade = (id: string) => {
    const resource = template.Resources[id];
    if (resource === undefined) throw new Error(`it refers to ${id}, and there is no such resource`);
    if (resource.Condition !== undefined && !scope.condition(resource.Condition)) {
      throw new Error(`it refers to ${id}, which is not made: ${resource.Condition} is false`);
    }
  };
  return scope;
}

function evaluatedResource(resource: Resource, scope: Scope): EvaluatedResource {
  const { Type, Properties = {}, DeletionPolicy, UpdateReplacePolicy } = resource;
  return {
    Type,
    Properties: toJson(Properties as Json, scope) as Record<string, Json>,
    ...(DeletionPolicy !== undefined && { DeletionPolicy }),
    ...(UpdateReplacePolicy !== undefined && { UpdateReplacePolicy }),
  };
}

function refusalsOf({ Rules = {} }: Template, scope: Scope): string[] {
  const holds = (expression: Json) => evaluated(expression, scope) === true;
  return Object.values(Rules)
    .filter(({ RuleCondition: when }) => when === undefined || holds(when))
    .flatMap(({ Assertions }) => Assertions.filter(({ Assert }) => !holds(Assert)))
    .map(({ AssertDescription }) => AssertDescription ?? "");
}

function toJson(value: Json, scope: Scope): Json {
  const result = evaluated(value, scope);
  return result === NOTHING ? null : result;
}

function evaluated(value: Json, scope: Scope): Value {
  if (Array.isArray(value)) {
    return value.map((item) => evaluated(item, scope)).filter((item): item is Json => item !== NOTHING);
  }
  if (typeof value !== "object" || value === null) return value;
  const [first, ...others] = Object.entries(value);
  if (first !== undefined && others.length === 0) {
    const result = call(first[0], first[1], scope);
    if (result !== undefined) return result;
  }
  const pairs = Object.entries(value).map(([key, child]) => [key, evaluated(child, scope)] as const);
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, Json] => pair[1] !== NOTHING));
}

function within<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}
