// ModelFunction, line by line: what it makes of deployment.json and of its props. What AWS thinks of it is in
// validation.infra.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as ecr from "aws-cdk-lib/aws-ecr";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { ModelFunction } from "../../../infra/cdk/index.ts";
import { deploymentOf, FULL } from "../_facts.ts";
import {
  artifactFrom,
  makeApp,
  makeModel,
  ofType,
  outputsOf,
  resourcesOf,
  statementsOf,
  vpc,
} from "./_stacks.ts";

// What AWS's validator says is for the other file: here it would cost seconds.
process.env["CDK_VALIDATION"] = "false";

const PLAIN = "model_name: plain\n";
const KEY = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";
const TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call";
const ALIAS = "arn:aws:lambda:eu-west-1:111122223333:function:ModelFunction:live";

/** With everything on. */
const full = makeModel(FULL, {
  invoker: "999988887777",
  weightsBucket: "create",
  weightsKeyArn: KEY,
  environment: "production",
  alarmTopicArn: TOPIC,
});
const plain = makeModel(PLAIN);

const GPU = `model_name: gpu
resources: { accelerator: L4 }
runtime: { predict_concurrency: 8 }
serverless:
  architecture: x86_64
  managed_instances: { accelerator_memory_gib: 12, memory: 16384, max_vcpus: 32, max_environments: 3 }
`;

const MANAGED = `model_name: managed
serverless: { managed_instances: { memory: 4096, min_environments: 1, max_vcpus: 2 } }
`;

describe("the function", () => {
  test("is what deployment.json describes", () => {
    const { Code, ...properties } = resourcesOf(full)["ModelFunction"]?.Properties ?? {};
    assert.match(Code.S3Key, /^[0-9a-f]{64}\.zip$/);
    assert.deepEqual(properties, {
      Architectures: ["arm64"],
      Description: "Everything a template may have to set.",
      Environment: {
        Variables: {
          GREETING: "hello",
          COLDFRAME_SECRET_HUB_TOKEN: "aws-secretsmanager://sample-model/hub_token",
          COLDFRAME_ENVIRONMENT: "production",
        },
      },
      EphemeralStorage: { Size: 2048 },
      Handler: "index.stream",
      LoggingConfig: {
        LogFormat: "JSON",
        ApplicationLogLevel: "INFO",
        SystemLogLevel: "INFO",
        LogGroup: "FunctionLogGroup",
      },
      MemorySize: 3008,
      RecursiveLoop: "Terminate",
      ReservedConcurrentExecutions: 20,
      Role: "FunctionRole.Arn",
      Runtime: "nodejs24.x",
      Timeout: 120,
      TracingConfig: { Mode: "Active" },
    });
  });

  test("has nothing that was not asked for", () => {
    const properties = resourcesOf(plain)["ModelFunction"]?.Properties;
    for (const name of [
      "Description",
      "ReservedConcurrentExecutions",
      "Environment",
      "FunctionName",
      "VpcConfig",
    ]) {
      assert.equal(properties[name], undefined, name);
    }
    assert.deepEqual(properties.TracingConfig, { Mode: "PassThrough" });
    assert.deepEqual(ofType(plain, "AWS::S3::Bucket"), []);
    assert.deepEqual(ofType(plain, "AWS::SQS::Queue"), []);
    assert.deepEqual(ofType(plain, "AWS::Lambda::Permission"), []);
  });

  test("logs as deployment.json says, into a group of its own that goes with the stack", () => {
    const debug = makeModel(`${PLAIN}runtime: { enable_debug_logs: true }\n`, { logRetentionDays: 7 });
    assert.equal(resourcesOf(debug)["ModelFunction"]?.Properties.LoggingConfig.ApplicationLogLevel, "DEBUG");
    assert.deepEqual(resourcesOf(debug)["FunctionLogGroup"]?.Properties, { RetentionInDays: 7 });
    const { Type: _, ...group } = resourcesOf(full)["FunctionLogGroup"] ?? {};
    assert.deepEqual(group, {
      Properties: { RetentionInDays: 30 },
      DeletionPolicy: "Delete",
      UpdateReplacePolicy: "Delete",
    });
  });

  test("is called by its alias, on a version that can be gone back to", () => {
    const { Alias, ...resources } = resourcesOf(full);
    const [[versionId, version] = ["", undefined], ...others] = Object.entries(resources).filter(
      ([, { Type }]) => Type === "AWS::Lambda::Version",
    );
    assert.deepEqual(others, []);
    assert.equal(version?.DeletionPolicy, "Retain");
    assert.deepEqual(Alias?.Properties, {
      FunctionName: "ModelFunction",
      FunctionVersion: `${versionId}.Version`,
      Name: "live",
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 },
    });
    assert.equal(resourcesOf(plain)["Alias"]?.Properties.ProvisionedConcurrencyConfig, undefined);
  });

  test("publishes a new version for a change of a switch", () => {
    const versions = ["one", "two"].map((environment) => {
      const template = Template.fromStack(Stack.of(makeModel(PLAIN, { environment })));
      return Object.keys(template.findResources("AWS::Lambda::Version"))[0];
    });
    assert.notEqual(versions[0], versions[1]);
  });

  test("has names of CloudFormation's making, unless it is given one", () => {
    const named = /^(Function|Role|LogGroup|Queue|Alarm|CapacityProvider|Policy)Name$/;
    for (const model of [full, makeModel(MANAGED, { vpc: vpc() })]) {
      for (const [id, { Type, Properties }] of Object.entries(resourcesOf(model))) {
        if (/::(Alias|Version|Permission|EventSourceMapping)$/.test(Type)) continue;
        assert.deepEqual(
          Object.keys(Properties).filter((name) => named.test(name)),
          [],
          id,
        );
      }
    }
    const model = makeModel(PLAIN, { functionName: "my-model" });
    assert.equal(resourcesOf(model)["ModelFunction"]?.Properties.FunctionName, "my-model");
  });

  test("takes the switches' defaults from deployment.json, and none from empty values", () => {
    const none = { invoker: "", environment: "", weightsKeyArn: "", alarmTopicArn: "" };
    const off = makeModel(FULL, {
      ...none,
      reservedConcurrency: 0,
      provisionedConcurrency: 0,
      queue: false,
      functionUrl: false,
    });
    const resources = resourcesOf(off);
    assert.equal(resources["ModelFunction"]?.Properties.ReservedConcurrentExecutions, undefined);
    assert.equal(
      resources["ModelFunction"]?.Properties.Environment.Variables.COLDFRAME_ENVIRONMENT,
      undefined,
    );
    assert.equal(resources["Alias"]?.Properties.ProvisionedConcurrencyConfig, undefined);
    assert.deepEqual(
      Object.keys(resources).filter((id) => /Url|Queue|Bucket|Permission/.test(id)),
      [],
    );
    assert.deepEqual(
      [off.url, off.queue, off.deadLetterQueue, off.bucket],
      [undefined, undefined, undefined, undefined],
    );
    assert.doesNotMatch(JSON.stringify(resources), /ConsumeQueue|DecryptWeights|AlarmActions/);

    const on = makeModel(PLAIN, { queue: true, reservedConcurrency: 11, provisionedConcurrency: 3 });
    assert.equal(resourcesOf(on)["ModelFunction"]?.Properties.ReservedConcurrentExecutions, 11);
    assert.equal(
      ofType(on, "AWS::Lambda::Alias")[0].ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions,
      3,
    );
    assert.equal(ofType(on, "AWS::Lambda::EventSourceMapping").length, 1);
  });
});

describe("the role", () => {
  const roleOf = (model: ModelFunction) => resourcesOf(model)["FunctionRole"]?.Properties;

  test("may do what deployment.json says, and use its own log group, queue and key", () => {
    const { iam: facts, queue } = deploymentOf(FULL, "lambda");
    const placed = JSON.stringify(facts)
      .replaceAll("${AWS::Partition}", "aws")
      .replaceAll("${AWS::Region}", "eu-west-1")
      .replaceAll("${AWS::AccountId}", "111122223333")
      .replaceAll("${SecretsPrefix}", "sample-model/");
    const { Policies, ...role } = roleOf(full);
    assert.deepEqual(role, {
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "lambda.amazonaws.com" } },
        ],
      },
    });
    assert.equal(Policies.length, 1);
    assert.deepEqual(statementsOf(Policies[0].PolicyDocument), [
      ...JSON.parse(placed),
      {
        Sid: "WriteLogs",
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
        Resource: ["FunctionLogGroup.Arn"],
      },
      { Sid: "ConsumeQueue", Effect: "Allow", Action: queue.actions, Resource: ["Queue.Arn"] },
      {
        Sid: "DecryptWeights",
        Effect: "Allow",
        Action: ["kms:Decrypt"],
        Resource: [KEY],
        Condition: { StringEquals: { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } },
      },
    ]);
    // Nothing beside the role says more.
    assert.deepEqual(ofType(full, "AWS::IAM::Policy"), []);
    assert.equal(ofType(full, "AWS::IAM::Role").length, 1);
  });

  test("of a plain model writes logs, and no more", () => {
    const [policy] = roleOf(plain).Policies;
    assert.deepEqual(
      statementsOf(policy.PolicyDocument).map(({ Sid }) => Sid),
      ["WriteLogs"],
    );
  });

  test("reads secrets where secretsPrefix says, of whatever characters it may have", () => {
    for (const secretsPrefix of ["team/models/", "a+b=c.d@e-/"]) {
      const model = makeModel(FULL, { secretsPrefix });
      const { Variables } = resourcesOf(model)["ModelFunction"]?.Properties.Environment ?? {};
      assert.equal(Variables.COLDFRAME_SECRET_HUB_TOKEN, `aws-secretsmanager://${secretsPrefix}hub_token`);
      const statements = statementsOf(roleOf(model).Policies[0].PolicyDocument);
      assert.deepEqual(statements.find(({ Sid }) => Sid === "ReadSecrets").Resource, [
        `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${secretsPrefix}hub_token-??????`,
      ]);
    }
  });

  test("leaves no placeholder of deployment.json unfilled", () => {
    const { ModelFunction: fn, FunctionRole: role } = resourcesOf(full);
    assert.doesNotMatch(JSON.stringify([fn?.Properties.Environment, role]), /\$\{/);
  });

  test("takes grants of other constructs", () => {
    const model = makeModel(PLAIN);
    const table = new dynamodb.Table(Stack.of(model), "Table", {
      partitionKey: { name: "id", type: dynamodb.AttributeType.STRING },
    });
    table.grantReadData(model);
    const [policy] = ofType(model, "AWS::IAM::Policy");
    assert.deepEqual(policy.Roles, ["FunctionRole"]);
  });
});

describe("the URL", () => {
  const permissionsOf = (model: ModelFunction) =>
    ofType(model, "AWS::Lambda::Permission").toSorted((a, b) => b.Action.localeCompare(a.Action));
  const pair = (principal: string, auth: string) => [
    {
      Action: "lambda:InvokeFunctionUrl",
      FunctionName: ALIAS,
      FunctionUrlAuthType: auth,
      Principal: principal,
    },
    {
      Action: "lambda:InvokeFunction",
      FunctionName: ALIAS,
      InvokedViaFunctionUrl: true,
      Principal: principal,
    },
  ];

  test("is on the alias, streams, and allows the origins of config.yaml", () => {
    assert.deepEqual(resourcesOf(full)["FunctionUrl"]?.Properties, {
      AuthType: "AWS_IAM",
      Cors: { AllowOrigins: ["https://app.example.com"], AllowMethods: ["POST"], MaxAge: 600 },
      InvokeMode: "RESPONSE_STREAM",
      Qualifier: "live",
      TargetFunctionArn: ALIAS.replace(/:live$/, ""),
    });
    const cors = "url: { invoke_mode: buffered, cors: { allow_origins: [https://a.example] } }";
    const model = makeModel(`${PLAIN}serverless: { ${cors} }\n`);
    assert.equal(resourcesOf(model)["FunctionUrl"]?.Properties.InvokeMode, "BUFFERED");
    assert.deepEqual(resourcesOf(model)["FunctionUrl"]?.Properties.Cors, {
      AllowOrigins: ["https://a.example"],
    });
    assert.equal(resourcesOf(plain)["FunctionUrl"]?.Properties.Cors, undefined);
  });

  test("gives an invoker both permissions, on the alias", () => {
    assert.deepEqual(permissionsOf(full), pair("999988887777", "AWS_IAM"));
    assert.ok(["InvokerUrlPermission", "InvokerFunctionPermission"].every((id) => id in resourcesOf(full)));
  });

  test("that is public gives everybody both permissions, on the alias, and is bounded", () => {
    const model = makeModel(FULL, { urlAuth: "NONE", invoker: "999988887777", reservedConcurrency: 10 });
    assert.deepEqual(permissionsOf(model), pair("*", "NONE"));
    assert.equal(resourcesOf(model)["ModelFunction"]?.Properties.ReservedConcurrentExecutions, 10);
    const fromConfig = makeModel(`${PLAIN}serverless: { url: { auth: none } }\n`);
    assert.deepEqual(permissionsOf(fromConfig), pair("*", "NONE"));
    assert.equal(resourcesOf(fromConfig)["ModelFunction"]?.Properties.ReservedConcurrentExecutions, 10);
  });

  test("that is not there has no permissions, output or alarm", () => {
    const model = makeModel(FULL, {
      functionUrl: false,
      invoker: "999988887777",
      urlAuth: "NONE",
      reservedConcurrency: 0,
      provisionedConcurrency: 0,
    });
    assert.equal(model.url, undefined);
    assert.deepEqual(permissionsOf(model), []);
    assert.equal(outputsOf(model)["FunctionUrl"], undefined);
    assert.equal(resourcesOf(model)["Url5xxAlarm"], undefined);
  });
});

describe("grants", () => {
  const caller = (model: ModelFunction) =>
    new iam.Role(Stack.of(model), "Caller", { assumedBy: new iam.ServicePrincipal("ec2.amazonaws.com") });
  const granted = (model: ModelFunction) => {
    const [policy] = ofType(model, "AWS::IAM::Policy");
    return statementsOf(policy.PolicyDocument);
  };

  test("grantInvokeUrl: both actions on the alias, each by the URL alone", () => {
    const model = makeModel(PLAIN);
    model.grantInvokeUrl(caller(model));
    assert.deepEqual(granted(model), [
      {
        Effect: "Allow",
        Action: ["lambda:InvokeFunctionUrl"],
        Resource: [ALIAS],
        Condition: { StringEquals: { "lambda:FunctionUrlAuthType": "AWS_IAM" } },
      },
      {
        Effect: "Allow",
        Action: ["lambda:InvokeFunction"],
        Resource: [ALIAS],
        Condition: { Bool: { "lambda:InvokedViaFunctionUrl": true } },
      },
    ]);
  });

  test("grantInvoke: the action of the SDKs, on the alias", () => {
    const model = makeModel(PLAIN);
    model.grantInvoke(caller(model));
    assert.deepEqual(granted(model), [
      { Effect: "Allow", Action: ["lambda:InvokeFunction"], Resource: [ALIAS] },
    ]);
  });

  test("grantInvokeUrl without a URL says what to do instead", () => {
    const model = makeModel(PLAIN, { functionUrl: false });
    assert.throws(() => model.grantInvokeUrl(caller(model)), {
      code: "CONFIG_INVALID",
      message: "Stack/Model has no function URL that could be called.",
      fix: /functionUrl.*grantInvoke/,
    });
  });
});

describe("the weights bucket", () => {
  test("is made under the name of config.yaml, private and encrypted, and stays", () => {
    const { Type: _, ...bucket } =
      resourcesOf(makeModel(FULL, { weightsBucket: "create" }))["WeightsBucket"] ?? {};
    assert.deepEqual(bucket, {
      DeletionPolicy: "RetainExceptOnCreate",
      UpdateReplacePolicy: "Retain",
      Properties: {
        BucketName: "sample-weights",
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
        VersioningConfiguration: { Status: "Enabled" },
        LifecycleConfiguration: {
          Rules: [
            {
              Status: "Enabled",
              NoncurrentVersionExpiration: { NoncurrentDays: 90 },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
      },
    });
  });

  test("is encrypted with the key of the weights", () => {
    assert.deepEqual(resourcesOf(full)["WeightsBucket"]?.Properties.BucketEncryption, {
      ServerSideEncryptionConfiguration: [
        {
          BucketKeyEnabled: true,
          ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: KEY },
        },
      ],
    });
  });

  test("is reached over TLS alone", () => {
    assert.deepEqual(statementsOf(resourcesOf(full)["WeightsBucket/Policy"]?.Properties.PolicyDocument), [
      {
        Effect: "Deny",
        Principal: { AWS: "*" },
        Action: ["s3:*"],
        Resource: ["WeightsBucket.Arn", "WeightsBucket.Arn/*"],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ]);
  });
});

describe("the queue", () => {
  test("and its dead-letter queue are encrypted, and keep what failed", () => {
    const resources = resourcesOf(full);
    assert.deepEqual(resources["Queue"]?.Properties, {
      MessageRetentionPeriod: 4 * 86_400,
      VisibilityTimeout: 720,
      SqsManagedSseEnabled: true,
      RedrivePolicy: { deadLetterTargetArn: "DeadLetterQueue.Arn", maxReceiveCount: 5 },
    });
    assert.deepEqual(resources["DeadLetterQueue"]?.Properties, {
      MessageRetentionPeriod: 14 * 86_400,
      SqsManagedSseEnabled: true,
    });
  });

  test("and its dead-letter queue are reached over TLS alone", () => {
    for (const id of ["Queue", "DeadLetterQueue"]) {
      const { Queues, PolicyDocument } = resourcesOf(full)[`${id}/Policy`]?.Properties ?? {};
      assert.deepEqual(Queues, [id]);
      assert.deepEqual(statementsOf(PolicyDocument), [
        {
          Effect: "Deny",
          Principal: { AWS: "*" },
          Action: ["sqs:*"],
          Resource: [`${id}.Arn`],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ]);
    }
  });

  test("calls the alias, takes back what failed, and no more at a time than config.yaml says", () => {
    assert.deepEqual(resourcesOf(full)["QueueMapping"]?.Properties, {
      BatchSize: 1,
      EventSourceArn: "Queue.Arn",
      FunctionName: "ModelFunction:live",
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
  });
});

describe("alarms", () => {
  const common = {
    ComparisonOperator: "GreaterThanOrEqualToThreshold",
    EvaluationPeriods: 1,
    Period: 300,
    TreatMissingData: "notBreaching",
  };
  const ofFunction = (MetricName: string, Threshold: number, statistic: object = { Statistic: "Sum" }) => ({
    ...common,
    Namespace: "AWS/Lambda",
    MetricName,
    Threshold,
    ...statistic,
    Dimensions: [{ Name: "FunctionName", Value: "ModelFunction" }],
  });
  const alarmsOf = (model: ModelFunction) =>
    Object.fromEntries(
      Object.entries(resourcesOf(model))
        .filter(([, { Type }]) => Type === "AWS::CloudWatch::Alarm")
        .map(([id, { Properties }]) => [id, Properties]),
    );

  test("are at the thresholds of deployment.json, and report to the topic", () => {
    const AlarmActions = [TOPIC];
    assert.deepEqual(alarmsOf(full), {
      ErrorsAlarm: { ...ofFunction("Errors", 1), AlarmActions },
      ThrottlesAlarm: { ...ofFunction("Throttles", 1), AlarmActions },
      DurationAlarm: { ...ofFunction("Duration", 96_000, { ExtendedStatistic: "p99" }), AlarmActions },
      Url5xxAlarm: { ...ofFunction("Url5xxCount", 1), AlarmActions },
      DeadLettersAlarm: {
        ...common,
        Namespace: "AWS/SQS",
        MetricName: "ApproximateNumberOfMessagesVisible",
        Statistic: "Maximum",
        Threshold: 1,
        Dimensions: [{ Name: "QueueName", Value: "DeadLetterQueue.QueueName" }],
        AlarmActions,
      },
    });
    assert.equal(full.alarms.length, 5);
  });

  test("are of what there is", () => {
    const always = ["DurationAlarm", "ErrorsAlarm", "ThrottlesAlarm"];
    const ids = (switches: object) => Object.keys(alarmsOf(makeModel(PLAIN, switches))).toSorted();
    assert.deepEqual(ids({ functionUrl: false }), always);
    assert.deepEqual(ids({ functionUrl: false, queue: true }), ["DeadLettersAlarm", ...always]);
    assert.deepEqual(ids({ functionUrl: true }), [...always, "Url5xxAlarm"]);
    assert.deepEqual(ids({ alarms: false, queue: true }), []);
  });
});

describe("outputs", () => {
  test("have the names that all templates have", () => {
    assert.deepEqual(outputsOf(full), {
      FunctionUrl: "FunctionUrl.FunctionUrl",
      FunctionArn: ALIAS.replace(/:live$/, ""),
      AliasArn: ALIAS,
      RoleArn: "FunctionRole.Arn",
      LogGroupName: "FunctionLogGroup",
      WeightsBucketName: "WeightsBucket",
      QueueUrl: "Queue",
      DeadLetterQueueUrl: "DeadLetterQueue",
    });
    assert.deepEqual(Object.keys(outputsOf(plain)).toSorted(), [
      "AliasArn",
      "FunctionArn",
      "FunctionUrl",
      "LogGroupName",
      "RoleArn",
    ]);
  });

  test("of a second model in the stack have its path in their names, and the first's stay", () => {
    const model = makeModel(PLAIN);
    new ModelFunction(Stack.of(model), "Other", { artifact: artifactFrom(FULL) });
    const names = Object.keys(outputsOf(model));
    assert.ok(names.includes("FunctionUrl"));
    assert.equal(names.filter((name) => name.startsWith("OtherOutputsFunctionUrl")).length, 1);
  });
});

describe("an image", () => {
  const imageOf = (options?: lambda.EcrImageCodeProps) => {
    const repository = ecr.Repository.fromRepositoryName(
      new Stack(makeApp(), "Registry"),
      "Repository",
      "models",
    );
    return lambda.DockerImageCode.fromEcr(repository, {
      tagOrDigest: `sha256:${"0".repeat(64)}`,
      ...options,
    });
  };

  test("takes the zip's place, with the handler as its command", () => {
    const properties = resourcesOf(makeModel(FULL, { image: imageOf() }))["ModelFunction"]?.Properties;
    assert.equal(properties.PackageType, "Image");
    assert.match(properties.Code.ImageUri, /\/models@sha256:0{64}$/);
    assert.deepEqual(properties.ImageConfig, { Command: ["index.stream"] });
    assert.deepEqual([properties.Runtime, properties.Handler], [undefined, undefined]);
    assert.equal(properties.MemorySize, 3008);
  });

  test("keeps a command of its own", () => {
    const model = makeModel(FULL, { image: imageOf({ cmd: ["index.buffered"] }) });
    assert.deepEqual(resourcesOf(model)["ModelFunction"]?.Properties.ImageConfig, {
      Command: ["index.buffered"],
    });
  });

  test("on managed instances has a GPU, one worker and a ceiling", () => {
    const model = makeModel(GPU, {
      image: imageOf(),
      vpc: vpc(),
      instanceTypes: [new ec2.InstanceType("g6.xlarge")],
    });
    const { ModelFunction: fn, ...resources } = resourcesOf(model);
    assert.deepEqual(fn?.Properties.AcceleratorConfig, { AcceleratorMemorySize: 12 });
    assert.deepEqual(fn?.Properties.CapacityProviderConfig, {
      LambdaManagedInstancesCapacityProviderConfig: {
        CapacityProviderArn: "CapacityProvider.Arn",
        PerExecutionEnvironmentMaxConcurrency: 8,
      },
    });
    assert.deepEqual(fn?.Properties.Environment.Variables, { AWS_LAMBDA_NODEJS_WORKER_COUNT: "1" });
    assert.equal(fn?.Properties.MemorySize, 16_384);
    assert.deepEqual(fn?.Properties.Architectures, ["x86_64"]);
    const provider = resources["CapacityProvider"]?.Properties;
    assert.deepEqual(provider.CapacityProviderScalingConfig, { MaxVCpuCount: 32, ScalingMode: "Auto" });
    assert.deepEqual(provider.InstanceRequirements, {
      Architectures: ["x86_64"],
      AllowedInstanceTypes: ["g6.xlarge"],
    });
    assert.equal(provider.VpcConfig.SubnetIds.length, 2);
    assert.equal(provider.VpcConfig.SecurityGroupIds.length, 1);
  });

  test("on managed instances scales its published versions, goes to none, and leaves no old one running", () => {
    const model = makeModel(GPU, { image: imageOf(), vpc: vpc() });
    assert.equal(resourcesOf(model)["ModelFunction"]?.Properties.PublishToLatestPublished, false);
    const version = Object.values(resourcesOf(model)).find(({ Type }) => Type === "AWS::Lambda::Version");
    assert.deepEqual(version?.Properties.FunctionScalingConfig, {
      MinExecutionEnvironments: 0,
      MaxExecutionEnvironments: 3,
    });
    assert.equal(version?.DeletionPolicy, "Delete");
  });
});

test("a zip on managed instances has no GPU", () => {
  const model = makeModel(MANAGED, { vpc: vpc() });
  const properties = resourcesOf(model)["ModelFunction"]?.Properties;
  assert.equal(properties.AcceleratorConfig, undefined);
  assert.equal(properties.Runtime, "nodejs24.x");
  assert.equal(properties.MemorySize, 4096);
  const provider = resourcesOf(model)["CapacityProvider"]?.Properties;
  assert.equal(provider.CapacityProviderScalingConfig.MaxVCpuCount, 2);
});
