// What the schemas of platforms that publish none are made of. Each has as much as our templates may use, and no key more.

import { z } from "zod";
import type { Json } from "./_templates.ts";

/** A name, as Kubernetes allows them. */
export const label = z.string().regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
/** The reference of an image. */
export const image = z.string().regex(/^[\w.-]+(:\d+)?(\/[\w.-]+)+(:[\w.-]+)?$/);
/** Of a URL. */
export const path = z.string().startsWith("/");
/** A port that somebody may listen on. */
export const port = z.int().min(1).max(65_535);
/** Names and values. */
export const variables = z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string());

/** What is wrong with a document, by the path of each problem. */
export const against =
  (schema: z.ZodType) =>
  (document: Json): string[] =>
    schema.safeParse(document).error?.issues.map((issue) => `/${issue.path.join("/")} ${issue.message}`) ??
    [];
