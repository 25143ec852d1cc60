// Which templates a build writes for which deployment, and what each says of itself.

import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { renderTemplates } from "../../../adapter/build/templates.ts";
import { makeFolder } from "../../build/_project.ts";
import { deploymentOf, FULL } from "../_facts.ts";
import { KINDS } from "./_kinds.ts";
import { GPU, INFRA, type Json, PLAIN, read } from "./_templates.ts";

describe("a template is rendered", () => {
  const project = makeFolder();
  for (const folder of ["gcp", "k8s", "runpod", "baseten", "azure", "docker", "modal"]) {
    cpSync(join(INFRA, folder), join(project, "infra", folder), { recursive: true });
  }
  const paths = (deployment: Json) =>
    renderTemplates(project, deployment)
      .rendered.map(({ template }) => template)
      .sort();

  test("for a server, and not for a function", () => {
    assert.deepEqual(paths(deploymentOf(FULL, "lambda")), []);
    assert.equal(renderTemplates(project, deploymentOf(FULL, "lambda")).unfilled.length, 0);
  });

  test("with a GPU where it is for one; otherwise a note says what to write", () => {
    const withGpu = [
      "gcp/cloudrun-gpu.yaml",
      "runpod/hub.yaml",
      "runpod/load-balancer.yaml",
      "runpod/queue.yaml",
    ];
    const overlay = ["k8s/overlays/gpu/deployment.yaml", "k8s/overlays/gpu/kustomization.yaml"];
    const all = paths(GPU);
    const plain = paths(PLAIN);
    assert.deepEqual(
      all.filter((path) => !plain.includes(path)),
      [...withGpu, ...overlay].map((path) => `infra/${path}`).sort(),
    );
    const { unfilled } = renderTemplates(project, PLAIN);
    assert.equal(unfilled.length, withGpu.length + overlay.length);
    for (const { fix = "" } of unfilled) assert.match(fix, /resources\.accelerator/);
    assert.deepEqual(renderTemplates(project, GPU).unfilled, []);
  });

  test("with the image's name, or with a note that there is none", () => {
    const { unfilled } = renderTemplates(project, { ...PLAIN, image: null });
    assert.ok(unfilled.filter(({ fix = "" }) => /server\.image/.test(fix)).length >= 4);
  });
});

test("every template says what it makes, the command that deploys it, and what it costs when idle", () => {
  const opening = [
    ...Object.keys(KINDS).filter((path) => !path.startsWith("k8s/base/")),
    "k8s/base/kustomization.yaml",
    "k8s/overlays/gpu/kustomization.yaml",
    "modal/app.py",
    ...["lambda", "server", "gpu"].map((name) => `docker/Dockerfile.${name}`),
  ];
  for (const path of opening) {
    const head = read(path).split("\n").slice(0, 12).join("\n");
    assert.match(head, /^(#|\/\/|""") ?(\S.*)?Makes: /, path);
    assert.match(head, /Idle cost: /, path);
    assert.match(head, /^(# {2,}|\/\/ {2,}| {4})(npx|mkdir|truss|gcloud|kubectl|modal|az|docker) /m, path);
    const named = /dist\/infra\/([\w/.-]+)/.exec(head)?.[1];
    // The command names the file that it stands in, or the folder.
    if (named) assert.ok(path === named || dirname(path) === named, `${path} is deployed as ${named}`);
  }
});
