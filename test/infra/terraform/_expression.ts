// Expressions of HCL as trees: what stands behind `=` in a .tf file. Templates are parsed with what they interpolate;
// their directives (%{if}) and heredocs are not, since the module has none.
// Source: github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md

import { Scanner } from "./_scanner.ts";

export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "template"; readonly parts: readonly (string | Expression)[] }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "index"; readonly of: Expression; readonly key: Expression }
  /** `of[*]`, with `each` applied to every element, which it calls SPLAT. */
  | { readonly kind: "splat"; readonly of: Expression; readonly each: Expression }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: "unary"; readonly operator: string; readonly of: Expression }
  | {
      readonly kind: "binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    }
  | { readonly kind: "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [Expression, Expression])[] }
  | For;

export interface For {
  readonly kind: "for";
  readonly key?: string;
  readonly value: string;
  readonly of: Expression;
  /** Of an object. */
  readonly toKey?: Expression;
  readonly to: Expression;
  readonly condition?: Expression;
}

/** What the element of a splat is called in its `each`. */
export const SPLAT = "*";

/** From the loosest to the tightest. */
const OPERATORS = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/", "%"],
] as const;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** The expression that a text of a .tf file is. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(text);
  const expression = parser.expression();
  parser.end();
  return expression;
}

/** A value as hcl2json writes it: a string whose `${...}` are expressions, and an expression when it is only that. */
export function parseTemplate(text: string): Expression {
  let expression = parsed.get(text);
  if (expression === undefined) parsed.set(text, (expression = parse(text)));
  return expression;
}

/** The same texts come again with each combination of switches. */
const parsed = new Map<string, Expression>();

function parse(text: string): Expression {
  // What interpolates nothing had its escapes read already.
  if (!/(?<!\$)\$\{/.test(text)) return { kind: "literal", value: text.replaceAll("$${", "${") };
  const parser = new Parser(text);
  const template = parser.template(undefined);
  parser.end();
  return template;
}

class Parser extends Scanner {
  expression(): Expression {
    const condition = this.binary(0);
    if (!this.take("?")) return condition;
    const yes = this.expression();
    this.expect(":");
    return { kind: "conditional", condition, yes, no: this.expression() };
  }

  /** Up to `close`, or to the end of the text. */
  template(close: string | undefined): Expression {
    const parts: (string | Expression)[] = [];
    let literal = "";
    for (;;) {
      const rest = this.text.slice(this.at);
      if (rest === "" || (close !== undefined && rest.startsWith(close))) break;
      if (rest.startsWith("$${") || rest.startsWith("%%{")) {
        literal += rest.slice(1, 3);
        this.at += 3;
      } else if (rest.startsWith("%{")) {
        this.fail("no directive of a template");
      } else if (rest.startsWith("${")) {
        this.at += 2;
        if (literal !== "") parts.push(literal);
        literal = "";
        parts.push(this.expression());
        this.expect("}");
      } else if (rest.startsWith("\\")) {
        const escaped = ESCAPES[rest.charAt(1)];
        if (escaped === undefined) this.fail(`one of the escapes ${Object.keys(ESCAPES).join(" ")}`);
        literal += escaped;
        this.at += 2;
      } else {
        literal += rest.charAt(0);
        this.at += 1;
      }
    }
    if (close !== undefined) {
      if (!this.text.startsWith(close, this.at)) this.fail(close);
      this.at += close.length;
    }
    if (literal !== "") parts.push(literal);
    const [only = ""] = parts;
    if (parts.length > 1) return { kind: "template", parts };
    return typeof only === "string" ? { kind: "literal", value: only } : only;
  }

  private binary(level: number): Expression {
    const operators = OPERATORS[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators.find((operator) => this.take(operator));
      if (operator === undefined) return left;
      left = { kind: "binary", operator, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Expression {
    const operator = ["!", "-"].find((operator) => this.take(operator));
    return operator === undefined ? this.postfix() : { kind: "unary", operator, of: this.unary() };
  }

  private postfix(): Expression {
    return this.traversal(this.primary());
  }

  private traversal(start: Expression): Expression {
    let of = start;
    for (;;) {
      if (this.take("[*]") || this.take(".*")) {
        return { kind: "splat", of, each: this.traversal({ kind: "name", name: SPLAT }) };
      }
      if (this.take("[")) {
        of = { kind: "index", of, key: this.expression() };
        this.expect("]");
      } else if (/^\.[A-Za-z_]/.test(this.text.slice(this.at))) {
        this.at += 1;
        of = { kind: "attribute", of, name: this.identifier() };
      } else return of;
    }
  }

  private primary(): Expression {
    this.space();
    if (this.take('"')) return this.template('"');
    if (this.take("(")) return this.until(")", this.expression());
    if (this.take("[")) return this.forExpression("]") ?? { kind: "tuple", items: this.list("]") };
    if (this.take("{")) return this.forExpression("}") ?? this.object();
    const number = this.match(/^\d+(\.\d+)?/);
    if (number !== undefined) return { kind: "literal", value: Number(number) };
    const name = this.identifier();
    if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
    if (name === "null") return { kind: "literal", value: null };
    return this.take("(") ? { kind: "call", name, args: this.list(")") } : { kind: "name", name };
  }

  private forExpression(close: string): For | undefined {
    if (this.match(/^for\b/) === undefined) return undefined;
    const first = this.identifier();
    const second = this.take(",") ? this.identifier() : undefined;
    this.match(/^in\b/) ?? this.fail("in");
    const of = this.expression();
    this.expect(":");
    const head = this.expression();
    const to = this.take("=>") ? this.expression() : undefined;
    const condition = this.match(/^if\b/) === undefined ? undefined : this.expression();
    this.expect(close);
    return {
      kind: "for",
      value: second ?? first,
      ...(second !== undefined && { key: first }),
      of,
      to: to ?? head,
      ...(to !== undefined && { toKey: head }),
      ...(condition !== undefined && { condition }),
    };
  }

  private object(): Expression {
    const entries: (readonly [Expression, Expression])[] = [];
    while (!this.take("}")) {
      const key = this.expression();
      if (!this.take("=")) this.expect(":");
      // A bare word as a key is the word.
      const name: Expression = key.kind === "name" ? { kind: "literal", value: key.name } : key;
      entries.push([name, this.expression()]);
      this.take(",");
    }
    return { kind: "object", entries };
  }

  private list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!this.take(close)) {
      if (items.length > 0) this.expect(",");
      if (this.take(close)) break;
      items.push(this.expression());
    }
    return items;
  }

  private until(close: string, expression: Expression): Expression {
    this.expect(close);
    return expression;
  }

  private identifier(): string {
    return this.match(/^[A-Za-z_][\w-]*/) ?? this.fail("a name");
  }
}
