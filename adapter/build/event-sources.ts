// What the event sources of runtime/events/ say of themselves, for the build: their files are read as they are.

import { pathToFileURL } from "node:url";
import type { EventSource } from "../runtime/contracts.ts";
import { adapterFile, eventNames } from "./runtime-files.ts";

const SOURCES = new Map(
  await Promise.all(eventNames().map(async (name) => [name, await read(name)] as const)),
);

/** The source of a name in `serverless.events`. */
export function eventSource(name: string): EventSource {
  const source = SOURCES.get(name);
  if (source === undefined) throw new Error(`there is no event source ${name}`);
  return source;
}

/** Whether the source's caller reads an answer while it is made; every other gets it whole. */
export function takesStreams(name: string): boolean {
  const source = eventSource(name);
  return source.kind === "http" ? source.toPrelude !== undefined : source.streams === true;
}

/** The names of the sources that know an event, whatever config.yaml has of them. */
export function sourcesOf(event: unknown): string[] {
  return [...SOURCES].filter(([, source]) => source.matches(event)).map(([name]) => name);
}

async function read(name: string): Promise<EventSource> {
  const file = pathToFileURL(adapterFile(`runtime/events/${name}`)).href;
  return ((await import(file)) as { default: EventSource }).default;
}
