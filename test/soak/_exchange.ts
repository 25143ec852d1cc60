// One HTTP exchange as its caller sees it: whole, broken off, or left by the caller itself.

import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { connect } from "node:net";

/** What is asked of a server. */
export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** On a connection of its own, which ends with it. */
  readonly fresh?: boolean;
  /** Leave with the first chunk of the answer, or so many milliseconds after the request was sent. */
  readonly leave?: "first chunk" | number;
  /** Take a rest of so many milliseconds after each chunk. */
  readonly restMs?: number;
}

/** What came of it. */
export interface Got {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly end: "whole" | "broken" | "left";
}

/** The connections of one server's callers. */
export interface Door {
  ask(ask: Ask): Promise<Got>;
  /** Write bytes, and read until the other side closes. */
  raw(bytes: Uint8Array): Promise<string>;
  /** Close the connections that are kept. */
  close(): void;
}

/** An exchange that takes longer hangs. */
const PATIENCE_MS = 60_000;

export function openDoor(url: string): Door {
  const { port: text } = new URL(url);
  const port = Number(text);
  const host = "127.0.0.1";
  const agent = new Agent({ keepAlive: true });
  return {
    ask: ({ method = "POST", path = "/predict", headers = {}, body, fresh = false, leave, restMs }) =>
      new Promise((resolve, reject) => {
        const options = { host, port, method, path, agent: fresh ? false : agent };
        const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
        const chunks: Buffer[] = [];
        let answer: IncomingMessage | undefined;
        let left = false;
        const sent = request({ ...options, headers: { ...length, ...headers } });
        const patience = setTimeout(() => reject(new Error(`${method} ${path} hangs`)), PATIENCE_MS);
        let leaving: NodeJS.Timeout | undefined;

        function goAway(): void {
          left = true;
          sent.destroy();
        }
        function end(): void {
          clearTimeout(patience);
          clearTimeout(leaving);
          const { statusCode: status = 0, headers: known = {}, complete = false } = answer ?? {};
          const whole = complete ? "whole" : "broken";
          resolve({ status, headers: known, body: Buffer.concat(chunks), end: left ? "left" : whole });
        }

        // Who leaves before it has said anything was never there.
        sent.on("finish", () => {
          if (typeof leave === "number") leaving = setTimeout(goAway, leave);
        });
        sent.on("response", (response: IncomingMessage) => {
          answer = response;
          response.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            if (leave === "first chunk") goAway();
            if (restMs === undefined) return;
            response.pause();
            setTimeout(() => response.resume(), restMs);
          });
          response.on("error", () => {}).on("close", end);
        });
        // With an answer that breaks off, both end; without one, only the request does.
        sent.on("error", () => {}).on("close", () => answer === undefined && end());
        sent.end(body);
      }),

    raw: (bytes) =>
      new Promise((resolve, reject) => {
        const patience = setTimeout(() => reject(new Error("a raw connection hangs")), PATIENCE_MS);
        let text = "";
        const socket = connect({ host, port });
        socket.on("data", (chunk) => {
          text += chunk.toString("latin1");
        });
        socket
          .on("error", () => {})
          .on("close", () => {
            clearTimeout(patience);
            resolve(text);
          });
        socket.write(bytes);
      }),

    close: () => agent.destroy(),
  };
}
