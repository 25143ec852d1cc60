// config.yaml -> artifact, step by step. Each step is a file of this folder; see adapter/README.md for what the
// artifact holds.

import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { checkSize, fillArtifact, type FileSize, measure, totalBytes } from "./artifact.ts";
import { type Bundler, createBundler } from "./bundle.ts";
import { type Inspection, inspectBundle } from "./code-cache.ts";
import { type LoadedConfig, readConfig } from "./config.ts";
import { listData } from "./data-files.ts";
import { type Deployment, deploymentText } from "./deployment.ts";
import { writeEntry } from "./entry.ts";
import { type Example, fitting, readExamples } from "./example-inputs.ts";
import { findModel } from "./model-file.ts";
import { openApiDocument, schemaDocument } from "./openapi.ts";
import { optimizeProject } from "./onnx/project.ts";
import { bundleLate, bundleSdk } from "./parts.ts";
import type { Cpu } from "./platform.ts";
import { type BuildReport, report } from "./report.ts";
import { usesSdk } from "./weights/sdk-use.ts";
import type { Target } from "./runtime-files.ts";
import { writeSamConfig } from "./samconfig.ts";
import { stage } from "./staging.ts";
import { type RenderedTemplates, renderTemplates, sentencesOf, writeTemplates } from "./templates.ts";
import { buildWeights, type MadeFile, pinProject } from "./weights/build.ts";
import type { WeightsFact } from "./weights/facts.ts";
import { writeLock } from "./weights/lock.ts";
import { writeZip } from "./zip.ts";

export type { BuildReport } from "./report.ts";

export interface BuildOptions {
  /** The folder with config.yaml. */
  project: string;
  /** Default: lambda. */
  target?: Target;
  /** Default: <project>/dist; of an incremental build <project>/.coldframe/dev, so that dist/ stays deployable. */
  outDir?: string;
  /** Instead of serverless.architecture. */
  architecture?: "arm64" | "x86_64";
  /** Of a build for Lambda, which is what has a zip and a code cache. Default: true. */
  zip?: boolean;
  /** As `zip`. */
  codeCache?: boolean;
  /** Look every source of weights up again, whatever weights.lock.json says. */
  refreshWeights?: boolean;
  /** Optimise the ONNX models of data_dir for a fast start, and those of `local` folders into <outDir>/weights. */
  optimizeOnnx?: boolean;
  /** For `dev` and `invoke`: sources with `local` are that folder's, no other is looked up, and the lock stays as it is. */
  localWeights?: boolean;
  /** Write the project's templates, filled, to <outDir>/infra. Default: true for `build`. */
  templates?: boolean;
  /** Instead of `server.image`. */
  image?: string;
  onStep?: (step: string) => void;
}

/**
 * Build a project. The last artifact stays as it is unless all goes well.
 * @throws every code of phase "build", MODEL_NOT_EXPORTED, MODEL_NO_PREDICT, MODEL_INVALID; WEIGHTS_NOT_FOUND,
 * WEIGHTS_CORRUPT and WEIGHTS_INVALID for weights that no function could load
 */
export async function build(options: BuildOptions): Promise<BuildReport> {
  const isLambda = (options.target ?? "lambda") === "lambda";
  const incremental = await createIncrementalBuild({
    zip: isLambda,
    codeCache: isLambda,
    templates: true,
    outDir: join(options.project, "dist"),
    ...options,
  });
  try {
    return await incremental.rebuild();
  } finally {
    await incremental.dispose();
  }
}

/** A build that is repeated while its project is edited. */
export interface IncrementalBuild {
  /** Reads config.yaml again too. @throws as `build` does */
  rebuild(): Promise<BuildReport>;
  dispose(): Promise<void>;
}

/** Keep a project's bundler warm; no zip and no code cache by default. Nothing is read before the first `rebuild`. */
export async function createIncrementalBuild(options: BuildOptions): Promise<IncrementalBuild> {
  const outDir = resolve(options.outDir ?? join(options.project, ".coldframe", "dev"));
  const step = options.onStep ?? (() => {});
  const quick = !options.zip && !options.codeCache;
  const bundlers = warmBundlers();

  async function rebuild(): Promise<BuildReport> {
    const started = performance.now();
    step("read config.yaml");
    const loaded = load(options);
    const examples = readExamples(loaded);
    const { data, sentences } = options.optimizeOnnx
      ? await optimizeProject(loaded, listData(loaded, outDir), outDir, step)
      : { data: listData(loaded, outDir), sentences: [] };
    const weightsOptions = {
      data: data.map(({ to }) => to.slice("data/".length)),
      refresh: options.refreshWeights ?? false,
      local: options.localWeights ?? false,
      cacheFor: options.codeCache ? cpuOf(loaded) : undefined,
    };
    if (loaded.weights.length > 0) step("pin the weights");
    const pinned = await pinProject(loaded, weightsOptions);
    step(`bundle ${loaded.modelFile}`);
    const bundle = await (await bundlers.get(loaded, writeEntry(loaded))).bundle();
    const weights = await buildWeights(loaded, pinned, weightsOptions);
    const parts: MadeFile[] =
      loaded.target === "lambda"
        ? [{ path: "late.cjs", contents: await bundleLate(loaded) }]
        : [{ path: "index.js", contents: 'import("./index.mjs");\n' }];
    if (usesSdk(loaded)) parts.push({ path: "aws-sdk.cjs", contents: await bundleSdk(loaded) });
    const staging = await stage(outDir, loaded.target);
    try {
      step("copy addons and data");
      await fillArtifact(
        staging.directory,
        bundle,
        data,
        [...weights.files, ...bundle.parts, ...parts],
        quick,
      );
      step("inspect the model");
      const inspection = await inspectBundle(
        staging.directory,
        loaded,
        cpuOf(loaded),
        options.codeCache ?? false,
        undefined,
        examples,
      );
      const sizes = await writeDocuments(staging.directory, loaded, inspection, examples, weights.facts);
      if (options.zip) step("zip");
      const zipBytes = options.zip ? await writeZip(staging.directory, staging.zip) : undefined;
      const locked = weights.lock !== undefined && writeLock(loaded.project, weights.lock);
      const infra = options.templates ? await renderInfra(loaded, staging.directory) : undefined;
      await staging.swapIn(async () => infra?.write(outDir));
      return {
        ...report(started, outDir, loaded, bundle, inspection, sizes, { ...weights, locked }, zipBytes),
        optimized: [...sentences],
        templates: infra?.templates.rendered.map(({ template }) => join(outDir, template)) ?? [],
        notes: sentencesOf(infra?.templates.unfilled ?? []),
      };
    } finally {
      await staging.discard();
    }
  }

  return { rebuild, dispose: bundlers.dispose };
}

/** One bundler, made anew when config.yaml changes what it was made for. */
function warmBundlers() {
  let warm: { key: string; bundler: Bundler } | undefined;
  async function get(loaded: LoadedConfig, entry: string): Promise<Bundler> {
    const key = `${loaded.target} ${loaded.config.serverless.runtime} ${cpuOf(loaded)}`;
    if (warm?.key !== key) {
      await warm?.bundler.dispose();
      warm = { key, bundler: await createBundler(loaded, entry, cpuOf(loaded)) };
    }
    return warm.bundler;
  }
  return { get, dispose: async () => warm?.bundler.dispose() };
}

function load({ project, target, architecture, image }: BuildOptions): LoadedConfig {
  const loaded = readConfig(project, target);
  findModel(loaded);
  const { serverless, server } = loaded.config;
  return {
    ...loaded,
    config: {
      ...loaded.config,
      serverless: { ...serverless, ...(architecture && { architecture }) },
      server: { ...server, ...(image && { image }) },
    },
  };
}

/** The project's templates with the facts of the artifact in `directory`, to be written beside it. */
async function renderInfra(
  { project }: LoadedConfig,
  directory: string,
): Promise<{ templates: RenderedTemplates; write: (outDir: string) => Promise<void> }> {
  const deployment = JSON.parse(await readFile(join(directory, "deployment.json"), "utf8")) as Deployment;
  const templates = renderTemplates(project, deployment);
  const write = async (outDir: string) => {
    await writeTemplates(outDir, project, templates);
    writeSamConfig(project, deployment.name, templates.rendered);
  };
  return { templates, write };
}

/** schema.json, openapi.json and deployment.json. @throws ARTIFACT_TOO_LARGE */
async function writeDocuments(
  directory: string,
  { target, config }: LoadedConfig,
  inspection: Inspection,
  examples: readonly Example[],
  weights: readonly WeightsFact[],
): Promise<FileSize[]> {
  const { facts, cachedBy } = inspection;
  if (facts !== undefined) {
    const model = { ...facts, examples: fitting(examples, facts.examples) };
    const document = openApiDocument(config, model, target);
    await writeFile(join(directory, "schema.json"), JSON.stringify(schemaDocument(facts)));
    await writeFile(join(directory, "openapi.json"), JSON.stringify(document));
  }
  const sizes = await measure(directory);
  const otherBytes = target === "lambda" ? checkSize(sizes) : totalBytes(sizes);
  const dataBytes = sizes.reduce((sum, { path, bytes }) => sum + (path.startsWith("data/") ? bytes : 0), 0);
  await writeFile(
    join(directory, "deployment.json"),
    deploymentText(target, config, { dataBytes, otherBytes, cachedBy, weights }),
  );
  return measure(directory);
}

function cpuOf({ config }: LoadedConfig): Cpu {
  return config.serverless.architecture === "arm64" ? "arm64" : "x64";
}
