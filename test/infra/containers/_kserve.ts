// An InferenceService of KServe: a PodSpec with fields of its own beside it.
// Source: github.com/kserve/kserve, pkg/apis/serving/v1beta1 (ComponentExtensionSpec, CustomPredictor).

import { z } from "zod";
import { podProblems } from "./_kubernetes.ts";
import { against, label } from "./_schemas.ts";
import type { Json } from "./_templates.ts";

const predictor = z.strictObject({
  minReplicas: z.int().min(0),
  maxReplicas: z.int().min(1),
  scaleMetric: z.enum(["cpu", "memory", "concurrency", "rps"]),
  scaleTarget: z.int().min(1),
  timeout: z.int().min(1),
  containerConcurrency: z.int().min(0).optional(),
});

const inferenceService = z.strictObject({
  apiVersion: z.literal("serving.kserve.io/v1beta1"),
  kind: z.literal("InferenceService"),
  metadata: z.strictObject({
    name: label,
    annotations: z.strictObject({
      "serving.kserve.io/deploymentMode": z.enum(["RawDeployment", "Standard", "Serverless", "Knative"]),
      "serving.kserve.io/autoscalerClass": z.enum(["hpa", "keda", "external", "none"]),
    }),
  }),
  spec: z.strictObject({ predictor: z.looseObject({}) }),
});

/** Of an InferenceService with a container of its own. */
export function kserveProblems(document: Json): string[] {
  const whole = document?.spec?.predictor ?? {};
  const own = Object.keys(predictor.shape);
  const pick = (isOwn: boolean) =>
    Object.fromEntries(Object.entries(whole).filter(([key]) => own.includes(key) === isOwn));
  const { containers = [] } = whole;
  const problems = [
    ...against(inferenceService)(document),
    ...against(predictor)(pick(true)),
    ...podProblems(pick(false)),
  ];
  const [container] = containers;
  if (container?.name !== "kserve-container") problems.push("no container named kserve-container");
  const protocol = container?.env?.find(({ name }: Json) => name === "PROTOCOL")?.value;
  if (protocol !== "v2") problems.push(`the protocol ${protocol}`);
  return problems;
}
