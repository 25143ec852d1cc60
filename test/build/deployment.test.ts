// Which of the two handlers a deployment names: decided by its event sources and its function URL.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readConfig } from "../../adapter/build/config.ts";
import { deploymentText } from "../../adapter/build/deployment.ts";
import { eventNames } from "../../adapter/build/runtime-files.ts";
import { takesStreams } from "../../adapter/build/event-sources.ts";
import { deploymentOf, FULL } from "../infra/_facts.ts";
import { makeProject } from "./_project.ts";

function handlerOf(events: string, mode?: string): string {
  const url = mode === undefined ? "" : `  url:\n    invoke_mode: ${mode}\n`;
  const config = readConfig(
    makeProject({ "config.yaml": `serverless:\n  events: [${events}]\n${url}` }),
  ).config;
  const measured = { dataBytes: 0, otherBytes: 0, cachedBy: undefined, weights: [] };
  return (JSON.parse(deploymentText("lambda", config, measured)) as { handler: string }).handler;
}

test("logs are JSON, as detailed as the adapter's own lines", () => {
  for (const [debug, level] of [
    [false, "INFO"],
    [true, "DEBUG"],
  ] as const) {
    const yaml = `runtime: { enable_debug_logs: ${debug} }\n`;
    const { config } = readConfig(makeProject({ "config.yaml": yaml }));
    const measured = { dataBytes: 0, otherBytes: 0, cachedBy: undefined, weights: [] };
    const { logging } = JSON.parse(deploymentText("lambda", config, measured)) as { logging: unknown };
    assert.deepEqual(logging, { log_format: "JSON", application_log_level: level });
  }
});

test("streams are taken by function URLs, REST APIs and plain Invokes, and by nothing else", () => {
  assert.deepEqual(eventNames().filter(takesStreams), ["api-gateway", "direct", "function-url"]);
});

test("a deployment whose sources take no streams has the buffered handler", () => {
  for (const events of ["alb", "vpc-lattice", "sqs", "alb, sqs, s3"]) {
    assert.equal(handlerOf(events), "index.buffered", events);
    assert.equal(handlerOf(events, "response_stream"), "index.buffered", events);
  }
});

test("one source that does is enough for the streaming one: the others get their results from it as well", () => {
  for (const events of ["function-url", "api-gateway", "direct", "alb, function-url", "sqs, direct"]) {
    assert.equal(handlerOf(events), "index.stream", events);
    assert.equal(handlerOf(events, "buffered"), "index.buffered", events);
  }
});

describe("what the function's role may do", () => {
  const statementsOf = (config: string) =>
    Object.fromEntries(deploymentOf(config, "lambda").iam.map(({ Sid, ...statement }) => [Sid, statement]));

  test("is what config.yaml needs, and no more", () => {
    const account = "${AWS::Region}:${AWS::AccountId}";
    assert.deepEqual(statementsOf(FULL), {
      ReadWeights: {
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:GetObjectVersion"],
        Resource: ["arn:aws:s3:::sample-weights/models/v1/*", "arn:aws:s3:::other-weights/vocabulary.json"],
      },
      ListWeights: {
        Effect: "Allow",
        Action: ["s3:ListBucket"],
        Resource: ["arn:aws:s3:::sample-weights"],
        Condition: { StringEquals: { "s3:prefix": "models/v1/" } },
      },
      ReadSecrets: {
        Effect: "Allow",
        Action: ["secretsmanager:GetSecretValue"],
        Resource: [
          `arn:\${AWS::Partition}:secretsmanager:${account}:secret:\${SecretsPrefix}hub_token-??????`,
        ],
      },
      ReadParameters: {
        Effect: "Allow",
        Action: ["ssm:GetParameter"],
        Resource: [`arn:\${AWS::Partition}:ssm:${account}:parameter/prod/api-key`],
      },
      SendResults: {
        Effect: "Allow",
        Action: ["s3:PutObject"],
        Resource: ["arn:${AWS::Partition}:s3:::sample-results/answers/*"],
      },
      WriteTraces: {
        Effect: "Allow",
        Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        Resource: ["*"],
      },
    });
    assert.deepEqual(statementsOf(""), {});
  });

  test("reads one secret once, by the ARN when config.yaml has it", () => {
    const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub-AbCdEf";
    const { ReadSecrets } = statementsOf(
      `secrets: { a: "aws-secretsmanager://${arn}#x", b: "aws-secretsmanager://${arn}#y", c: "aws-ssm:///p:3" }\n`,
    );
    assert.deepEqual(ReadSecrets?.Resource, [arn]);
  });

  test("takes a role where the weights have one of their own", () => {
    const role = "arn:aws:iam::123456789012:role/reader";
    const statements = statementsOf(
      `weights:\n  - source: s3://theirs/model/\n    auth: { auth_method: AWS_OIDC, aws_oidc_role_arn: "${role}" }\n`,
    );
    assert.deepEqual(Object.keys(statements), ["AssumeWeightsRole"]);
    assert.deepEqual(statements["AssumeWeightsRole"]?.Resource, [role]);
  });
});

test("what a container's role may do on AWS is to read its weights and its secrets", () => {
  const ofLambda = deploymentOf(FULL, "lambda");
  const { iam, secret_environment } = deploymentOf(FULL, "server");
  assert.deepEqual(
    iam,
    ofLambda.iam.filter(({ Sid }) => !["SendResults", "WriteTraces"].includes(Sid)),
  );
  assert.deepEqual(secret_environment, ofLambda.secret_environment);
  assert.deepEqual(deploymentOf("", "server").iam, []);
});

describe("how many environments there may be", () => {
  const ofConfig = (config: string) => deploymentOf(config, "lambda");

  test("a public URL has a ceiling, whether or not config.yaml names one", () => {
    assert.equal(ofConfig("").concurrency.reserved, 0);
    assert.equal(ofConfig("serverless: { url: { auth: none } }\n").concurrency.reserved, 10);
    assert.equal(
      ofConfig("serverless: { url: { auth: none }, concurrency: { reserved: 3 } }\n").concurrency.reserved,
      3,
    );
    assert.equal(ofConfig("serverless: { url: { auth: none }, events: [direct] }\n").concurrency.reserved, 0);
  });

  test("a queue uses no more than are reserved", () => {
    const queueOf = (more: string) => ofConfig(`serverless: { events: [sqs]${more} }\n`).queue;
    assert.equal(queueOf("").max_concurrency, 10);
    assert.equal(queueOf(", concurrency: { reserved: 4 }").max_concurrency, 4);
    assert.equal(queueOf(", sqs: { max_concurrency: 50 }").max_concurrency, 50);
    assert.throws(
      () => queueOf(", concurrency: { reserved: 1 }"),
      /allowed at least what a queue may use, 2/,
    );
    assert.throws(
      () => queueOf(", concurrency: { reserved: 4 }, sqs: { max_concurrency: 5 }"),
      /allowed at least/,
    );
  });

  test("no more are kept ready than may be", () => {
    assert.throws(
      () => ofConfig("serverless: { concurrency: { reserved: 2, provisioned: 3 } }\n"),
      /serverless\.concurrency\.provisioned: found 3, allowed at most concurrency\.reserved, 2/,
    );
  });
});

describe("a GPU", () => {
  const managed = "serverless: { managed_instances: { accelerator_memory_gib: 24 } }\n";

  test("of Lambda is on managed instances", () => {
    const config = `resources: { use_gpu: true }\nruntime: { predict_concurrency: 8 }\n${managed}`;
    assert.deepEqual(deploymentOf(config, "lambda").managed_instances, {
      accelerator_memory_gib: 24,
      memory_mb: 2048,
      max_vcpus: 16,
      min_environments: 0,
      max_environments: 4,
      max_concurrency: 8,
    });
    assert.equal(deploymentOf("", "lambda").managed_instances, null);
    assert.throws(
      () => deploymentOf("resources: { accelerator: L4 }\n", "lambda"),
      /managed instances alone/,
    );
    const arm = managed.replace("{ managed", "{ architecture: arm64, managed");
    assert.throws(() => deploymentOf(arm, "lambda"), /found "arm64", allowed "x86_64"/);
  });

  test("of a container has the name that each platform gives it", () => {
    const { gpu } = deploymentOf('resources: { accelerator: "L4:2" }\n', "server");
    assert.partialDeepStrictEqual(gpu, { accelerator: "L4", count: 2, cloud_run: "nvidia-l4" });
    assert.throws(
      () => deploymentOf("resources: { accelerator: RTX }\n", "server"),
      /allowed a GPU such as "L4"/,
    );
  });
});

test("a name is one that Kubernetes, Cloud Run and CloudFormation take", () => {
  for (const [name, label] of [
    ["Sample.model", "sample-model"],
    ["7B_chat", "model-7b-chat"],
    ["a--b-", "a-b"],
    ["x".repeat(64), "x".repeat(52)],
  ] as const) {
    assert.equal(deploymentOf(`model_name: ${name}\n`, "server").name, label);
  }
});

describe("what platforms want in a form of their own", () => {
  const { platforms } = deploymentOf(FULL, "server");

  test("is the model's variables, and its secrets by reference", () => {
    const greeting = { name: "GREETING", value: "hello" };
    const inSecret = (variable: string, key: string, optional: object = {}) => ({
      name: `COLDFRAME_SECRET_${variable}`,
      valueFrom: { secretKeyRef: { name: "sample-model-secrets", key, ...optional } },
    });
    assert.deepEqual(platforms.kubernetes.env, [
      greeting,
      inSecret("HUB_TOKEN", "hub_token"),
      inSecret("API_KEY", "api_key", { optional: true }),
      inSecret("NOTE", "note", { optional: true }),
    ]);
    assert.deepEqual(platforms.cloud_run.env, [
      greeting,
      {
        name: "COLDFRAME_SECRET_HUB_TOKEN",
        valueFrom: { secretKeyRef: { name: "sample-model-hub_token", key: "latest" } },
      },
    ]);
    assert.deepEqual(platforms.runpod.env, {
      GREETING: "hello",
      COLDFRAME_SECRET_HUB_TOKEN: "{{ RUNPOD_SECRET_hub_token }}",
    });
    assert.deepEqual(platforms.baseten.secrets, { hub_token: null });
  });

  test("is time to load, as much as each of them gives", () => {
    const timesOf = (yaml: string) => {
      const { cloud_run, knative, runpod } = deploymentOf(yaml, "server").platforms;
      return [cloud_run.startup_probe.failureThreshold, knative.progress_deadline, runpod.timeout_ms];
    };
    assert.deepEqual(timesOf("server: { request_timeout_seconds: 600 }\n"), [240, "1860s", 600_000]);
    assert.deepEqual(timesOf("runtime: { load_timeout_seconds: 60 }\n"), [120, "120s", 300_000]);
    assert.deepEqual(timesOf("resources: { accelerator: L4 }\n"), [1800, "1860s", 300_000]);
  });

  test("is time for the weights, which load() waits for", () => {
    const of = (yaml: string) => deploymentOf(`runtime: { load_timeout_seconds: 60 }\n${yaml}`, "server");
    assert.deepEqual(of("").startup_probe, { period_seconds: 5, failure_threshold: 24 });
    assert.equal(of("").startup_seconds, 120);
    const { startup_seconds, startup_probe } = of("weights: [{ source: s3://bucket/key }]\n");
    assert.deepEqual([startup_seconds, startup_probe.failure_threshold], [1860, 372]);
    assert.equal(platforms.baseten.startup_seconds, 3000);
  });

  test("is no more grace than a call's time on Knative", () => {
    const graceOf = (yaml: string) => deploymentOf(yaml, "server").platforms.knative.grace_ms;
    assert.equal(graceOf("model_name: a\n"), 30_000);
    assert.equal(graceOf("server: { request_timeout_seconds: 10 }\n"), 10_000);
  });

  test("is an instance of SageMaker that has what the model asks for", () => {
    const typeOf = (resources: string, architecture = "x86_64") => {
      const config = `resources: ${resources}\nserverless: { architecture: ${architecture} }\n`;
      return deploymentOf(config, "server").platforms.sagemaker.instance_type;
    };
    assert.equal(typeOf("{}"), "ml.m5.large");
    assert.equal(typeOf("{ cpu: 500m, memory: 12Gi }"), "ml.m5.xlarge");
    assert.equal(typeOf("{ cpu: 4, memory: 8Gi }", "arm64"), "ml.m6g.xlarge");
    assert.equal(typeOf("{ memory: 1000Gi }"), "ml.m5.12xlarge");
    assert.equal(typeOf("{ accelerator: L4 }"), "ml.g6.xlarge");
    assert.equal(typeOf("{ accelerator: 'L4:2' }"), "ml.g6.12xlarge");
    assert.equal(typeOf("{ accelerator: 'A10G:8' }"), "ml.g5.48xlarge");
    assert.equal(typeOf("{ accelerator: 'H100:8' }"), "ml.p5.48xlarge");
    assert.equal(typeOf("{ use_gpu: true }"), "ml.g5.xlarge");
    assert.equal(typeOf("{ accelerator: B200 }"), null);
    assert.equal(typeOf("{ accelerator: 'T4:8' }"), null);
  });

  test("is a driver for CUDA 12 on those of SageMaker that have an older one", () => {
    const amiOf = (accelerator: string) =>
      deploymentOf(`resources: { accelerator: ${accelerator} }\n`, "server").platforms.sagemaker
        .inference_ami;
    for (const old of ["T4", "A10G", "V100", "A100"]) assert.match(amiOf(old) ?? "", /inference-gpu-2-1$/);
    for (const recent of ["L4", "H100", "H200"]) assert.equal(amiOf(recent), null);
    assert.equal(platforms.sagemaker.inference_ami, null);
  });

  test("is no number that SageMaker refuses", () => {
    const ofConfig = (config: string) => deploymentOf(config, "server");
    const weights = "weights: [{ source: s3://a/b/, mount_location: b }]\n";
    const batch = "runtime: { load_timeout_seconds: 1800, batch: { max_size: 1024 } }\n";
    const long = ofConfig(`${weights}${batch}server: { shutdown_grace_seconds: 120 }\n`);
    assert.ok(long.startup_seconds <= 3600);
    assert.equal(long.platforms.sagemaker.max_concurrent_invocations, 1000);
    assert.equal(long.platforms.sagemaker.grace_ms, 30_000);
    const short = ofConfig("runtime: { load_timeout_seconds: 1 }\nserver: { shutdown_grace_seconds: 3 }\n");
    assert.ok(short.startup_seconds >= 60);
    assert.equal(short.platforms.sagemaker.grace_ms, 3000);
  });

  test("is the GPU by its name there", () => {
    const gpu = deploymentOf("resources: { accelerator: 'L4:2' }\n", "server");
    assert.equal(gpu.platforms.baseten.accelerator, "L4:2");
    assert.equal(gpu.gpu?.runpod_pool, "AMPERE_24");
    assert.equal(platforms.baseten.accelerator, null);
  });
});
