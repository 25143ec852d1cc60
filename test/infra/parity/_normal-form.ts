// What a deployment is, whichever tool makes it: the record that a CloudFormation document and a Terraform module are both
// read into, so that equal deployments are equal values. What the cloud gives is named by its part: `<alias.arn>`.
// Not here: what a tool calls its things. Names, descriptions of alarms and roles, ids of statements on queues and buckets,
// and SAM's own tag decide nothing, and each tool has its own.

import type { Json } from "../cfn/_parse.ts";

/** A value as it is set; `null`: not set. */
export type Fact = Json;

export interface NormalForm {
  readonly function: FunctionFacts;
  readonly alias: { readonly name: Fact; readonly version: Fact; readonly provisioned: Fact };
  readonly url: UrlFacts | null;
  /** In an order of their own. */
  readonly permissions: readonly Permission[];
  readonly logs: { readonly retentionDays: Fact; readonly isKept: boolean };
  readonly role: {
    readonly trust: readonly Statement[];
    readonly statements: readonly Statement[];
    readonly managedPolicies: readonly Fact[];
  };
  /** By metric. */
  readonly alarms: Readonly<Record<string, Alarm>>;
  readonly queue: QueueFacts | null;
  readonly bucket: BucketFacts | null;
  /** By SAM's names. */
  readonly outputs: Readonly<Record<string, Fact>>;
  /** `null`: Lambda's own machines. */
  readonly instances: InstanceFacts | null;
}

export interface FunctionFacts {
  readonly package: "zip" | "image";
  readonly runtime: Fact;
  readonly handler: Fact;
  readonly architectures: Fact;
  readonly description: Fact;
  readonly memoryMb: Fact;
  readonly timeoutSeconds: Fact;
  readonly ephemeralStorageMb: Fact;
  readonly tracing: Fact;
  readonly logging: {
    readonly format: Fact;
    readonly application: Fact;
    readonly system: Fact;
    readonly group: Fact;
  };
  readonly environment: Readonly<Record<string, Fact>>;
  readonly reserved: Fact;
  readonly recursiveLoop: Fact;
  readonly role: Fact;
  readonly tags: readonly Fact[];
}

export interface UrlFacts {
  readonly target: Fact;
  readonly auth: Fact;
  readonly invokeMode: Fact;
  readonly cors: Readonly<Record<string, Fact>> | null;
}

export interface Permission {
  readonly action: Fact;
  readonly principal: Fact;
  readonly authType: Fact;
  readonly viaUrl: Fact;
  readonly target: Fact;
}

export interface Statement {
  readonly sid: Fact;
  readonly effect: Fact;
  readonly principal: Fact;
  readonly actions: readonly Fact[];
  readonly resources: readonly Fact[];
  readonly condition: Fact;
}

export interface Alarm {
  readonly namespace: Fact;
  readonly statistic: Fact;
  readonly threshold: Fact;
  readonly periodSeconds: Fact;
  readonly evaluationPeriods: Fact;
  readonly comparison: Fact;
  readonly missingData: Fact;
  readonly dimensions: Readonly<Record<string, Fact>>;
  readonly actions: readonly Fact[];
}

export interface QueueFacts {
  readonly visibilityTimeoutSeconds: Fact;
  readonly retentionSeconds: Fact;
  readonly isEncrypted: Fact;
  readonly redrive: { readonly target: Fact; readonly maxReceiveCount: Fact };
  readonly policy: readonly Statement[];
  readonly deadLetters: {
    readonly retentionSeconds: Fact;
    readonly isEncrypted: Fact;
    readonly policy: readonly Statement[];
  };
  readonly mapping: {
    readonly source: Fact;
    readonly target: Fact;
    readonly batchSize: Fact;
    readonly responseTypes: Fact;
    readonly maxConcurrency: Fact;
  };
}

export interface BucketFacts {
  readonly name: Fact;
  readonly algorithm: Fact;
  readonly key: Fact;
  readonly hasBucketKey: boolean;
  readonly publicAccess: Readonly<Record<"blockAcls" | "blockPolicy" | "ignoreAcls" | "restrict", Fact>>;
  readonly ownership: Fact;
  readonly versioning: Fact;
  /** Of all rules together: what each does, in an order of their own. */
  readonly lifecycle: readonly string[];
  readonly policy: readonly Statement[];
  /** Whether it outlives the stack, or the module. */
  readonly isKept: boolean;
}

export interface InstanceFacts {
  readonly subnets: Fact;
  readonly securityGroups: Fact;
  readonly architectures: Fact;
  readonly types: Fact;
  readonly maxVcpus: Fact;
  readonly scalingMode: Fact;
  readonly operatorTrust: readonly Statement[];
  readonly operatorPolicies: readonly Fact[];
  readonly maxConcurrency: Fact;
  readonly acceleratorGib: Fact;
  readonly minEnvironments: Fact;
  readonly maxEnvironments: Fact;
  /** Versions that were replaced would keep instances of their own. */
  readonly keepsOldVersions: boolean;
}

/** How long SQS keeps a message of a queue that does not say: four days. */
export const SQS_RETENTION_SECONDS = 345_600;

/**
 * What was not read of a part: each is a fact that nobody would compare.
 * @throws when there is something
 */
export function nothingElse(rest: object, of: string): void {
  const left = Object.keys(rest);
  if (left.length > 0) throw new Error(`of ${of}, nothing here compares ${left.join(", ")}`);
}

/** In an order that does not depend on who wrote them. */
export const sorted = <T>(values: readonly T[]): T[] =>
  values
    .map((value) => [JSON.stringify(value), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => value);
