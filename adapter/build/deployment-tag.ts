// The tag by which a template in YAML names a fact of deployment.json, and a template with its facts in it. Everything else
// stays as its author wrote it, with comments and the short tags of CloudFormation. Which templates a project has is
// templates.ts.

import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  Pair,
  parseAllDocuments,
  visit,
} from "yaml";
import { ColdframeError } from "../runtime/errors.ts";
import type { Deployment } from "./deployment.ts";
import { PLACEHOLDERS } from "./deployment/iam.ts";

/** `!Deployment path`: the value of a fact. `path?` leaves the pair or the item out where there is none. */
const TAG = "!Deployment";

/** `!DeploymentSub path`: the same, and a text with a placeholder in it goes through CloudFormation's Fn::Sub. */
const SUB_TAG = "!DeploymentSub";

/** A fact that the other target's deployment.json has. */
export class OtherTarget extends Error {}

/** A fact that deployment.json has no value for. */
export class MissingFact extends ColdframeError {
  readonly fact: string;

  constructor(path: string) {
    const fact = path.split(".")[0] as string;
    const fix = REMEDIES[fact];
    super("CONFIG_INVALID", `it needs ${path}, and deployment.json has none.`, {
      ...(fix !== undefined && { fix }),
    });
    this.fact = fact;
  }
}

/** What to write in config.yaml for a fact that may be missing. */
const REMEDIES: Readonly<Record<string, string>> = {
  image: "Set server.image in config.yaml, or build with --image.",
  platforms:
    "This platform does not have the GPU of resources.accelerator in config.yaml; name one that it has.",
  gpu: "Set resources.accelerator in config.yaml to a GPU that this platform has.",
  managed_instances: "Set serverless.managed_instances in config.yaml.",
};

/** Whether there is anything to fill in. */
export const hasFacts = (text: string): boolean => text.includes(TAG);

/**
 * A template with the facts of a deployment in it.
 * @throws CONFIG_INVALID for what is no YAML; MissingFact; OtherTarget
 */
export function renderTemplate(text: string, deployment: Deployment): string {
  const documents = parseAllDocuments(text, {
    logLevel: "error",
    uniqueKeys: isSameKey,
  }) as Document.Parsed[];
  for (const document of documents) {
    const [problem] = document.errors;
    if (problem !== undefined) throw new ColdframeError("CONFIG_INVALID", problem.message);
    fill(document, deployment);
  }
  return documents.map((document) => document.toString({ lineWidth: 0 })).join("");
}

function fill(document: Document, deployment: Deployment): void {
  const valueOf = (node: Node): Node | undefined => {
    const value = read(node, deployment);
    if (value === undefined) return undefined;
    const made = document.createNode(node.tag === SUB_TAG ? subbed(value) : value) as Node;
    if (node.comment) made.comment = node.comment;
    return made;
  };
  visit(document, {
    Map(_key, map) {
      map.items = map.items.flatMap((pair) => {
        if (!isFact(pair.value)) return [pair];
        const made = valueOf(pair.value);
        if (made === undefined) return [];
        if (!isMergeKey(pair.key)) return [new Pair(pair.key, made)];
        if (isMap(made)) return made.items;
        throw new ColdframeError("CONFIG_INVALID", `"<<: ${TAG} ${pair.value.value}" is no mapping.`);
      });
    },
    Seq(_key, sequence) {
      sequence.items = sequence.items.flatMap((item) => {
        if (!isFact(item)) return [item];
        const made = valueOf(item);
        if (made === undefined) return [];
        return isSeq(made) ? made.items : [made];
      });
    },
  });
}

const isFact = (node: unknown): node is Node & { value: string } =>
  isNode(node) && isScalar(node) && (node.tag === TAG || node.tag === SUB_TAG);

/** A mapping may take the pairs of several facts. */
const isSameKey = (a: unknown, b: unknown): boolean =>
  isScalar(a) && isScalar(b) && a.value === b.value && !isMergeKey(a);

const isMergeKey = (key: unknown): boolean => isScalar(key) && String(key.value) === "<<";

/** A path or a text with `${path}` in it; `undefined` where an optional fact is not there. */
function read({ value }: Node & { value?: unknown }, deployment: Deployment): unknown {
  const text = String(value);
  if (text.includes("${")) {
    return text.replace(/\$\{([^}]+)\}/g, (_all, path: string) => String(needed(path, deployment)));
  }
  if (!text.endsWith("?")) return needed(text, deployment);
  return lookUp(text.slice(0, -1), deployment) ?? undefined;
}

function needed(path: string, deployment: Deployment): unknown {
  const value = lookUp(path, deployment);
  if (value !== null && value !== undefined) return value;
  throw new MissingFact(path);
}

/** @throws OtherTarget when deployment.json has no such key at all */
function lookUp(path: string, deployment: Deployment): unknown {
  const [first, ...rest] = path.split(".") as [string, ...string[]];
  const facts = deployment as unknown as Record<string, unknown>;
  if (!Object.hasOwn(facts, first)) throw new OtherTarget(path);
  return rest.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined,
    facts[first],
  );
}

function subbed(value: unknown): unknown {
  if (typeof value === "string")
    return PLACEHOLDERS.some((name) => value.includes(name)) ? { "Fn::Sub": value } : value;
  if (Array.isArray(value)) return value.map(subbed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, subbed(child)]));
}
