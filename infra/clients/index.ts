// `coldframe/client`: calls a deployed model from Node, a browser or an edge runtime. What is exported here is all there
// is of it; nothing below imports a module of Node's.

export {
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  type UnsentRequest,
} from "./client.ts";
export { ColdframeClientError } from "./client-error.ts";
export type { AwsCredentials, CredentialProvider } from "./credentials.ts";
export type { ByteSource } from "./byte-source.ts";
export { readEvents, type ServerSentEvent } from "./events.ts";
export { readNdjson } from "./ndjson.ts";
