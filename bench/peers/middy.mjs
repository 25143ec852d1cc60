import { Readable } from "node:stream";
import middy from "@middy/core";
import { executionModeStreamifyResponse } from "@middy/core/StreamifyResponse";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import httpRouter from "@middy/http-router";
import { answer, pieces } from "./answer.mjs";

const routes = [
  {
    method: "POST",
    path: "/predict",
    handler: async (event) => ({
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(answer(event.body)),
    }),
  },
  {
    method: "POST",
    path: "/stream",
    handler: async (event) => ({
      statusCode: 200,
      headers: { "content-type": "text/plain; charset=utf-8" },
      body: Readable.from(pieces(event.body)),
    }),
  },
];

const wrap = (options) =>
  middy(options).use(httpJsonBodyParser()).use(httpErrorHandler()).handler(httpRouter(routes));

export const buffered = wrap({});
export const stream = wrap({ executionMode: executionModeStreamifyResponse });
