// examples/language as a hono application with the same schema.
import { readFile } from "node:fs/promises";
import { Hono } from "hono";
import { streamHandle } from "hono/aws-lambda";
import { z } from "zod";

const input = z.object({ text: z.string().min(1).max(10_000), top: z.int().min(1).max(50).default(3) });
const labels = await readFile(new URL("data/lande.json", import.meta.url), "utf8").then(JSON.parse, () => ({
  langs: [],
}));

const app = new Hono().post("/predict", async (c) => {
  const parsed = input.safeParse(await c.req.json());
  return parsed.success ? c.json({ language: labels.langs[0] }) : c.json({ error: parsed.error.issues }, 400);
});

export const stream = streamHandle(app);
