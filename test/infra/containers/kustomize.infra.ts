// infra/k8s as kustomize puts it together: every file is there, every patch has a target, every name leads somewhere.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { makeFolder } from "../../build/_project.ts";
import { problemsOf } from "./_kubernetes.ts";
import { changed, GPU, type Json, parse, renderFolder, specOf } from "./_templates.ts";

describe("kustomize", () => {
  const folder = makeFolder();
  renderFolder("k8s", folder, GPU);

  /** Files that a kustomization names and that are not there, and patches of what is not there. */
  function missing(root: string, at: string): string[] {
    const { resources = [], patches = [] } = parse(
      readFileSync(join(root, at, "kustomization.yaml"), "utf8"),
    );
    const documents = resources.flatMap((path: string) => resourcesOf(root, join(at, path)));
    return [
      ...resources.filter((path: string) => !existsSync(join(root, at, path))),
      ...patches.flatMap(({ path, target }: Json) => {
        if (!existsSync(join(root, at, path))) return [path];
        const { kind, metadata } = parse(readFileSync(join(root, at, path), "utf8"));
        const isThere = (wanted: Json) =>
          documents.some((found: Json) => found.kind === wanted.kind && found.metadata.name === wanted.name);
        return isThere(target) && isThere({ kind, name: metadata.name }) ? [] : [`${path} patches nothing`];
      }),
    ];
  }

  function resourcesOf(root: string, at: string): Json[] {
    if (!existsSync(join(root, at))) return [];
    if (at.endsWith(".yaml")) return [parse(readFileSync(join(root, at), "utf8"))];
    const { resources } = parse(readFileSync(join(root, at, "kustomization.yaml"), "utf8"));
    return resources.flatMap((path: string) => resourcesOf(root, join(at, path)));
  }

  test("finds every file, and what every patch is for", () => {
    assert.deepEqual(missing(folder, "base"), []);
    assert.deepEqual(missing(folder, "overlays/gpu"), []);
    const broken = makeFolder();
    renderFolder("k8s", broken, { ...GPU, name: "other" });
    cpSync(join(folder, "base/deployment.yaml"), join(broken, "base/deployment.yaml"));
    assert.deepEqual(missing(broken, "overlays/gpu"), ["deployment.yaml patches nothing"]);
  });

  /** A name that leads nowhere: the autoscaler's, the budget's, the Service's. */
  function danglers(documents: readonly Json[]): string[] {
    const found = (kind: string) => documents.find((document) => document.kind === kind);
    const deployment = found("Deployment");
    const { labels } = deployment.spec.template.metadata;
    const selects = (selector: Json) =>
      Object.keys(selector ?? {}).length > 0 &&
      Object.entries(selector).every(([key, value]) => labels[key] === value);
    const ports = deployment.spec.template.spec.containers[0].ports.map(({ name }: Json) => name);
    const { scaleTargetRef: scaled } = found("HorizontalPodAutoscaler").spec;
    const rules: [boolean, string][] = [
      [
        scaled.kind === "Deployment" &&
          scaled.name === deployment.metadata.name &&
          scaled.apiVersion === deployment.apiVersion,
        "autoscaler",
      ],
      [selects(found("PodDisruptionBudget").spec.selector?.matchLabels), "budget"],
      [selects(found("Service").spec.selector), "service"],
      [selects(deployment.spec.selector.matchLabels), "deployment"],
      [ports.includes(found("Service").spec.ports[0].targetPort), "port"],
      [found("Service").spec.ports.length === 1, "ports"],
    ];
    return rules.flatMap(([holds, name]) => (holds ? [] : [name]));
  }

  const kustomize = (path: string) =>
    spawnSync("kubectl", ["kustomize", join(folder, path)], { encoding: "utf8" });
  const skip = kustomize("base").error ? "kubectl is not installed" : false;
  if (skip) console.log(`skipped: ${skip}`);

  test("makes documents that Kubernetes takes, and that belong together", { skip }, () => {
    for (const path of ["base", "overlays/gpu"]) {
      const { status, stdout, stderr } = kustomize(path);
      assert.equal(status, 0, stderr);
      const documents = parseAllDocuments(stdout).map((document) => document.toJS());
      assert.equal(documents.length, 4);
      for (const document of documents) assert.deepEqual(problemsOf(document), []);
      assert.deepEqual(danglers(documents), []);
      const { nodeSelector, tolerations, containers } = specOf(
        documents.find((document) => document.kind === "Deployment"),
      );
      const hasGpu = path === "overlays/gpu";
      assert.equal(containers.length, 1);
      assert.equal(containers[0].resources.limits["nvidia.com/gpu"], hasGpu ? 2 : undefined);
      assert.equal(nodeSelector?.["cloud.google.com/gke-accelerator"], hasGpu ? "nvidia-l4" : undefined);
      assert.equal(tolerations?.[0].key, hasGpu ? "nvidia.com/gpu" : undefined);
      const spoil: [name: string, change: (copies: Json[]) => void][] = [
        [
          "autoscaler",
          (copies) => {
            byKind(copies, "HorizontalPodAutoscaler").spec.scaleTargetRef.name = "other";
          },
        ],
        [
          "budget",
          (copies) => {
            byKind(copies, "PodDisruptionBudget").spec.selector = {};
          },
        ],
        [
          "port",
          (copies) => {
            byKind(copies, "Service").spec.ports[0].targetPort = "https";
          },
        ],
      ];
      for (const [name, change] of spoil) assert.deepEqual(danglers(changed(documents, change)), [name]);
    }
  });

  const byKind = (documents: readonly Json[], wanted: string): Json =>
    documents.find((document) => document.kind === wanted);
});
