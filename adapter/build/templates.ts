// Templates of a project's infra/ folder, with the facts of deployment.json in them: a tag `!Deployment` names a fact, and
// the build writes the filled template to dist/infra/. Everything else of a template stays as its author wrote it, with
// comments and the short tags of CloudFormation.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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

/** Of a project, what is rendered. */
const TEMPLATES = "infra";

/** A fact that the other target's deployment.json has. */
class OtherTarget extends Error {}

export interface Rendered {
  /** Relative to the project, with "/": `infra/sam/template.yaml`. */
  readonly template: string;
  readonly text: string;
}

/** A template that could not be filled. */
export interface Unfilled {
  readonly template: string;
  /** The first key of the fact that deployment.json lacks; absent when the template itself is broken. */
  readonly fact?: string;
  readonly problem: string;
  readonly fix?: string;
}

export interface RenderedTemplates {
  readonly rendered: readonly Rendered[];
  /** What an earlier build rendered of these is of another deployment. */
  readonly unfilled: readonly Unfilled[];
}

/** One sentence for all that lack the same fact, and one for each that is broken. */
export function sentencesOf(unfilled: readonly Unfilled[]): string[] {
  const broken = unfilled.filter(({ fact }) => fact === undefined);
  const lacking = Map.groupBy(
    unfilled.filter(({ fact }) => fact !== undefined),
    ({ fact, fix = "" }) => `${fact}, and deployment.json has none. ${fix}`.trimEnd(),
  );
  return [
    ...broken.map(({ template, problem }) => `${template} was not filled: ${problem}`),
    ...[...lacking].map(([what, templates]) => {
      const names = templates.map(({ template }) => template).join(", ");
      return `${names} ${templates.length === 1 ? "was not filled: it needs" : "were not filled: they need"} ${what}`;
    }),
  ];
}

/** A fact that deployment.json has no value for. */
class MissingFact extends ColdframeError {
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

/** Every template below the project's infra/ that has facts of this deployment in it. */
export function renderTemplates(project: string, deployment: Deployment): RenderedTemplates {
  const rendered: Rendered[] = [];
  const unfilled: Unfilled[] = [];
  for (const template of templatesOf(project)) {
    const text = readFileSync(join(project, template), "utf8");
    if (!text.includes(TAG)) continue;
    try {
      rendered.push({ template, text: renderTemplate(text, deployment) });
    } catch (error) {
      if (error instanceof OtherTarget) continue;
      if (!(error instanceof ColdframeError)) throw error;
      unfilled.push({
        template,
        problem: error.message,
        ...(error instanceof MissingFact && { fact: error.fact }),
        ...(error.fix !== undefined && { fix: error.fix }),
      });
    }
  }
  return { rendered, unfilled };
}

/** Write them to <outDir>/infra/. What the build for the other target wrote there stays; what nothing renders any more goes. */
export async function writeTemplates(
  outDir: string,
  project: string,
  { rendered, unfilled }: RenderedTemplates,
): Promise<void> {
  for (const old of templatesOf(outDir)) {
    if (unfilled.some(({ template }) => template === old) || !existsSync(join(project, old)))
      await rm(join(outDir, old));
  }
  for (const { template, text } of rendered) {
    const file = join(outDir, template);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/**
 * A template with the facts of a deployment in it.
 * @throws CONFIG_INVALID for what is no YAML, and for a fact that the deployment has no value for
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

function templatesOf(project: string): string[] {
  const folder = join(project, TEMPLATES);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !entry.parentPath.includes("node_modules"),
    )
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(project.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
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
