// The kinds of value that config.yaml is made of. Each one's description is the sentence a refusal prints after
// "allowed". Which key takes which is config-schema.ts and weights/schema.ts.

import { z } from "zod";

/** A whole number of `unit`. */
export const whole = (min: number, max: number, unit = "") =>
  z
    .int()
    .min(min)
    .max(max)
    .describe(`${min} to ${max}${unit === "" ? "" : ` ${unit}`}`);

export const flag = z.boolean().describe("true or false");
export const text = z.string().describe("a text");
export const texts = z.array(z.string().min(1)).describe("a list of texts");

/** A file's name without folders. */
export const file = z
  .string()
  .regex(/^(?!\.\.?$)[^/\\\0]+$/)
  .describe("a file name without folders");

/** A folder of the project. */
export const folder = z
  .string()
  .refine((path) => isInside(path))
  .describe("a folder inside the project, relative and without '..'");

/** Anything YAML can say. */
export const freeForm = z
  .record(z.string(), z.json())
  .describe("a mapping of texts, numbers, true, false, null, lists and mappings");

function isInside(path: string): boolean {
  const parts = path.replace(/^\.\//, "").replace(/\/$/, "").split("/");
  return (
    !/^[A-Za-z]:|[\\\0]/.test(path) && parts.every((part) => part !== "" && part !== "." && part !== "..")
  );
}
