// Attributes of evaluated Terraform resources, as the readers of the normal form take them.

import type { Json } from "../cfn/_parse.ts";

export type Attributes = Readonly<Record<string, Json>>;

/** By address. */
export type Resources = Readonly<Record<string, Attributes>>;

/** A block of which there is one at most. @throws for more */
export function blockOf(blocks: Json | undefined): Attributes {
  const [first = {}, ...more] = (blocks ?? []) as Attributes[];
  if (more.length > 0) throw new Error("found two blocks");
  return first;
}

/** @throws for anything else */
export function textOf(value: Json | undefined): string {
  if (typeof value === "string") return value;
  throw new Error(`expected a text, found ${JSON.stringify(value)}`);
}
