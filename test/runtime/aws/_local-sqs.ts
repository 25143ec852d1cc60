// A small SQS on a socket, as strict as the real one about what it is sent: signatures, the JSON protocol, characters,
// sizes, groups of FIFO queues. Sends only; what it was sent is `messages`.
// Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html, CommonErrors.html; the
// signature is computed from the specification and not by the code that is tested.

import { createHash, createHmac, randomUUID } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface SentMessage {
  readonly QueueUrl: string;
  readonly MessageBody: string;
  readonly MessageAttributes?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}

/** An error in AWS's own name, or what happens to the connection. */
export type SqsFault =
  | { readonly status: number; readonly code: string; readonly message?: string }
  | { readonly connection: "reset" | "hang" };

export interface LocalSqs {
  /** What AWS_* an asker needs. */
  readonly environment: Record<string, string>;
  /** The URL of one of its queues, as AWS would write it. */
  queueUrl(name: string): string;
  readonly messages: SentMessage[];
  /** All requests, those that were refused too. */
  readonly requests: number;
  /** Asked about each request by its number, from 1; the answer in place of the real one. */
  fault: (number: number) => SqsFault | undefined;
  /** Of queues made by SetQueueAttributes; absent: 1 MiB. */
  maximumMessageSize: number;
  /** Ahead of this machine's clock. */
  clockOffsetMs: number;
}

const MAX_BYTES = 1024 * 1024;
const REGION = "eu-west-1";
const ACCOUNT = "111122223333";
const KEY = "AKIAEXAMPLEKEY";
const SECRET = "wJalr/SECRETKEY";
const TOKEN = "TOKEN==";
const FIELDS = [
  "QueueUrl",
  "MessageBody",
  "DelaySeconds",
  "MessageAttributes",
  "MessageSystemAttributes",
  "MessageDeduplicationId",
  "MessageGroupId",
];

export async function startLocalSqs(t: TestContext, queues: readonly string[]): Promise<LocalSqs> {
  let requests = 0;
  const server = createServer(async (request, response) => {
    const number = ++requests;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const date = new Date(Date.now() + local.clockOffsetMs).toUTCString();
    const refuse = (status: number, code: string, message = code) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.0", date });
      response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }));
    };
    const fault = local.fault(number);
    if (fault && "connection" in fault) {
      if (fault.connection === "reset") request.socket.resetAndDestroy();
      return;
    }
    if (fault) return refuse(fault.status, fault.code, fault.message);
    const problem = authenticate(request.method ?? "", request.url ?? "", request.headers, body);
    if (problem) return refuse(403, ...problem);
    accept(request.headers, body, response, refuse);
  });

  function authenticate(
    method: string,
    path: string,
    headers: IncomingHttpHeaders,
    body: string,
  ): [string, string?] | undefined {
    const found =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/((\d{8})\/([^/]+)\/([^/]+)\/aws4_request), SignedHeaders=([^,]+), Signature=(\w{64})$/.exec(
        headers.authorization ?? "",
      );
    if (!found) return ["MissingAuthenticationToken"];
    const [, key, scope = "", day, region, service, names = "", signature] = found;
    if (key !== KEY || headers["x-amz-security-token"] !== TOKEN) return ["UnrecognizedClientException"];
    if (region !== REGION || service !== "sqs") return ["SignatureDoesNotMatch", `scope ${scope}`];
    const time = String(headers["x-amz-date"]);
    const sent = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
    if (!time.startsWith(`${day}T`)) return ["SignatureDoesNotMatch", "date"];
    if (!(Math.abs(Date.now() + local.clockOffsetMs - sent) < 5 * 60_000)) {
      return ["InvalidSignatureException", "Signature expired"];
    }
    const signed = names.split(";");
    const unsigned = ["host", ...Object.keys(headers).filter((name) => name.startsWith("x-amz-"))].filter(
      (name) => !signed.includes(name),
    );
    if (unsigned.length > 0) return ["SignatureDoesNotMatch", `unsigned ${unsigned.join()}`];
    const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
    const canonical = [
      method,
      path,
      "",
      ...signed.map((name) => `${name}:${headers[name]}`),
      "",
      names,
      sha256(body),
    ].join("\n");
    const text = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
    const sign = (secret: string | Buffer, part: string) =>
      createHmac("sha256", secret).update(part).digest();
    const expected = sign(scope.split("/").reduce<string | Buffer>(sign, `AWS4${SECRET}`), text);
    return expected.toString("hex") === signature ? undefined : ["SignatureDoesNotMatch"];
  }

  function accept(
    headers: IncomingHttpHeaders,
    body: string,
    response: ServerResponse,
    refuse: (status: number, code: string, message?: string) => void,
  ): void {
    if (headers["content-type"] !== "application/x-amz-json-1.0")
      return refuse(400, "UnknownOperationException");
    if (headers["x-amz-target"] !== "AmazonSQS.SendMessage") return refuse(400, "UnknownOperationException");
    const message = JSON.parse(body) as SentMessage;
    const { QueueUrl, MessageBody, MessageAttributes = {}, MessageGroupId, MessageDeduplicationId } = message;
    const unknown = Object.keys(message).filter((name) => !FIELDS.includes(name));
    if (unknown.length > 0) return refuse(400, "SerializationException", unknown.join());
    const name = queues.find((queue) => QueueUrl === local.queueUrl(queue));
    if (name === undefined) return refuse(400, "QueueDoesNotExist");
    if (MessageBody === "") return refuse(400, "MissingParameter");
    if (!/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(MessageBody)) {
      return refuse(400, "InvalidMessageContents");
    }
    const attributes = Object.entries(MessageAttributes);
    if (attributes.length > 10) return refuse(400, "InvalidParameterValue", "attributes");
    let bytes = Buffer.byteLength(MessageBody);
    for (const [key, { DataType = "", StringValue, BinaryValue, ...more }] of attributes) {
      const value = StringValue ?? Buffer.from(BinaryValue ?? "", "base64");
      if (
        !/^(String|Number|Binary)(\..+)?$/.test(DataType) ||
        value.length === 0 ||
        Object.keys(more).length > 0
      ) {
        return refuse(400, "InvalidParameterValue", `attribute ${key}`);
      }
      bytes += Buffer.byteLength(key) + Buffer.byteLength(DataType) + Buffer.byteLength(value);
    }
    const limit = Math.min(MAX_BYTES, local.maximumMessageSize);
    if (bytes > limit) {
      const reason = `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`;
      return refuse(400, "InvalidParameterValue", reason);
    }
    if (name.endsWith(".fifo") && !(MessageGroupId && MessageDeduplicationId)) {
      return refuse(400, "MissingParameter", "MessageGroupId");
    }
    if (!name.endsWith(".fifo") && MessageDeduplicationId !== undefined) {
      return refuse(400, "InvalidParameterValue", "MessageDeduplicationId");
    }
    local.messages.push(message);
    response.writeHead(200, { "content-type": "application/x-amz-json-1.0" });
    const MD5OfMessageBody = createHash("md5").update(MessageBody).digest("hex");
    response.end(JSON.stringify({ MessageId: randomUUID(), MD5OfMessageBody }));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const local: LocalSqs = {
    environment: {
      AWS_ACCESS_KEY_ID: KEY,
      AWS_SECRET_ACCESS_KEY: SECRET,
      AWS_SESSION_TOKEN: TOKEN,
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${port}`,
    },
    queueUrl: (name) => `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`,
    messages: [],
    get requests() {
      return requests;
    },
    fault: () => undefined,
    maximumMessageSize: MAX_BYTES,
    clockOffsetMs: 0,
  };
  return local;
}
