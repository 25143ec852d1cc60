// The templates of containers, rendered as the build renders them.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { renderTemplate } from "../../../adapter/build/deployment-tag.ts";
import { deploymentOf, FULL } from "../_facts.ts";

export const INFRA: string = resolve(import.meta.dirname, "../../../infra");

/** A server that uses all that a template can set, without a GPU and with one that every platform but Azure has. */
export const PLAIN: ServerDeployment = deploymentOf(FULL, "server");
export const GPU: ServerDeployment = deploymentOf(
  FULL.replace("resources: {", "resources: { accelerator: 'L4:2',"),
  "server",
);

/** The text of a file below infra/. */
export const read = (path: string): string => readFileSync(join(INFRA, path), "utf8");

// biome-ignore lint/suspicious/noExplicitAny: a document is what its schema is about to say.
export type Json = any;

/** The one document of a template. */
export function render(path: string, deployment: ServerDeployment = PLAIN): Json {
  return parse(renderTemplate(read(path), deployment));
}

/** @throws for what YAML warns of too: a tag that was left, a key that is there twice */
export function parse(text: string): Json {
  const [document, ...others] = parseAllDocuments(text);
  if (!document || others.length > 0) throw new Error("not one document");
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("\n"));
  return document.toJS();
}

/** Write all templates below a folder of infra/ as `coldframe build` does. */
export function renderFolder(folder: string, target: string, deployment: ServerDeployment): void {
  for (const entry of readdirSync(join(INFRA, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name).slice(join(INFRA, folder).length + 1);
    mkdirSync(dirname(join(target, path)), { recursive: true });
    writeFileSync(join(target, path), renderTemplate(read(join(folder, path)), deployment));
  }
}

/** A copy in which one thing is otherwise. */
export function changed<T>(document: T, change: (copy: Json) => void): T {
  const copy = structuredClone(document);
  change(copy);
  return copy;
}

/** The Pod of a Deployment, a Knative Service or a service of Cloud Run. */
export const specOf = (document: Json): Json => document.spec.template.spec;
