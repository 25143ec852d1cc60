// The names of one GPU on the platforms that have it, by the name that Truss has for it in `resources.accelerator`.
// A platform that is not named has none. Sources, November 2026: docs.cloud.google.com/run/docs/configuring/services/gpu,
// docs.cloud.google.com/kubernetes-engine/docs/concepts/gpus, docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-instance.html,
// docs.runpod.io/references/gpu-types, modal.com/docs/guide/gpu, learn.microsoft.com/azure/container-apps/gpu-serverless-overview.

export interface AcceleratorNames {
  /** Node selector run.googleapis.com/accelerator. */
  readonly cloud_run?: string;
  /** Node selector cloud.google.com/gke-accelerator. */
  readonly gke?: string;
  /** The smallest instance with one. */
  readonly sagemaker?: string;
  readonly runpod?: string;
  /** The pool of RunPod that has it, and others of its memory. */
  readonly runpod_pool?: string;
  readonly modal?: string;
  /** Workload profile of Azure Container Apps. */
  readonly azure?: string;
}

export const ACCELERATORS: Readonly<Record<string, AcceleratorNames>> = {
  T4: {
    gke: "nvidia-tesla-t4",
    sagemaker: "ml.g4dn.xlarge",
    modal: "T4",
    azure: "Consumption-GPU-NC8as-T4",
  },
  L4: {
    cloud_run: "nvidia-l4",
    gke: "nvidia-l4",
    sagemaker: "ml.g6.xlarge",
    runpod: "NVIDIA L4",
    runpod_pool: "AMPERE_24",
    modal: "L4",
  },
  A10G: { sagemaker: "ml.g5.xlarge", modal: "A10G" },
  V100: { gke: "nvidia-tesla-v100", sagemaker: "ml.p3.2xlarge" },
  A100: {
    gke: "nvidia-a100-80gb",
    sagemaker: "ml.p4de.24xlarge",
    runpod: "NVIDIA A100 80GB PCIe",
    runpod_pool: "AMPERE_80",
    modal: "A100-80GB",
    azure: "Consumption-GPU-NC24-A100",
  },
  A100_40GB: { gke: "nvidia-tesla-a100", sagemaker: "ml.p4d.24xlarge", modal: "A100-40GB" },
  H100: {
    gke: "nvidia-h100-80gb",
    sagemaker: "ml.p5.48xlarge",
    runpod: "NVIDIA H100 80GB HBM3",
    runpod_pool: "ADA_80_PRO",
    modal: "H100",
  },
  H200: {
    gke: "nvidia-h200-141gb",
    sagemaker: "ml.p5en.48xlarge",
    runpod: "NVIDIA H200",
    runpod_pool: "HOPPER_141",
    modal: "H200",
  },
  B200: { gke: "nvidia-b200", runpod: "NVIDIA B200", modal: "B200" },
};

/** `L4`, or `L4:2` for two of them, as Truss writes it. */
export const ACCELERATOR = new RegExp(`^(${Object.keys(ACCELERATORS).join("|")})(?::([1-8]))?$`);
