// The documents of the templates against their platforms' schemas, with unknown keys refused; and what schemas cannot say.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { deploymentOf } from "../_facts.ts";
import { BICEP, containerApp } from "./_azure.ts";
import { type Kind, KINDS } from "./_kinds.ts";
import { changed, GPU, type Json, PLAIN, render, specOf } from "./_templates.ts";

describe("a document is what its platform takes", () => {
  for (const [path, { of, problems, deployments }] of Object.entries(KINDS)) {
    test(path, () => {
      for (const deployment of deployments) assert.deepEqual(problems(of(deployment)), []);
    });

    test(`${path}: a key that is not known is seen wherever it stands`, () => {
      const [deployment] = deployments as [ServerDeployment];
      const document = of(deployment);
      let places = 0;
      for (const place of mappingsOf(document)) {
        const spoiled = changed(document, (copy) => {
          at(copy, place)["unheardOf"] = { of: 1 };
        });
        assert.notDeepEqual(problems(spoiled), [], `unseen in /${place.join("/")}`);
        places++;
      }
      assert.ok(places > 0);
    });
  }
});

describe("what is wrong is seen", () => {
  const cases: [path: string, why: string, change: (document: Json) => void][] = [
    [
      "gcp/cloudrun.yaml",
      "a container that sets PORT",
      (d) => specOf(d).containers[0].env.push({ name: "PORT", value: "1" }),
    ],
    [
      "gcp/cloudrun.yaml",
      "a startup longer than Cloud Run's",
      (d) => {
        specOf(d).containers[0].startupProbe.failureThreshold = 241;
      },
    ],
    ["gcp/cloudrun.yaml", "no startup probe", (d) => delete specOf(d).containers[0].startupProbe],
    [
      "gcp/cloudrun.yaml",
      "a call of two hours",
      (d) => {
        specOf(d).timeoutSeconds = 7200;
      },
    ],
    ["gcp/cloudrun-gpu.yaml", "a GPU of no kind", (d) => delete specOf(d).nodeSelector],
    [
      "gcp/cloudrun-gpu.yaml",
      "a GPU whose CPU is throttled",
      (d) => {
        d.spec.template.metadata.annotations["run.googleapis.com/cpu-throttling"] = "true";
      },
    ],
    [
      "k8s/base/deployment.yaml",
      "a port that is a text",
      (d) => {
        specOf(d).containers[0].ports[0].containerPort = "8080";
      },
    ],
    ["k8s/base/deployment.yaml", "a container without a name", (d) => delete specOf(d).containers[0].name],
    [
      "k8s/kserve.yaml",
      "a container of another name",
      (d) => {
        d.spec.predictor.containers[0].name = "model";
      },
    ],
    [
      "k8s/kserve.yaml",
      "another protocol",
      (d) => {
        d.spec.predictor.containers[0].env[0].value = "v1";
      },
    ],
    [
      "runpod/load-balancer.yaml",
      "calls that are scaled by a queue",
      (d) => {
        d.scaling = { type: "QUEUE_DELAY", queueDelay: 4 };
      },
    ],
    [
      "runpod/queue.yaml",
      "a number as a variable",
      (d) => {
        d.env.GREETING = 1;
      },
    ],
    [
      "runpod/queue.yaml",
      "a GPU's name for its pool",
      (d) => {
        d.gpu.pools = ["NVIDIA L4"];
      },
    ],
    [
      "baseten/config.yaml",
      "the port of Baseten's proxy",
      (d) => {
        d.docker_server.server_port = 8080;
      },
    ],
    [
      "baseten/config.yaml",
      "a secret with its value",
      (d) => {
        d.secrets.hub_token = "abc";
      },
    ],
    [
      BICEP,
      "more failures than Azure counts",
      (d) => {
        d.properties.template.containers[0].probes[0].failureThreshold = 180;
      },
    ],
    [BICEP, "a probe too few", (d) => d.properties.template.containers[0].probes.pop()],
  ];
  for (const [path, why, change] of cases) {
    test(`${path}: ${why}`, () => {
      const { of, problems, deployments } = KINDS[path] as Kind;
      const document = of(deployments.at(-1) as ServerDeployment);
      assert.deepEqual(problems(document), []);
      assert.notDeepEqual(problems(changed(document, change)), []);
    });
  }
});

describe("containers of Kubernetes", () => {
  /** What a careful cluster refuses; Pod Security Standards, "restricted". */
  function restrictions({ securityContext: pod = {}, containers, volumes = [] }: Json): string[] {
    const [{ securityContext: own = {}, volumeMounts = [] }] = containers;
    const temporary = volumes.find(({ emptyDir }: Json) => emptyDir !== undefined)?.name;
    const rules: [boolean, string][] = [
      [(own.runAsNonRoot ?? pod.runAsNonRoot) === true, "runs as root"],
      [(own.runAsUser ?? pod.runAsUser) > 0, "runs as user 0"],
      [own.allowPrivilegeEscalation === false, "may become root"],
      [own.readOnlyRootFilesystem === true, "may write to its image"],
      [own.capabilities?.drop?.includes("ALL") ?? false, "has capabilities"],
      [(own.seccompProfile ?? pod.seccompProfile)?.type === "RuntimeDefault", "may call all of the kernel"],
      [
        volumeMounts.some(({ name, mountPath }: Json) => name === temporary && mountPath === "/tmp"),
        "has no /tmp",
      ],
    ];
    return rules.flatMap(([holds, otherwise]) => (holds ? [] : [otherwise]));
  }

  const specs: [string, (document: Json) => Json][] = [
    ["k8s/base/deployment.yaml", specOf],
    ["k8s/knative.yaml", specOf],
    ["k8s/kserve.yaml", (document) => document.spec.predictor],
  ];
  for (const [path, spec] of specs) {
    test(`${path} are not root, and write to /tmp alone`, () => {
      const found = spec(render(path));
      assert.deepEqual(restrictions(found), []);
      const breaks: ((copy: Json) => void)[] = [
        (copy) => {
          (copy.containers[0].securityContext.runAsUser === undefined
            ? copy
            : copy.containers[0]
          ).securityContext.runAsUser = 0;
        },
        (copy) => delete copy.containers[0].securityContext.readOnlyRootFilesystem,
        (copy) => delete copy.volumes,
        (copy) => {
          copy.containers[0].securityContext.capabilities.drop = [];
        },
      ];
      for (const change of breaks) assert.equal(restrictions(changed(found, change)).length, 1);
    });
  }

  test("are given a GPU where config.yaml has one, and nowhere else", () => {
    for (const path of ["k8s/knative.yaml", "k8s/kserve.yaml"]) {
      const limitsOf = (deployment: ServerDeployment) => {
        const { spec } = render(path, deployment);
        return (spec.predictor ?? spec.template.spec).containers[0].resources.limits;
      };
      assert.equal(limitsOf(GPU)["nvidia.com/gpu"], 2);
      assert.ok(!("nvidia.com/gpu" in limitsOf(PLAIN)));
    }
  });
});

describe("a model has the time to load that config.yaml gives it", () => {
  const limited = (seconds: number, gpu = false) =>
    deploymentOf(
      `server: { image: registry.example.com/a:1 }\nruntime: { load_timeout_seconds: ${seconds} }\n${gpu ? "resources: { accelerator: L4 }\n" : ""}`,
      "server",
    );
  const budget = ({ periodSeconds, failureThreshold }: Json) => periodSeconds * failureThreshold;
  const seconds: Readonly<Record<string, (document: Json) => number>> = {
    "k8s/base/deployment.yaml": (document) => budget(specOf(document).containers[0].startupProbe),
    "k8s/kserve.yaml": (document) => budget(document.spec.predictor.containers[0].startupProbe),
    "k8s/knative.yaml": (document) =>
      Number.parseInt(
        document.spec.template.metadata.annotations["serving.knative.dev/progress-deadline"],
        10,
      ),
    "gcp/cloudrun.yaml": (document) => budget(specOf(document).containers[0].startupProbe),
    "gcp/cloudrun-gpu.yaml": (document) => budget(specOf(document).containers[0].startupProbe),
    "baseten/config.yaml": (document) => document.runtime.health_checks.startup_threshold_seconds,
  };
  for (const [path, of] of Object.entries(seconds)) {
    test(path, () => {
      for (const wanted of [60, 120]) {
        const { startup_seconds: seconds } = limited(wanted, true);
        assert.ok(seconds > wanted);
        assert.equal(of(render(path, limited(wanted, true))), seconds);
      }
      // What these platforms give at most.
      const longest = limited(1800, path !== "gcp/cloudrun.yaml");
      const most =
        { "gcp/cloudrun.yaml": 240, "gcp/cloudrun-gpu.yaml": 1800 }[path] ?? longest.startup_seconds;
      assert.equal(of(render(path, longest)), most);
    });
  }
});

test("Cloud Run with a GPU is Cloud Run, and what the GPU wants", () => {
  const plain = render("gcp/cloudrun.yaml", GPU);
  const withGpu = changed(render("gcp/cloudrun-gpu.yaml", GPU), (document) => {
    const { template } = document.spec;
    assert.deepEqual(template.spec.nodeSelector, { "run.googleapis.com/accelerator": "nvidia-l4" });
    delete template.spec.nodeSelector;
    delete template.spec.containers[0].resources.limits["nvidia.com/gpu"];
    delete template.metadata.annotations["run.googleapis.com/cpu-throttling"];
    delete template.metadata.annotations["run.googleapis.com/gpu-zonal-redundancy-disabled"];
    template.metadata.annotations["autoscaling.knative.dev/maxScale"] = "10";
  });
  assert.deepEqual(withGpu, plain);
});

test("a GPU that Azure has not is refused", () => {
  assert.throws(() => containerApp(GPU), /nothing has azure/);
});

/** Every mapping of a document that has keys of the platform's own, not the user's. */
function* mappingsOf(value: Json, place: string[] = []): Generator<string[]> {
  if (typeof value !== "object" || value === null) return;
  const key = place.at(-1) ?? "";
  if (FREE.has(key)) return;
  if (!Array.isArray(value)) yield place;
  for (const [name, child] of Object.entries(value)) yield* mappingsOf(child, [...place, name]);
}

/** Their keys are whoever's. */
const FREE = new Set([
  "annotations",
  "environment_variables",
  "env",
  "labels",
  "limits",
  "matchLabels",
  "nodeSelector",
  "requests",
  "secrets",
  "userAssignedIdentities",
]);

function at(document: Json, place: readonly string[]): Json {
  return place.reduce((value, key) => value[key], document);
}
