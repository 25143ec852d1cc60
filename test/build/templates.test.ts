// Templates of infra/ with the facts of a deployment in them, and samconfig.toml.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { build } from "../../adapter/build/build.ts";
import { writeSamConfig } from "../../adapter/build/samconfig.ts";
import { renderTemplate } from "../../adapter/build/deployment-tag.ts";
import { renderTemplates, sentencesOf } from "../../adapter/build/templates.ts";
import { deploymentOf, FULL } from "../infra/_facts.ts";
import { makeProject, PLAIN_MODEL } from "./_project.ts";

const LAMBDA = deploymentOf(FULL, "lambda");
const SERVER = deploymentOf(FULL, "server");

const rendered = (text: string, deployment: typeof LAMBDA | typeof SERVER = LAMBDA): unknown =>
  parse(renderTemplate(text, deployment));

describe("a fact in a template", () => {
  test("keeps its type", () => {
    assert.deepEqual(
      rendered("{ a: !Deployment memory_mb, b: !Deployment handler, c: !Deployment function_url.cors }"),
      {
        a: 3008,
        b: "index.stream",
        c: { AllowOrigins: ["https://app.example.com"], AllowMethods: ["POST"], MaxAge: 600 },
      },
    );
  });

  test("may be in a text", () => {
    assert.deepEqual(rendered('{ a: !Deployment "${name}/${memory_mb}" }'), { a: "sample-model/3008" });
  });

  test("is left out with its key or its item when it is optional and not there", () => {
    assert.deepEqual(
      rendered("{ a: !Deployment managed_instances.memory_mb?, b: [1, !Deployment managed_instances?] }"),
      {
        b: [1],
      },
    );
  });

  test("fills lists and mappings", () => {
    const text =
      "a:\n  <<: !Deployment environment\n  <<: !Deployment alarms\n  x: y\nb:\n  - first\n  - !Deployment events\n";
    const { a, b } = rendered(text) as { a: Record<string, unknown>; b: unknown[] };
    assert.deepEqual([a["GREETING"], a["errors"], a["x"]], ["hello", 1, "y"]);
    assert.deepEqual(b, ["first", "function-url", "sqs", "direct"]);
  });

  test("goes through Fn::Sub where it has something to fill in, and nowhere else", () => {
    const { a, b } = rendered("{ a: !DeploymentSub secret_environment, b: !DeploymentSub iam }") as {
      a: unknown;
      b: Record<string, unknown>[];
    };
    assert.deepEqual(a, {
      COLDFRAME_SECRET_HUB_TOKEN: { "Fn::Sub": "aws-secretsmanager://${SecretsPrefix}hub_token" },
    });
    assert.equal(b[0]?.["Effect"], "Allow");
  });

  test("leaves comments and CloudFormation's tags as they are", () => {
    const text =
      "# head\na: !If [ X, !GetAtt A.B, !Ref B ] # why\nb: !Deployment timeout_seconds # seconds\n";
    assert.equal(renderTemplate(text, LAMBDA), text.replace("!Deployment timeout_seconds", "120"));
  });

  test("is filled in every document of a file", () => {
    const text = "a: !Deployment name\n---\nb: !Deployment name\n";
    assert.equal(renderTemplate(text, LAMBDA), "a: sample-model\n---\nb: sample-model\n");
  });
});

describe("the templates of a project", () => {
  const project = makeProject({
    "infra/sam/template.yaml": "a: !Deployment handler\n",
    "infra/gcp/cloudrun.yaml": "image: !Deployment image\nport: !Deployment port\n",
    "infra/gcp/cloudrun-gpu.yaml": "gpu: !Deployment gpu.cloud_run\n",
    "infra/notes.yaml": "nothing: here\n",
    "infra/broken.yaml": "a: [!Deployment name\n",
  });
  const pathsOf = (deployment: typeof LAMBDA | typeof SERVER) =>
    renderTemplates(project, deployment).rendered.map(({ template }) => template);

  test("are rendered for the target that has their facts", () => {
    assert.deepEqual(pathsOf(LAMBDA), ["infra/sam/template.yaml"]);
    assert.deepEqual(pathsOf(SERVER), ["infra/gcp/cloudrun.yaml"]);
  });

  test("take the plain files beside them along, which they may name", () => {
    const own = makeProject({
      "infra/k8s/base/deployment.yaml": "name: !Deployment name\n",
      "infra/k8s/base/network-policy.yaml": "# ours\nkind: NetworkPolicy\n",
      "infra/other/values.yaml": "a: 1\n",
    });
    assert.deepEqual(renderTemplates(own, SERVER).rendered, [
      { template: "infra/k8s/base/deployment.yaml", text: "name: sample-model\n" },
      { template: "infra/k8s/base/network-policy.yaml", text: "# ours\nkind: NetworkPolicy\n" },
    ]);
  });

  test("that lack a fact are not, and it is said what to set", () => {
    const { unfilled } = renderTemplates(project, { ...SERVER, image: null });
    const [broken, ...lacking] = unfilled;
    assert.equal(broken?.template, "infra/broken.yaml");
    assert.equal(broken?.fact, undefined);
    assert.deepEqual(lacking, [
      {
        template: "infra/gcp/cloudrun-gpu.yaml",
        fact: "gpu",
        problem: "it needs gpu.cloud_run, and deployment.json has none.",
        fix: "Set resources.accelerator in config.yaml to a GPU that this platform has.",
      },
      {
        template: "infra/gcp/cloudrun.yaml",
        fact: "image",
        problem: "it needs image, and deployment.json has none.",
        fix: "Set server.image in config.yaml, or build with --image.",
      },
    ]);
  });

  test("that lack the same fact are told of in one sentence", () => {
    const lacking = makeProject({
      "infra/a.yaml": "image: !Deployment image\n",
      "infra/b.yaml": "image: !Deployment image\n",
      "infra/c.yaml": "gpu: !Deployment gpu.count\n",
    });
    assert.deepEqual(sentencesOf(renderTemplates(lacking, { ...SERVER, image: null }).unfilled), [
      "infra/a.yaml, infra/b.yaml were not filled: they need image, and deployment.json has none. Set server.image in config.yaml, or build with --image.",
      "infra/c.yaml was not filled: it needs gpu, and deployment.json has none. Set resources.accelerator in config.yaml to a GPU that this platform has.",
    ]);
  });

  test("are written by the build; those of the other target stay, and those that are no more go", async () => {
    const own = makeProject({
      "infra/sam/template.yaml": "a: !Deployment memory_mb\n",
      "infra/gcp/cloudrun.yaml": "a: !Deployment port\n",
      "model/model.ts": PLAIN_MODEL,
    });
    const { templates } = await build({ project: own, zip: false, codeCache: false });
    assert.deepEqual(templates, [join(own, "dist/infra/sam/template.yaml")]);
    assert.equal(readFileSync(templates[0] as string, "utf8"), "a: 1769\n");
    writeFileSync(join(own, "dist/infra/stale.yaml"), "");
    await build({ project: own, zip: false, codeCache: false });
    assert.throws(() => readFileSync(join(own, "dist/infra/stale.yaml")), { code: "ENOENT" });
    await build({ project: own, target: "server" });
    assert.equal(readFileSync(join(own, "dist/infra/gcp/cloudrun.yaml"), "utf8"), "a: 8080\n");
    assert.equal(readFileSync(templates[0] as string, "utf8"), "a: 1769\n");
  });
});

describe("samconfig.toml", () => {
  const templates = [{ template: "infra/sam/template.yaml", text: "" }];
  const read = (project: string) => readFileSync(join(project, "samconfig.toml"), "utf8");

  test("makes `sam deploy` take the rendered template", () => {
    const project = makeProject({});
    writeSamConfig(project, "sample-model", templates);
    assert.match(
      read(project),
      /\[default\.deploy\.parameters\]\nstack_name = "sample-model"\ntemplate_file = "dist\/infra\/sam\/template\.yaml"\n/,
    );
    assert.doesNotMatch(read(project), /\[gpu/);
  });

  test("is written anew while it is the build's own, and left alone when it is not", () => {
    const project = makeProject({});
    writeSamConfig(project, "first", templates);
    writeSamConfig(project, "second", templates);
    assert.match(read(project), /"second"/);
    writeFileSync(join(project, "samconfig.toml"), "version = 0.1\n");
    writeSamConfig(project, "third", templates);
    assert.equal(read(project), "version = 0.1\n");
  });
});
