import { Hono } from "hono";
import { handle, streamHandle } from "hono/aws-lambda";
import { stream as streaming } from "hono/streaming";
import { answer, pieces } from "./answer.mjs";

const app = new Hono()
  .post("/predict", async (c) => c.json(answer(await c.req.json())))
  .post("/stream", async (c) => {
    const input = await c.req.json();
    return streaming(c, async (out) => {
      for await (const piece of pieces(input)) await out.write(piece);
    });
  });

export const buffered = handle(app);
export const stream = streamHandle(app);
