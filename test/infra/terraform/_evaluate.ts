// What a Terraform module makes of given variables: its resources with count and dynamic blocks expanded and attributes
// computed, as `terraform plan` shows them. What only the cloud knows is text that names it: `<aws_iam_role.function.arn>`.
// Not Terraform: the subset of the language that infra/terraform is written in, and an error for the rest.

import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import { parseTemplate } from "./_expression.ts";
import { functionsOf, type ReadFile } from "./_functions.ts";
import { Interpreter, isMapping, type Scope, type Value } from "./_interpret.ts";
import { type Body, type Json, type Module, parseModule, type Sources } from "./_module.ts";

export type { Value } from "./_interpret.ts";

export interface Evaluated {
  /** By address, `aws_sqs_queue.queue`; blocks are lists of mappings, and what is null is left out. */
  readonly resources: Readonly<Record<string, Readonly<Record<string, Value>>>>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** The sentences of validations and preconditions that do not hold. */
  readonly refusals: readonly string[];
}

/** What belongs to Terraform in the body of a resource. */
const META = new Set(["count", "for_each", "depends_on", "lifecycle", "provider"]);

/** Of the variable `artifact`. */
const DEFAULT_ARTIFACT = "../../dist/lambda";

/**
 * @param variables those that are set; the others have their defaults
 * @param artifacts the folders that hold the deployment, with their archives beside them
 */
export async function evaluateModule(
  sources: Sources,
  deployment: LambdaDeployment,
  variables: Readonly<Record<string, Value>> = {},
  artifacts: readonly string[] = [String(variables["artifact"] ?? DEFAULT_ARTIFACT)],
): Promise<Evaluated> {
  const files = new Map(
    artifacts.flatMap((path) => [
      [`${path}/deployment.json`, JSON.stringify(deployment)],
      [`${path}.zip`, ""],
    ]),
  );
  const evaluation = new Evaluation(await parseModule(sources), variables, (path) => {
    const text = files.get(path);
    if (text === undefined) throw new Error(`no file ${path}`);
    return text;
  });
  return evaluation.run();
}

/** The value of one expression, as `terraform console` gives it. */
export function evaluateExpression(text: string, names: Readonly<Record<string, Value>> = {}): Value {
  const nothing: Module = {
    terraform: [],
    variables: {},
    locals: {},
    resources: {},
    outputs: {},
    modules: {},
  };
  const evaluation = new Evaluation(nothing, {}, (path) => {
    throw new Error(`no file ${path}`);
  });
  return evaluation.json(`\${${text}}`, names);
}

class Evaluation {
  private readonly module: Module;
  private readonly given: Scope;
  private readonly interpreter: Interpreter;
  /** `local.name` and addresses of resources, once they are known; undefined while they are looked for. */
  private readonly known = new Map<string, Value | undefined>();

  constructor(module: Module, given: Scope, readFile: ReadFile) {
    const unknown = Object.keys(given).find((name) => !(name in module.variables));
    if (unknown !== undefined) throw new Error(`no variable ${unknown}`);
    this.module = module;
    this.given = given;
    this.interpreter = new Interpreter({
      functions: functionsOf(readFile),
      top: (root, key) => this.top(root, key),
      behind: (value, key) => this.behind(value, key),
    });
  }

  run(): Evaluated {
    const { variables, resources, outputs } = this.module;
    const refusals = Object.values(variables).flatMap(({ validation }) => this.refused(validation, {}));
    // Nothing is evaluated of what Terraform would not either.
    if (refusals.length > 0) return { resources: {}, outputs: {}, refusals };
    const made: Record<string, Readonly<Record<string, Value>>> = {};
    for (const [address, body] of Object.entries(resources)) {
      if (address.startsWith("data.")) continue;
      for (const [i, count] of this.instances(address).entries()) {
        const scope = { count: { index: i } };
        const own = Object.fromEntries(Object.entries(body).filter(([key]) => !META.has(key)));
        made[count > 1 ? `${address}[${i}]` : address] = this.block(own, scope);
        for (const { precondition } of blocksOf(body["lifecycle"])) {
          refusals.push(...this.refused(precondition, scope));
        }
      }
    }
    return {
      resources: made,
      outputs: mapValues(outputs, ({ value = null }) => this.json(value, {})),
      refusals,
    };
  }

  json(value: Json, scope: Scope): Value {
    if (typeof value === "string") return this.interpreter.value(parseTemplate(value), scope);
    if (Array.isArray(value)) return (value as readonly Json[]).map((item) => this.json(item, scope));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [String(this.json(key, scope)), this.json(inner, scope)]),
    );
  }

  /** As many as there are, each with their number. */
  private instances(address: string): number[] {
    const { count, for_each } = this.module.resources[address] ?? {};
    if (for_each !== undefined) throw new Error(`${address}: for_each of a resource is not evaluated`);
    const number = count === undefined ? 1 : Number(this.json(count, {}));
    return Array.from({ length: number }, () => number);
  }

  private block(body: Body, scope: Scope): Record<string, Value> {
    const { dynamic = {}, ...own } = body;
    const made = mapValues(own, (value) => this.attributeOrBlocks(value, scope));
    for (const [name, blocks] of Object.entries(dynamic as Readonly<Record<string, Json>>)) {
      const expanded = blocksOf(blocks).flatMap(({ for_each = [], content, iterator }) => {
        if (iterator !== undefined) throw new Error(`${name}: an iterator is not evaluated`);
        const items = Object.entries(this.json(for_each, scope) as Scope);
        return items.map(([key, value]) =>
          this.block(blocksOf(content)[0] ?? {}, { ...scope, [name]: { key, value } }),
        );
      });
      if (expanded.length > 0) made[name] = expanded;
    }
    return Object.fromEntries(Object.entries(made).filter(([, value]) => value !== null));
  }

  private attributeOrBlocks(value: Json, scope: Scope): Value {
    return isBlocks(value) ? blocksOf(value).map((body) => this.block(body, scope)) : this.json(value, scope);
  }

  private refused(conditions: Json | undefined, scope: Scope): string[] {
    return blocksOf(conditions).flatMap(({ condition = null, error_message = "" }) =>
      this.json(condition, scope) === true ? [] : [String(this.json(error_message, scope))],
    );
  }

  private top(root: string, key: string): Value {
    if (root === "var") return this.variable(key);
    if (root === "local") return this.once(`local.${key}`, () => this.local(key));
    return root === "data" ? { [TYPE]: `data.${key}` } : this.resource(`${root}.${key}`);
  }

  private behind(value: Value, key: string): Value | undefined {
    if (!isMapping(value)) return undefined;
    const { [TYPE]: type, [INSTANCE]: instance, index } = value;
    if (typeof type === "string") return this.resource(`${type}.${key}`);
    return typeof instance === "string" ? this.attribute(instance, Number(index), key) : undefined;
  }

  private variable(name: string): Value {
    const declared = this.module.variables[name];
    if (declared === undefined) throw new Error(`no variable ${name}`);
    const value = this.given[name] ?? this.json(declared["default"] ?? null, {});
    const type = String(declared["type"]).replace(/^\$\{|\}$/g, "");
    const found = typeof value === "boolean" ? "bool" : typeof value;
    if (value !== null && found !== type)
      throw new Error(`variable ${name}: found ${value}, allowed a ${type}`);
    return value;
  }

  private local(name: string): Value {
    const found = this.module.locals[name];
    if (found === undefined) throw new Error(`no local ${name}`);
    return this.json(found, {});
  }

  private resource(address: string): Value {
    const declared = this.module.resources[address];
    if (declared === undefined) throw new Error(`no resource ${address}`);
    if (declared["count"] === undefined) return { [INSTANCE]: address, index: 0 };
    return this.instances(address).map((_, index) => ({ [INSTANCE]: address, index }));
  }

  /** What is written in the resource, or text that says what is asked for. */
  private attribute(address: string, index: number, name: string): Value {
    const written = this.module.resources[address]?.[name];
    const own = written === undefined || address.startsWith("data.") ? null : written;
    const value = this.once(`${address}[${index}].${name}`, () => this.json(own, { count: { index } }));
    return value ?? `<${address}.${name}>`;
  }

  private once(key: string, find: () => Value): Value {
    const found = this.known.get(key);
    if (found !== undefined) return found;
    if (this.known.has(key)) throw new Error(`${key} needs itself`);
    this.known.set(key, undefined);
    try {
      const value = find();
      this.known.set(key, value);
      return value;
    } catch (error) {
      // `try` may ask again.
      this.known.delete(key);
      throw error;
    }
  }
}

/** Marks of what stands for a type of data source, and for an instance of a resource, until an attribute is asked for. */
const TYPE = "<type>";
const INSTANCE = "<instance>";

const isBlocks = (value: Json | undefined): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  (value as readonly Json[]).every(
    (item) => typeof item === "object" && item !== null && !Array.isArray(item),
  );

/** hcl2json writes blocks as a list of mappings. */
export const blocksOf = (value: Json | undefined): readonly Body[] =>
  isBlocks(value) ? (value as readonly Body[]) : [];

const mapValues = <T, U>(of: Readonly<Record<string, T>>, to: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(of).map(([key, value]) => [key, to(value)]));
