// Bicep, as much of it as infra/azure has: parameters, variables, resources, outputs, literals, calls and lambdas are read and
// evaluated for given parameters. What it does not know is an error. Source: learn.microsoft.com/azure/azure-resource-manager/
// bicep, "File structure and syntax", "Bicep functions".

import type { Json } from "./_templates.ts";

export interface Evaluated {
  /** Parameters without a default. */
  readonly required: readonly string[];
  /** By symbolic name: the type with its version, and the body. */
  readonly resources: Readonly<Record<string, { readonly type: string; readonly body: Json }>>;
}

type Scope = Record<string, Json>;
type Evaluate = (scope: Scope) => Json;

const TOKEN =
  /(?<blank>[ \t\r]+|\/\/[^\n]*)|(?<line>\n)|(?<text>'(?:[^'\\]|\\.)*')|(?<number>\d+)|(?<name>[A-Za-z_]\w*)|(?<sign>=>|==|!=|&&|\|\||[{}[\](),:?.!=*/+-])/y;

interface Token {
  readonly kind: string;
  readonly text: string;
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const { groups } = TOKEN.exec(source) ?? {};
    if (!groups) throw new Error(`unexpected ${JSON.stringify(source.slice(at, at + 20))}`);
    const [kind, text] = Object.entries(groups).find(([, value]) => value !== undefined) as [string, string];
    if (kind !== "blank") found.push({ kind, text });
  }
  return [...found, { kind: "end", text: "" }];
}

/**
 * Evaluate a file.
 * @param given parameters, and what the resources that are there already are, by their symbolic names
 * @param load what loadJsonContent gives for a path
 * @throws for what is no Bicep, and for names that are not there
 */
export function evaluateBicep(source: string, given: Scope, load: (path: string) => Json): Evaluated {
  const stream = tokens(source);
  let at = 0;
  const functions = builtIns(load);

  const peek = (): Token => stream[at] as Token;
  const is = (text: string): boolean => peek().kind !== "text" && peek().text === text;
  const skipLines = (): void => {
    while (peek().kind === "line") at++;
  };
  function take(text?: string): string {
    const token = peek();
    if (text !== undefined && !is(text))
      throw new Error(`expected ${text}, found ${JSON.stringify(token.text)}`);
    at++;
    return token.text;
  }

  function expression(): Evaluate {
    const condition = equality();
    if (!is("?")) return condition;
    take("?");
    const [yes, , no] = [expression(), take(":"), expression()];
    return (scope) => (condition(scope) ? yes(scope) : no(scope));
  }

  function equality(): Evaluate {
    const left = product();
    if (!is("==") && !is("!=")) return left;
    const equal = take() === "==";
    const right = product();
    return (scope) => (left(scope) === right(scope)) === equal;
  }

  function product(): Evaluate {
    let left = unary();
    while (is("*")) {
      take();
      const [a, b] = [left, unary()];
      left = (scope) => a(scope) * b(scope);
    }
    return left;
  }

  function unary(): Evaluate {
    if (!is("!")) return member();
    take();
    const value = unary();
    return (scope) => !value(scope);
  }

  function member(): Evaluate {
    let value = primary();
    while (is(".")) {
      take();
      const [of, name] = [value, take()];
      value = (scope) => {
        const object = of(scope);
        if (object === null || typeof object !== "object" || !Object.hasOwn(object, name))
          throw new Error(`nothing has ${name}`);
        return object[name];
      };
    }
    return value;
  }

  function primary(): Evaluate {
    const { kind } = peek();
    if (kind === "text") return interpolated(take());
    if (kind === "number") {
      const number = Number(take());
      return () => number;
    }
    if (is("{")) return object();
    if (is("[")) return array();
    if (is("(")) {
      take();
      const inside = expression();
      take(")");
      return inside;
    }
    if (kind !== "name") throw new Error(`unexpected ${JSON.stringify(peek().text)}`);
    const name = take();
    if (name === "true" || name === "false") return () => name === "true";
    if (name === "null") return () => null;
    if (is("=>")) {
      take();
      const body = expression();
      return (scope) => (item: Json) => body({ ...scope, [name]: item });
    }
    if (is("(")) return call(name);
    return (scope) => {
      if (!Object.hasOwn(scope, name)) throw new Error(`no ${name} here`);
      return scope[name];
    };
  }

  function call(name: string): Evaluate {
    const known = functions[name];
    if (!known) throw new Error(`no function ${name}`);
    take("(");
    const given: Evaluate[] = [];
    for (skipLines(); !is(")"); skipLines()) {
      given.push(expression());
      skipLines();
      if (is(",")) take();
    }
    take(")");
    return (scope) => known(...given.map((argument) => argument(scope)));
  }

  function object(): Evaluate {
    take("{");
    const pairs: [Evaluate, Evaluate][] = [];
    for (skipLines(); !is("}"); ) {
      const key = peek().kind === "text" ? interpolated(take()) : named(take());
      take(":");
      pairs.push([key, expression()]);
      separated("}");
    }
    take("}");
    return (scope) => {
      const made: Record<string, Json> = {};
      for (const [key, value] of pairs) {
        if (Object.hasOwn(made, key(scope))) throw new Error(`${key(scope)} twice`);
        made[key(scope)] = value(scope);
      }
      return made;
    };
  }

  function array(): Evaluate {
    take("[");
    const items: Evaluate[] = [];
    for (skipLines(); !is("]"); ) {
      items.push(expression());
      separated("]");
    }
    take("]");
    return (scope) => items.map((item) => item(scope));
  }

  /** Lines or a comma stand between two entries. */
  function separated(end: string): void {
    if (is(",")) take();
    else if (!is(end) && peek().kind !== "line") throw new Error(`unexpected ${JSON.stringify(peek().text)}`);
    skipLines();
  }

  const named = (name: string) => () => name;

  function interpolated(quoted: string): Evaluate {
    const parts = quoted.slice(1, -1).split(/\$\{([^}]*)\}/);
    const made = parts.map((part, index): Evaluate => {
      if (index % 2 === 0) return () => part;
      const [outer, outerAt] = [stream.splice(0), at];
      stream.push(...tokens(part));
      at = 0;
      const value = expression();
      if (peek().kind !== "end") throw new Error(`unexpected ${peek().text}`);
      stream.splice(0, stream.length, ...outer);
      at = outerAt;
      return value;
    });
    return (scope) => made.map((part) => String(part(scope))).join("");
  }

  const scope: Scope = {};
  const required: string[] = [];
  const resources: Record<string, { type: string; body: Json }> = {};
  for (skipLines(); peek().kind !== "end"; skipLines()) {
    const keyword = take();
    const name = take();
    if (keyword === "param") {
      take();
      const fallback = is("=") ? (take(), expression()) : undefined;
      if (!fallback) required.push(name);
      if (!fallback && !Object.hasOwn(given, name)) throw new Error(`no value for ${name}`);
      scope[name] = given[name] ?? fallback?.(scope);
    } else if (keyword === "var") {
      take("=");
      scope[name] = expression()(scope);
    } else if (keyword === "resource") {
      const type = interpolated(take())(scope) as string;
      const exists = is("existing");
      if (exists) take();
      take("=");
      const body = expression()(scope);
      scope[name] = given[name] ?? body;
      if (!exists) resources[name] = { type, body };
    } else if (keyword === "output") {
      take();
      take("=");
      expression();
    } else throw new Error(`unexpected ${keyword}`);
  }
  return { required, resources };
}

const builtIns = (load: (path: string) => Json): Record<string, (...given: Json[]) => Json> => ({
  any: (value) => value,
  concat: (...lists) => lists.flat(),
  empty: (value) => value === null || Object.keys(value).length === 0,
  environment: () => ({ suffixes: { keyvaultDns: ".vault.azure.net" } }),
  filter: (list, keep) => list.filter(keep),
  items: (object) => Object.entries(object).map(([key, value]) => ({ key, value })),
  json: (text) => JSON.parse(text),
  loadJsonContent: load,
  map: (list, make) => list.map((item: Json) => make(item)),
  replace: (text, from, to) => text.replaceAll(from, to),
  resourceGroup: () => ({ location: "westeurope" }),
  string: String,
  take: (text, length) => text.slice(0, length),
  toLower: (text) => text.toLowerCase(),
});
