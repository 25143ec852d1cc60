// Which switches are compared: every combination that decides something, and a few that stand for all.

import type { Parameters } from "../cfn/_parameters.ts";
import { combinations, pairwise } from "../sam/_switches.ts";

const ALL = combinations(false);

/** What asks for something of what is switched off; the tools are to pass over it alike, which FEW ask about. */
const isIdle = ({ FunctionUrl, UrlAuth, Invoker, Alarms, AlarmTopicArn }: Parameters): boolean =>
  (FunctionUrl === "false" && (UrlAuth === "NONE" || Invoker !== "")) ||
  (UrlAuth === "NONE" && Invoker !== "") ||
  (Alarms === "false" && AlarmTopicArn !== "");

/** Each combination of the switches of which every one decides something. */
export const MEANINGFUL: readonly Parameters[] = ALL.filter((switches) => !isIdle(switches));

/** All values of these; the others have their defaults. */
const each = (...names: readonly string[]): Parameters[] => {
  const chosen = ALL.map((switches) => Object.fromEntries(names.map((name) => [name, switches[name] ?? ""])));
  return [...new Map(chosen.map((switches) => [JSON.stringify(switches), switches])).values()];
};

/**
 * Few: nothing set, what no combination sets, each pair of values of two switches, and the switches that decide together
 * in all their combinations.
 */
export const FEW: readonly Parameters[] = [
  {},
  { SecretsPrefix: "team/stage-", LogRetentionDays: "14" },
  ...pairwise(ALL),
  ...each("FunctionUrl", "UrlAuth", "Invoker"),
  ...each("FunctionUrl", "Queue", "Alarms", "AlarmTopicArn"),
];

/** For a message. */
export const nameOf = (switches: Parameters): string =>
  Object.entries(switches)
    .map(([name, value]) => `${name}=${value === "" ? '""' : value}`)
    .join(" ") || "the defaults";
