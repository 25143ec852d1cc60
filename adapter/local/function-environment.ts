// The variables that a process of the function sees: what Lambda sets, what config.yaml declares, and of the parent's
// environment only what the laptop cannot do without: a variable that happens to be set here would not be in the cloud.
// Source: docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.

const FROM_PARENT = [
  ...["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"],
  ...["SystemRoot", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA"],
  ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE"],
  ...["AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"],
];
const REGION = "us-east-1";

export interface FunctionFacts {
  readonly name: string;
  /** `file.export`, as in _HANDLER. */
  readonly handler: string;
  /** Absolute path of the artifact. */
  readonly taskRoot: string;
  readonly memoryMb: number;
  /** `host:port`. */
  readonly runtimeApi: string;
  readonly logStream: string;
}

/** @param extra wins over everything, as far as Lambda lets a function's configuration win */
export function functionEnvironment(
  facts: FunctionFacts,
  extra: Readonly<Record<string, string>>,
  parent: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(parent)) {
    const ours = name.startsWith("COLDFRAME_") && name !== "COLDFRAME_RIC";
    if (value !== undefined && (ours || FROM_PARENT.includes(name))) kept[name] = value;
  }
  const region = parent["AWS_REGION"] ?? parent["AWS_DEFAULT_REGION"] ?? REGION;
  return {
    ...kept,
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    ...extra,
    _HANDLER: facts.handler,
    LAMBDA_TASK_ROOT: facts.taskRoot,
    LAMBDA_RUNTIME_DIR: "/var/runtime",
    AWS_LAMBDA_RUNTIME_API: facts.runtimeApi,
    AWS_LAMBDA_FUNCTION_NAME: facts.name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(facts.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${facts.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: facts.logStream,
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
  };
}

/** `arn:aws:lambda:{region}:{account}:function:{name}` with the account of AWS's own examples. */
export function functionArn(name: string, parent: NodeJS.ProcessEnv = process.env): string {
  return `arn:aws:lambda:${parent["AWS_REGION"] ?? REGION}:012345678912:function:${name}`;
}
