import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { stream as streaming } from "hono/streaming";
import { answer, listening, pieces } from "./server-work.mjs";

const app = new Hono()
  .post("/predict", async (c) => c.json(answer(await c.req.json())))
  .post("/stream", async (c) => {
    const input = await c.req.json();
    c.header("content-type", "text/plain; charset=utf-8");
    return streaming(c, async (out) => {
      for await (const piece of pieces(input)) await out.write(piece);
    });
  });

serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, listening);
