// Documents of Kubernetes and Knative against the schemas of kubernetes-models, which look at what they know and let the
// rest pass: here every key that no schema looked at is a problem too.

import { validate as deployment } from "kubernetes-models/_schemas/IoK8sApiAppsV1Deployment";
import { validate as autoscaler } from "kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler";
import { validate as service } from "kubernetes-models/_schemas/IoK8sApiCoreV1Service";
import { validate as budget } from "kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget";
import { validate as podSpec } from "kubernetes-models/_schemas/IoK8sApiCoreV1PodSpec";
import type { Json } from "./_templates.ts";

/** Published without types. */
const KNATIVE = "@kubernetes-models/knative/_schemas/DevKnativeServingPkgApisServingV1Service";
const { validate: knative } = (await import(KNATIVE)) as { validate: unknown };

interface Validate {
  (data: unknown): boolean;
  errors?: readonly { instancePath: string; message?: string; keyword: string; params: object }[] | null;
}

const KINDS: Readonly<Record<string, unknown>> = {
  "apps/v1 Deployment": deployment,
  "autoscaling/v2 HorizontalPodAutoscaler": autoscaler,
  "policy/v1 PodDisruptionBudget": budget,
  "serving.knative.dev/v1 Service": knative,
  "v1 Service": service,
};

/** What is wrong with a document of Kubernetes or Knative. */
export function problemsOf(document: Json): string[] {
  const kind = `${document?.apiVersion} ${document?.kind}`;
  const validate = KINDS[kind];
  return validate ? check(validate as Validate, document) : [`no schema of ${kind}`];
}

/** What is wrong with a PodSpec that stands inside another document. */
export const podProblems = (spec: Json): string[] => check(podSpec as Validate, spec);

function check(validate: Validate, document: object): string[] {
  const seen = new Map<object, Set<PropertyKey>>();
  const isValid = validate(watch(document, seen));
  const wrong = (validate.errors ?? []).map(
    ({ instancePath, keyword, params }) => `${instancePath} ${keyword} ${JSON.stringify(params)}`,
  );
  if (!isValid && wrong.length === 0) wrong.push("invalid");
  return [...wrong, ...unread(document, "", seen)];
}

/** The same object, which writes down what is asked of it. */
function watch<T extends object>(object: T, seen: Map<object, Set<PropertyKey>>): T {
  const keys = seen.get(object) ?? new Set();
  seen.set(object, keys);
  return new Proxy(object, {
    get(target, key) {
      keys.add(key);
      const value = Reflect.get(target, key);
      return typeof value === "object" && value !== null ? watch(value, seen) : value;
    },
  });
}

function unread(value: unknown, path: string, seen: Map<object, Set<PropertyKey>>): string[] {
  if (typeof value !== "object" || value === null) return [];
  const keys = seen.get(value);
  return Object.entries(value).flatMap(([key, child]) =>
    Array.isArray(value) || keys?.has(key)
      ? unread(child, `${path}/${key}`, seen)
      : [`${path}/${key} unknown`],
  );
}
