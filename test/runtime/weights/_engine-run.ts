// An engine over a data root of its own, and planned files whose source is a scripted server.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { crc32 } from "node:zlib";
import type {
  HttpAnswer,
  HttpSource,
  PlannedFile,
  RemoteFile,
  Verdict,
  WeightsEntry,
} from "../../../adapter/runtime/weights/_contracts.ts";
import {
  createEngine,
  type Engine,
  type EngineOptions,
} from "../../../adapter/runtime/weights/download/engine.ts";
import { type Received, type ScriptedServer, send, sendRange, startServer } from "./_engine-server.ts";

export const MIB = 1024 * 1024;
export const LANE_FILE = join(import.meta.dirname, "_engine-lane.ts");

/** Nothing waits for long, and nothing that a slow machine does counts as a failure. */
export const QUICK = { backoffMs: 1, maxBackoffMs: 4 };

export interface Run {
  readonly engine: Engine;
  readonly root: string;
  /** Paths, in the order they were complete. */
  readonly complete: readonly string[];
  readonly log: readonly string[];
  /** Of a complete file. */
  read(planned: PlannedFile): Buffer;
  /** Names of what is not complete. */
  partials(): readonly string[];
}

/** Ends with the test. @param options.connections by default few; "auto": the engine's own */
export function startEngine(
  t: TestContext,
  {
    connections = 4,
    ...options
  }: Partial<Omit<EngineOptions, "connections">> & {
    readonly root?: string;
    readonly connections?: number | "auto";
  } = {},
): Run {
  const root = options.root ?? newRoot(t);
  const complete: string[] = [];
  const log: string[] = [];
  const engine = createEngine({
    laneFile: LANE_FILE,
    verify: true,
    lanes: 1,
    ...(connections !== "auto" && { connections }),
    environment: {},
    onLog: (message) => log.push(message),
    ...options,
    root,
    timing: { ...QUICK, ...options.timing },
    onFile(planned) {
      complete.push(planned.path);
      return options.onFile?.(planned);
    },
  });
  t.after(async () => {
    engine.stop(new Error("the test is over"));
    await engine.done.catch(() => {});
  });
  return {
    engine,
    root,
    complete,
    log,
    read: ({ id }) => readFileSync(join(root, "blobs", id)),
    partials: () => readdirSync(join(root, "blobs")).filter((name) => name.includes(".")),
  };
}

export function newRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "coldframe-test-"));
  mkdirSync(join(root, "blobs"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** As a source would judge the answers of these tests. */
export function judge({ status, body }: HttpAnswer): Verdict {
  const error = new Error(`status ${status} ${Buffer.from(body)}`.trim());
  if (status === 503) return { action: "retry", slow: true, error };
  if (status >= 500) return { action: "retry", error };
  if (status === 401) return { action: "again", error };
  if (status === 412 || status === 416) return { action: "changed", error };
  return { action: "fail", error };
}

export interface TestSource extends HttpSource {
  /** How often it was asked for a target. */
  readonly asked: () => number;
}

export function sourceOf(origin: string, judgement: HttpSource["judge"] = judge): TestSource {
  let asked = 0;
  return {
    kind: "http",
    async *list() {
      throw new Error("the engine lists nothing");
    },
    async target({ key }) {
      asked++;
      return { url: new URL(`${origin}/${key}?X-Amz-Signature=hidden`), headers: { "x-target": `${asked}` } };
    },
    judge: judgement,
    asked: () => asked,
  };
}

export interface PlanOptions extends Partial<Omit<RemoteFile, "key">> {
  readonly lazy?: boolean;
  readonly id?: string;
  /** Leave out the checksum. */
  readonly unchecked?: boolean;
}

export function plan(
  source: PlannedFile["source"],
  path: string,
  content: Uint8Array,
  { lazy, id, unchecked, ...file }: PlanOptions = {},
): PlannedFile {
  const checksum = { algorithm: "crc32", value: crc32(content).toString(16).padStart(8, "0") } as const;
  const entry: WeightsEntry = { source: "s3://bucket/", mount: "", ...(lazy && { lazy }) };
  return {
    path,
    source,
    entry,
    id: id ?? createHash("sha256").update(path).digest("hex").slice(0, 32),
    file: {
      path,
      key: path,
      size: content.length,
      etag: '"v1"',
      ...(!unchecked && { checksum }),
      ...file,
    },
  };
}

/** Serves files by their key. @param script what is done instead; answers `true` when it has */
export function serveFiles(
  t: TestContext,
  files: Readonly<Record<string, Uint8Array>>,
  script: (request: Received, content: Uint8Array) => unknown = () => false,
  options: Parameters<typeof startServer>[2] = {},
): Promise<ScriptedServer> {
  return startServer(
    t,
    (request) => {
      const content = files[keyOf(request)];
      if (!content) return send(request, "404 Not Found", "NoSuchKey");
      if (script(request, content) !== true) sendRange(request, content);
    },
    options,
  );
}

export const keyOf = ({ path }: Received): string => path.slice(1).split("?")[0] as string;
