import { Readable } from "node:stream";
import { Router, streamify } from "@aws-lambda-powertools/event-handler/http";
import { answer, pieces } from "./answer.mjs";

const app = new Router({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
app.post("/predict", async ({ req }) => answer(await req.json()));
app.post("/stream", async ({ req }) => ({
  statusCode: 200,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: Readable.from(pieces(await req.json())),
}));

export const buffered = async (event, context) => app.resolve(event, context);
export const stream = streamify(app);
