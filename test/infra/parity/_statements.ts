// Policy documents as lists of statements that are equal when they mean the same: one action is a list of one, and order
// means nothing.

import type { Json } from "../cfn/_parse.ts";
import { type Fact, nothingElse, type Statement, sorted } from "./_normal-form.ts";

/** Of a role. */
export function statementsOf(document: Json | undefined): Statement[] {
  const { Version, Statement, ...rest } = document as { Version: string; Statement: Json[] };
  nothingElse(rest, "a policy");
  // Another version of the language reads `${...}` as text.
  if (Version !== "2012-10-17") throw new Error(`found a policy of the version ${Version}`);
  return sorted([Statement].flat().map(statement));
}

/** Of a queue or a bucket: CDK writes them without ids. */
export const ownStatementsOf = (document: Json | undefined): Statement[] =>
  sorted(statementsOf(document).map((one) => ({ ...one, sid: null })));

function statement(written: Json): Statement {
  const {
    Sid = null,
    Effect,
    Principal,
    Action,
    Resource,
    Condition = null,
    ...rest
  } = written as Record<string, Json>;
  nothingElse(rest, `the statement ${Sid}`);
  return {
    sid: Sid,
    effect: Effect ?? null,
    principal: principal(Principal),
    actions: listOf(Action),
    resources: listOf(Resource),
    condition: Condition,
  };
}

/** Everybody is `*` to SAM and Terraform, `{ AWS: "*" }` to CDK. */
function principal(written: Json = null): Fact {
  if (typeof written !== "object" || written === null || Array.isArray(written)) return written;
  return Object.keys(written).length === 1 && written["AWS"] === "*" ? "*" : written;
}

const listOf = (value: Json | undefined): Fact[] =>
  value === undefined ? [] : sorted([value].flat() as Json[]);
