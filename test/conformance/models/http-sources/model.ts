// Tells what arrived, and answers in every shape that the services in front of a function treat differently.

import type { Invocation } from "coldframe";

interface Ask {
  readonly do?: string;
  readonly items?: readonly string[];
  readonly bytes?: number;
}

const load = crypto.randomUUID();

export default class Model {
  predict(input: Ask | Uint8Array, { source, request, headers }: Invocation): unknown {
    if (input instanceof Uint8Array) return Uint8Array.from(input).reverse();
    const { items = [], bytes = 0 } = input;
    switch (input.do) {
      case "who":
        return { pid: process.pid, load };
      case "request":
        return {
          ...{ source, method: request?.method, url: request?.url },
          ...{ tag: headers["x-tag"], cookie: headers["cookie"] },
        };
      case "cookies": {
        const answer = new Response("<p>two</p>", { status: 201, headers: { "content-type": "text/html" } });
        answer.headers.append("set-cookie", "a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT");
        answer.headers.append("set-cookie", "b=2; HttpOnly");
        return answer;
      }
      case "nothing":
        return new Response(null, { status: 204 });
      case "stream":
        return speak(items);
      case "fail after":
        return speak(items, new Error("no more"));
      case "text":
        return "x".repeat(bytes);
      case "long header":
        return new Response("short", { headers: { "x-long": "x".repeat(bytes) } });
      default:
        throw new Error("no such act");
    }
  }
}

async function* speak(items: readonly string[], error?: Error) {
  yield* items;
  if (error !== undefined) throw error;
}
