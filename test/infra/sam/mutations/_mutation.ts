// How a copy of a template is broken: the small words that the tables beside this file are written in.

import type { Json, Template } from "../../cfn/_parse.ts";

/** A document that may be changed. */
export interface Draft {
  Resources: Record<
    string,
    { Type: string; Properties: Record<string, Draftable>; [attribute: string]: Draftable }
  >;
}

/** Whatever a document has there. */
// biome-ignore lint/suspicious/noExplicitAny: a change goes anywhere
export type Draftable = any;

/** One thing that somebody may break, and who says so. */
export interface Mutation {
  readonly title: string;
  readonly sample: "template" | "template-image" | "gpu";
  readonly change: (draft: Draft) => void;
  /** The id that must be among the findings. */
  readonly caughtBy: string;
}

/** Of a resource, or of anything in it. */
export type Properties = Record<string, Draftable>;

/** Properties of a resource. @throws where there is none to break */
export const of = (draft: Draft, id: string): Properties => {
  const resource = draft.Resources[id];
  if (resource === undefined) throw new Error(`there is no ${id} to break`);
  return resource.Properties;
};

/** Of the function's role. */
export const statementsOf = (draft: Draft): Properties[] =>
  of(draft, "FunctionRole").Policies[0].PolicyDocument.Statement;

/** Set, or with `undefined` deleted. */
export const set =
  (id: string, path: string, value: Json | undefined) =>
  (draft: Draft): void => {
    const keys = path.split(".");
    const last = keys.pop() as string;
    const parent = keys.reduce<Properties>((so, key) => so[key], of(draft, id));
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  };

/** Take resources away. */
export const without =
  (...ids: string[]) =>
  (draft: Draft): void => {
    for (const id of ids) {
      of(draft, id);
      delete draft.Resources[id];
    }
  };

/** One row of a table. */
export const mutation = (
  caughtBy: string,
  title: string,
  change: Mutation["change"],
  sample: Mutation["sample"] = "template",
): Mutation => ({ title, sample, change, caughtBy });

/** A copy with one change. */
export function broken(document: Template, { change }: Mutation): Template {
  const draft = structuredClone(document) as unknown as Draft;
  change(draft);
  return draft as unknown as Template;
}
