// The value of an expression, as Terraform computes it. What names stand for, the module that it is part of says.

import { type Expression, SPLAT } from "./_expression.ts";
import type { Implementation } from "./_functions.ts";

export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** What is named where an expression stands: variables of `for`, the item of a dynamic block. */
export type Scope = Readonly<Record<string, Value>>;

export interface World {
  readonly functions: Readonly<Record<string, Implementation>>;
  /** Of what is in no scope: `x` of `var`. */
  top(root: string, key: string): Value;
  /** Of a value that stands for something else; undefined of any other. */
  behind(value: Value, key: string): Value | undefined;
}

export class Interpreter {
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** @throws where Terraform would, and where it is asked for what it does not know */
  value(expression: Expression, scope: Scope): Value {
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "template":
        return expression.parts
          .map((part) => (typeof part === "string" ? part : interpolated(this.value(part, scope))))
          .join("");
      case "name":
        return this.named(expression.name, scope);
      case "attribute":
        return this.element(expression.of, expression.name, scope);
      case "index":
        return this.element(expression.of, this.value(expression.key, scope), scope);
      case "splat": {
        const of = this.value(expression.of, scope);
        const items = of === null ? [] : Array.isArray(of) ? (of as readonly Value[]) : [of];
        return items.map((item) => this.value(expression.each, { ...scope, [SPLAT]: item }));
      }
      case "call":
        return this.call(expression.name, expression.args, scope);
      case "unary": {
        const of = this.value(expression.of, scope);
        return expression.operator === "!" ? !truth(of) : -number(of);
      }
      case "binary":
        return this.binary(expression, scope);
      case "conditional":
        return this.value(
          truth(this.value(expression.condition, scope)) ? expression.yes : expression.no,
          scope,
        );
      case "tuple":
        return expression.items.map((item) => this.value(item, scope));
      case "object":
        return Object.fromEntries(
          expression.entries.map(([key, value]) => [
            String(this.value(key, scope)),
            this.value(value, scope),
          ]),
        );
      case "for":
        return this.comprehension(expression, scope);
    }
  }

  private named(name: string, scope: Scope): Value {
    const found = scope[name];
    if (found === undefined) throw new Error(`no ${name} here`);
    return found;
  }

  private element(of: Expression, key: Value, scope: Scope): Value {
    if (of.kind === "name" && !(of.name in scope)) return this.world.top(of.name, String(key));
    const value = this.value(of, scope);
    const found = this.world.behind(value, String(key)) ?? inside(value, String(key));
    if (found === undefined) throw new Error(`no ${key} in ${JSON.stringify(value)}`);
    return found;
  }

  private call(name: string, args: readonly Expression[], scope: Scope): Value {
    if (name === "try" || name === "can") {
      for (const arg of args) {
        try {
          const value = this.value(arg, scope);
          return name === "can" ? true : value;
        } catch {}
      }
      if (name === "can") return false;
      throw new Error("try: no argument has a value");
    }
    const implementation = this.world.functions[name];
    if (implementation === undefined) throw new Error(`${name} is not evaluated`);
    return implementation(...args.map((arg) => this.value(arg, scope)));
  }

  private binary({ operator, left, right }: Extract<Expression, { kind: "binary" }>, scope: Scope): Value {
    const a = this.value(left, scope);
    const b = () => this.value(right, scope);
    switch (operator) {
      // Not so lazy in Terraform before 1.12: what the module writes must hold on either side.
      case "&&":
        return truth(a) && truth(b());
      case "||":
        return truth(a) || truth(b());
      case "==":
        return JSON.stringify(a) === JSON.stringify(b());
      case "!=":
        return JSON.stringify(a) !== JSON.stringify(b());
      case "<":
        return number(a) < number(b());
      case "<=":
        return number(a) <= number(b());
      case ">":
        return number(a) > number(b());
      case ">=":
        return number(a) >= number(b());
      case "+":
        return number(a) + number(b());
      case "-":
        return number(a) - number(b());
      case "*":
        return number(a) * number(b());
      case "/":
        return number(a) / number(b());
      default:
        return number(a) % number(b());
    }
  }

  private comprehension(expression: Extract<Expression, { kind: "for" }>, scope: Scope): Value {
    const of = this.value(expression.of, scope);
    const isList = Array.isArray(of);
    const results = Object.entries(of as Scope).flatMap(([key, value]) => {
      const own = {
        ...scope,
        ...(expression.key !== undefined && { [expression.key]: isList ? Number(key) : key }),
        [expression.value]: value,
      };
      if (expression.condition !== undefined && !truth(this.value(expression.condition, own))) return [];
      const named = expression.toKey === undefined ? "" : String(this.value(expression.toKey, own));
      return [[named, this.value(expression.to, own)] as const];
    });
    return expression.toKey === undefined ? results.map(([, value]) => value) : Object.fromEntries(results);
  }
}

export const isMapping = (value: Value): value is { readonly [key: string]: Value } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function inside(value: Value, key: string): Value | undefined {
  if (Array.isArray(value)) return (value as readonly Value[])[Number(key)];
  return isMapping(value) ? value[key] : undefined;
}

function truth(value: Value): boolean {
  if (typeof value === "boolean") return value;
  throw new Error(`expected true or false, found ${JSON.stringify(value)}`);
}

function number(value: Value): number {
  if (typeof value === "number") return value;
  throw new Error(`expected a number, found ${JSON.stringify(value)}`);
}

function interpolated(value: Value): string {
  if (value === null || typeof value === "object") {
    throw new Error(`expected a string, found ${JSON.stringify(value)}`);
  }
  return String(value);
}
