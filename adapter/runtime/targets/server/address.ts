// Where the server listens, which each platform says in a variable of its own. Sources: Vertex AI's container
// requirements (AIP_HTTP_PORT); docs.aws.amazon.com/lambda/latest/dg/web-functions-revisions-env-vars.html
// (AWS_LAMBDA_HTTP_ENDPOINT); awslabs.github.io/aws-lambda-web-adapter, "Environment Variables" (AWS_LWA_PORT); Cloud
// Run's and Knative's container contracts (PORT); RunPod's load balancing endpoints (PORT_HEALTH).

import { ColdframeError } from "../../errors.ts";

/** What SageMaker, KServe, Cloud Run and Knative expect. */
export const DEFAULT_PORT = 8080;

const MAX_PORT = 65_535;

export interface Address {
  /** 0 for any free one. */
  readonly port: number;
  /** Without it, every address of the machine: IPv6 with IPv4 where there is IPv6. */
  readonly host?: string;
}

/**
 * The server's own address, and that of health checks where it is another.
 * @throws PORT_UNAVAILABLE for a variable that names no port
 */
export function readAddresses(env: NodeJS.ProcessEnv = process.env): readonly [Address, ...Address[]] {
  const own = readAddress(env);
  const health = readPort(env, "PORT_HEALTH");
  return health === undefined || health === own.port ? [own] : [own, { ...own, port: health }];
}

function readAddress(env: NodeJS.ProcessEnv): Address {
  const vertex = readPort(env, "AIP_HTTP_PORT");
  const endpoint = env["AWS_LAMBDA_HTTP_ENDPOINT"];
  // `coldframe dev` lets nobody in but this machine.
  const host = env["COLDFRAME_HOST"];
  if (vertex === undefined && endpoint) {
    // Lambda asks for exactly this address, such as 0.0.0.0:3000.
    const at = endpoint.lastIndexOf(":");
    const port = toPort(endpoint.slice(at + 1), "AWS_LAMBDA_HTTP_ENDPOINT", endpoint);
    return { port, host: endpoint.slice(0, at).replace(/^\[|\]$/g, "") };
  }
  // What the Lambda Web Adapter connects to, before what it falls back to.
  const adapter = readPort(env, "AWS_LWA_PORT");
  return { port: vertex ?? adapter ?? readPort(env, "PORT") ?? DEFAULT_PORT, ...(host && { host }) };
}

function readPort(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name];
  return text ? toPort(text, name, text) : undefined;
}

function toPort(text: string, name: string, found: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= MAX_PORT) return port;
  throw new ColdframeError(
    "PORT_UNAVAILABLE",
    `${name}=${found} names no port: allowed are 0 to ${MAX_PORT}.`,
  );
}
