// Each trouble is made in a project of its own, and found. What needs AWS asks servers of this machine.

import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { checkSize, UNZIPPED_LIMIT_BYTES } from "../../adapter/build/artifact.ts";
import { DIRECT_UPLOAD_LIMIT_BYTES } from "../../adapter/build/report.ts";
import { coldframeVersion } from "../../adapter/build/runtime-files.ts";
import { checkArchitecture } from "../../adapter/cli/doctor/architecture.ts";
import { checkArtifact } from "../../adapter/cli/doctor/artifact.ts";
import { checkConfig } from "../../adapter/cli/doctor/config.ts";
import type { Finding } from "../../adapter/cli/doctor/finding.ts";
import { checkHandler } from "../../adapter/cli/doctor/handler.ts";
import { isOffline } from "../../adapter/cli/doctor/network.ts";
import { checkNode } from "../../adapter/cli/doctor/node.ts";
import { checkPackages } from "../../adapter/cli/doctor/packages.ts";
import { type Project, readProject } from "../../adapter/cli/doctor/project.ts";
import { checkTemplates } from "../../adapter/cli/doctor/templates.ts";
import { startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import { elf, type Files, makeFolder, makeProject, PLAIN_MODEL, writeFiles } from "../build/_project.ts";
import { coldframe } from "./_command.ts";

const HOST = process.arch === "arm64" ? "arm64" : "x86_64";
const OTHER = HOST === "arm64" ? "x86_64" : "arm64";

const CONFIG = `model_name: Test\nserverless:\n  architecture: ${HOST}\n`;

const INSTALLED: Files = {
  "node_modules/coldframe/package.json": JSON.stringify({ name: "coldframe", version: coldframeVersion() }),
};

const TEMPLATE = `Resources:
  ModelFunction:
    Properties:
      Handler: !Deployment handler
      MemorySize: !Deployment memory_mb
      FunctionUrlConfig: { InvokeMode: !Deployment function_url.invoke_mode }
`;

const pattern = makeProject({
  "config.yaml": CONFIG,
  "data/words.txt": "hello",
  "infra/sam/template.yaml": TEMPLATE,
  ...INSTALLED,
});

before(() => build({ project: pattern }));

/** A project that was built and has nothing wrong, with `files` on top. */
function built(files: Files = {}): string {
  const folder = makeFolder();
  cpSync(pattern, folder, { recursive: true, preserveTimestamps: true });
  return writeFiles(folder, files);
}

/** Of the checks that look at files. */
async function look(
  check: (project: Project) => Finding[] | Promise<Finding[]>,
  folder: string,
  target?: "lambda" | "server",
): Promise<Finding[]> {
  return check(readProject(folder, target));
}

/** A machine on which nobody has signed in, with a Node of this version on PATH. */
function bareMachine(nodeVersion = process.versions.node): Record<string, string | undefined> {
  const home = makeFolder();
  const bin = join(home, "bin");
  mkdirSync(bin);
  if (nodeVersion === process.versions.node) symlinkSync(process.execPath, join(bin, "node"));
  else {
    writeFileSync(join(bin, "node"), `#!/bin/sh\necho v${nodeVersion}\n`);
    chmodSync(join(bin, "node"), 0o755);
  }
  const inherited = Object.keys(process.env).filter((name) => /^(AWS_|COLDFRAME_|https?_proxy)/i.test(name));
  return {
    ...Object.fromEntries(inherited.map((name) => [name, undefined])),
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: home,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: join(home, "none"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "none"),
  };
}

interface Answer {
  readonly status?: number;
  readonly body?: string;
  /** No answer ever. */
  readonly hang?: true;
}

const CALLER = "arn:aws:iam::111122223333:user/dev";

/** STS and Secrets Manager; by their operation, or for a secret by its name. */
async function startAws(t: TestContext, answers: Readonly<Record<string, Answer>> = {}) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const operation = String(request.headers["x-amz-target"] ?? new URLSearchParams(body).get("Action"));
    const id = operation.startsWith("secretsmanager.") ? (JSON.parse(body).SecretId as string) : "";
    asked.push(`${operation} ${id}`.trim());
    const known =
      operation === "GetCallerIdentity"
        ? { body: `<GetCallerIdentityResponse><Arn>${CALLER}</Arn></GetCallerIdentityResponse>` }
        : refusal("ResourceNotFoundException");
    const answer: Answer = answers[id || operation] ?? known;
    if (answer.hang) return;
    response.writeHead(answer.status ?? 200).end(answer.body ?? "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    asked,
    environment: {
      ...bareMachine(),
      AWS_ENDPOINT_URL_STS: url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "do-not-print-me",
      AWS_REGION: "eu-west-1",
    } as Record<string, string | undefined>,
  };
}

const refusal = (code: string, status = 400): Answer => ({
  status,
  body: JSON.stringify({ __type: code, Message: `User: ${CALLER} may not` }),
});

/** The command, and what it found of one check. */
async function doctor(folder: string, environment: object, check: string) {
  const { status, stdout, stderr } = await coldframe(["doctor", folder, "--json"], undefined, environment);
  assert.equal(stderr, "");
  const { findings, ok } = JSON.parse(stdout) as { findings: Finding[]; ok: boolean };
  assert.equal(status, ok ? 0 : 1);
  assert.equal(
    ok,
    findings.every(({ state }) => state !== "problem"),
  );
  return { ok, stdout, findings, found: findings.filter((finding) => finding.check === check) };
}

const states = (findings: readonly Finding[]) => findings.map(({ state }) => state);

test("a project that was built and is well has nothing to say, and ends well", async (t) => {
  const aws = await startAws(t);
  const { status, stdout, stderr } = await coldframe(["doctor", built()], undefined, aws.environment);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^✓ node {10}Node 24/);
  assert.match(stdout, /^✓ artifact {6}dist\/lambda is what config\.yaml and the model say; /m);
  assert.match(stdout, /^✓ handler {7}index\.stream behind RESPONSE_STREAM\.$/m);
  assert.match(stdout, /^✓ templates {5}infra\/sam\/template\.yaml: filled from this deployment\.json\.$/m);
  assert.match(
    stdout,
    new RegExp(`^✓ credentials {3}found in AWS_ACCESS_KEY_ID: ${CALLER}, in eu-west-1\\.$`, "m"),
  );
  assert.match(stdout, /\n\n0 problems, 10 ok\n$/);
});

test("nothing is written", async (t) => {
  const aws = await startAws(t);
  const folder = built({ "config.yaml": `${CONFIG}  memory: 2048\n` });
  const tree = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [path, statSync(path).mtimeMs]);
  rmSync(join(folder, ".coldframe"), { recursive: true });
  const first = tree();
  await doctor(folder, aws.environment, "config");
  assert.deepEqual(tree(), first);
});

test("a trouble is a line with its way out below, and the exit status is 1", async () => {
  const folder = makeProject({ "config.yaml": "model_name: test\nserverles:\n  memory: 512\n" });
  const { status, stdout, stderr } = await coldframe(["doctor", folder], undefined, bareMachine());
  assert.deepEqual([status, stderr], [1, ""]);
  assert.match(
    stdout,
    /^✗ config {8}config\.yaml:2: serverles: .*serverless.*\n {16}Correct config\.yaml, and run `coldframe doctor` again/m,
  );
  assert.match(stdout, /^- secrets {7}config\.yaml cannot be read\.$/m);
  assert.match(stdout, /^1 problem, \d warnings?, \d skipped, \d ok$/m);
});

test("every problem of config.yaml is told, and the checks that need it are skipped", async () => {
  const folder = built({ "config.yaml": "serverless:\n  memory: 1\n  timeout: 0\n" });
  const { findings, found, ok } = await doctor(folder, bareMachine(), "config");
  assert.equal(ok, false);
  assert.deepEqual(states(found), ["problem", "problem"]);
  assert.match(found[0]?.sentence ?? "", /^config\.yaml:2: serverless\.memory: found 1, allowed 128/);
  assert.ok(found.every(({ fix }) => fix?.startsWith("Correct config.yaml")));
  for (const check of ["packages", "architecture", "artifact", "handler", "secrets", "weights"])
    assert.ok(
      findings.some((one) => one.check === check && one.state === "skipped"),
      check,
    );
  assert.deepEqual(states(findings.filter(({ check }) => check === "templates")), ["ok"]);
});

test("in a folder that is no project, only that is said", async () => {
  const { findings } = await doctor(makeFolder(), bareMachine(), "config");
  assert.deepEqual(
    findings.map(({ check, state }) => [check, state]),
    [
      ["node", "ok"],
      ["config", "problem"],
    ],
  );
});

test("no config.yaml, no model, and a warning of the build", async () => {
  const [absent] = await look(checkConfig, writeFiles(makeFolder(), { "config.yml": "" }));
  assert.deepEqual([absent?.state, absent?.fix], ["problem", "Rename config.yml to config.yaml."]);
  const [model] = await look(checkConfig, writeFiles(makeFolder(), { "config.yaml": "", "model.ts": "" }));
  assert.equal(model?.state, "problem");
  assert.match(model?.sentence ?? "", /^no model\/model\.ts in the project, but model\.ts\.$/);
  assert.match(model?.fix ?? "", /^Rename it, or set model_module_dir: \./);
  const files = { "examples.yaml": "a: [", "config.yaml": "data_dir: nowhere\n" };
  const found = await look(checkConfig, makeProject(files));
  assert.deepEqual(states(found), ["problem", "problem"]);
  assert.match(found[0]?.sentence ?? "", /^examples\.yaml/);
  assert.deepEqual(
    [found[1]?.sentence, found[1]?.fix],
    ["data_dir: nowhere: found no such folder.", "Make the folder, or correct data_dir."],
  );
  const [cpu] = await look(checkConfig, makeProject({ "config.yaml": "resources: { cpu: 4 }\n" }));
  assert.deepEqual([cpu?.state, cpu?.fix], ["warning", "4 cores need serverless.memory: 7076."]);
});

test("node: too old, another on PATH, and none that makes the code cache", async () => {
  const folder = built();
  const machine = bareMachine("20.11.1");
  const project = readProject(folder, undefined, machine as NodeJS.ProcessEnv);
  const [old] = await checkNode({ ...project, node: { path: "/old", version: "20.9.0" } });
  assert.deepEqual(
    [old?.state, old?.sentence, old?.fix],
    ["problem", "Node 20.9.0 runs this, allowed 22 or later.", "Install Node 24."],
  );
  const [shell] = await checkNode(project);
  assert.equal(shell?.state, "warning");
  const { node } = process.versions;
  assert.equal(
    shell?.sentence,
    `\`node\` on PATH is 20.11.1, ${node} runs this, and Node ${node} made the artifact's code cache.`,
  );
  assert.equal(shell?.fix, "Put Node 24 first on PATH, for example with `nvm use 24`.");
  const earlier = built({ "config.yaml": `${CONFIG}  runtime: nodejs22.x\n` });
  const cache = (await checkNode(readProject(earlier, undefined, bareMachine() as NodeJS.ProcessEnv)))[0];
  assert.equal(cache?.sentence, "no code cache: V8 of nodejs22.x refuses it under Lambda's heap flags.");
  assert.equal(cache?.fix, "Set serverless.runtime: nodejs24.x.");
});

test("packages: coldframe absent or of another version, and an import that nobody installed", async () => {
  const folder = makeProject({ "model/model.ts": `import "left-behind";\n${PLAIN_MODEL}` });
  const [absent, missing] = await look(checkPackages, folder);
  assert.deepEqual(
    [absent?.state, absent?.fix],
    ["warning", `Run \`npm install coldframe@${coldframeVersion()}\` in the project.`],
  );
  assert.equal(missing?.state, "problem");
  assert.match(missing?.sentence ?? "", /^model\/model\.ts:1:\d+: Could not resolve "left-behind"/);
  assert.equal(missing?.fix, "Run `npm install left-behind`.");
  const traced = makeProject({ "config.yaml": "runtime: { enable_tracing_data: true }\n", ...INSTALLED });
  const [api] = await look(checkPackages, traced);
  assert.equal(api?.state, "problem");
  assert.match(api?.fix ?? "", /^Run `npm install @opentelemetry\/api`/);
  const other = JSON.stringify({ name: "coldframe", version: "0.0.1" });
  const [version] = await look(checkPackages, makeProject({ "node_modules/coldframe/package.json": other }));
  assert.equal(version?.sentence, `the project has coldframe 0.0.1, and this is ${coldframeVersion()}.`);
  assert.match(version?.fix ?? "", /`npx coldframe doctor`/);
});

const ADDON = {
  "model/model.ts": `import addon from "addon";\nexport default class Model { predict() { return addon; } }\n`,
  "node_modules/addon/package.json": JSON.stringify({ name: "addon", version: "1.2.3", main: "index.js" }),
  "node_modules/addon/index.js": 'module.exports = require("./addon.node");\n',
};

test("architecture: an addon for another processor, onnxruntime-node that crashes, and no code cache", async () => {
  const cpu = HOST === "arm64" ? "arm64" : "x64";
  const foreign = makeProject({
    ...ADDON,
    "config.yaml": CONFIG,
    "node_modules/addon/addon.node": elf(cpu === "x64" ? "arm64" : "x64"),
  });
  const [addon] = await look(checkArchitecture, foreign);
  assert.equal(addon?.state, "problem");
  assert.match(
    addon?.sentence ?? "",
    new RegExp(`^addon 1\\.2\\.3 is built for .*needs linux ${cpu} with glibc`),
  );
  assert.match(addon?.fix ?? "", /^Install it for that platform: `docker run /);
  assert.deepEqual(states(await look(checkPackages, foreign)), ["warning"]);

  writeFiles(foreign, { "node_modules/addon/addon.node": elf(cpu) });
  assert.deepEqual(
    (await look(checkArchitecture, foreign)).map(({ sentence }) => sentence),
    [`${HOST}, as this machine; native packages for it: addon.`],
  );

  const crashes = makeProject({
    "config.yaml": "serverless: { architecture: arm64 }\n",
    "model/model.ts": `import "onnxruntime-node";\n${PLAIN_MODEL}`,
    "node_modules/onnxruntime-node/package.json": JSON.stringify({
      name: "onnxruntime-node",
      version: "1.22.0",
      main: "index.js",
    }),
    "node_modules/onnxruntime-node/index.js": 'require("./onnxruntime.node");\n',
    "node_modules/onnxruntime-node/onnxruntime.node": elf("arm64"),
  });
  const [crash] = await look(checkArchitecture, crashes);
  assert.equal(crash?.sentence, "onnxruntime-node 1.22.0 crashes on arm64 Lambda.");
  assert.match(crash?.fix ?? "", /^Run `npm install onnxruntime-node@latest`/);

  const [cache] = await look(
    checkArchitecture,
    makeProject({ "config.yaml": `serverless: { architecture: ${OTHER} }\n` }),
  );
  assert.equal(cache?.state, "warning");
  assert.match(cache?.sentence ?? "", /^no code cache: it is made on the function's processor/);
  assert.match(cache?.fix ?? "", new RegExp(`^Build on .* Or set serverless\\.architecture: ${HOST}\\.$`));
});

test("artifact: none yet, and one that cannot be read", async () => {
  const [none] = await look(checkArtifact, makeProject());
  assert.deepEqual(
    [none?.state, none?.sentence, none?.fix],
    ["skipped", "there is no dist/lambda yet.", "Run `coldframe build`."],
  );
  const [server] = await look(checkArtifact, makeProject(), "server");
  assert.equal(server?.fix, "Run `coldframe build --target server`.");
  const [broken] = await look(checkArtifact, built({ "dist/lambda/deployment.json": "{" }));
  assert.deepEqual([broken?.state, broken?.fix], ["problem", "Run `coldframe build`."]);
  const older = built({ "dist/lambda/deployment.json": '{ "target": "lambda", "function_url": null }' });
  const { findings } = await doctor(older, bareMachine(), "artifact");
  assert.match(
    findings.find(({ check }) => check === "artifact")?.sentence ?? "",
    /is of another coldframe, and lacks/,
  );
  assert.ok(findings.every(({ sentence }) => !sentence.includes("TypeError")));
});

test("artifact: config.yaml says something else by now, and which", async () => {
  const folder = built({ "config.yaml": `${CONFIG}  memory: 2048\n  timeout: 61\n` });
  const [drift, age] = await look(checkArtifact, folder);
  assert.equal(drift?.state, "problem");
  assert.match(
    drift?.sentence ?? "",
    /^it is not what config\.yaml says: memory_mb is 1769, and would be 2048, /,
  );
  assert.match(drift?.sentence ?? "", /timeout_seconds is 60, and would be 61/);
  assert.equal(drift?.fix, "Run `coldframe build`.");
  assert.deepEqual([age?.state, age?.sentence], ["warning", "newer than it: config.yaml."]);
});

test("artifact: the model, what it imports or its data are newer", async () => {
  const folder = built();
  const later = new Date(Date.now() + 60_000);
  writeFiles(folder, { "model/model.ts": `import "./more.ts";\n${PLAIN_MODEL}`, "model/more.ts": "" });
  for (const file of ["model/model.ts", "model/more.ts", "data/words.txt"])
    utimesSync(join(folder, file), later, later);
  const found = await look(checkArtifact, folder);
  assert.deepEqual(states(found), ["warning"]);
  assert.equal(found[0]?.sentence, "newer than it: model/model.ts, model/more.ts, data/words.txt.");
});

test("artifact: near its limit, over it, a zip too large for a direct upload, and none", async () => {
  const folder = built();
  const artifact = join(folder, "dist/lambda");
  const big = join(artifact, "data/big.bin");
  writeFileSync(big, "");
  truncateSync(big, Math.floor(UNZIPPED_LIMIT_BYTES * 0.9));
  const near = await look(checkArtifact, folder);
  assert.deepEqual(states(near), ["warning", "warning"]);
  assert.equal(near[0]?.sentence, "dist/lambda was changed after it was built.");
  assert.match(
    near[1]?.sentence ?? "",
    /^it has 225\.\d MB unzipped, allowed 250\.0 MB; .*\n +225\.0 MB {2}data\/big\.bin\n/,
  );
  assert.match(near[1]?.fix ?? "", /list them under weights/);

  truncateSync(big, UNZIPPED_LIMIT_BYTES);
  truncateSync(`${artifact}.zip`, DIRECT_UPLOAD_LIMIT_BYTES + 1);
  const [, over, zip] = await look(checkArtifact, folder);
  assert.equal(over?.state, "problem");
  assert.match(over?.sentence ?? "", /^the artifact has 250\.\d MB unzipped, allowed 250\.0 MB/);
  assert.match(over?.fix ?? "", /^Leave files out of data\//);
  assert.equal(zip?.state, "warning");
  assert.match(zip?.fix ?? "", /^Upload it through S3/);

  rmSync(`${artifact}.zip`);
  const absent = (await look(checkArtifact, folder)).at(-1);
  assert.deepEqual(
    [absent?.state, absent?.sentence],
    ["problem", "dist/lambda.zip, which is deployed, is not there."],
  );
});

test("the limit is the build's own", () => {
  assert.doesNotThrow(() => checkSize([{ path: "a", bytes: UNZIPPED_LIMIT_BYTES }]));
  assert.throws(() => checkSize([{ path: "a", bytes: UNZIPPED_LIMIT_BYTES + 1 }]), /250\.0 MB/);
});

test("handler: the artifact streams, and config.yaml buffers", async () => {
  const folder = built({ "config.yaml": `${CONFIG}  url: { invoke_mode: buffered }\n` });
  const [mode] = await look(checkHandler, folder);
  assert.equal(mode?.state, "problem");
  assert.equal(
    mode?.sentence,
    "the artifact has index.stream and RESPONSE_STREAM, config.yaml means index.buffered and BUFFERED.",
  );
  assert.equal(mode?.fix, "Run `coldframe build`, then deploy both together.");
});

test("handler: a public URL without a limit of its own", async () => {
  const url = "  url: { auth: none }\n";
  const [open] = await look(checkHandler, built({ "config.yaml": CONFIG + url }));
  assert.equal(open?.state, "warning");
  assert.match(open?.sentence ?? "", /^the function URL is public, and .*; it is 10\.$/);
  assert.match(open?.fix ?? "", /^Set serverless\.concurrency\.reserved/);
  const limited = `${CONFIG}${url}  concurrency: { reserved: 3 }\n`;
  assert.deepEqual(states(await look(checkHandler, built({ "config.yaml": limited }))), ["ok"]);
});

test("handler: what templates say by themselves is compared with deployment.json", async () => {
  const folder = built({
    "infra/sam/own.yaml":
      "A:\n  Handler: index.buffered\n  InvokeMode: BUFFERED\nB:\n  Handler: !Sub index.buffered\nC:\n  Handler: other.main\n",
    "infra/terraform/main.tf": 'handler = "index.stream"\n  invoke_mode   = "BUFFERED"\n',
  });
  const found = await look(checkHandler, folder);
  assert.deepEqual(
    found.map(({ state, sentence }) => [state, sentence]),
    [
      ["problem", "infra/sam/own.yaml:2 says index.buffered, and deployment.json index.stream."],
      ["problem", "infra/sam/own.yaml:3 says BUFFERED, and deployment.json RESPONSE_STREAM."],
      ["problem", "infra/terraform/main.tf:2 says BUFFERED, and deployment.json RESPONSE_STREAM."],
    ],
  );
  assert.equal(found[0]?.fix, "Write `!Deployment handler` in its place, and build.");
  assert.equal(found[2]?.fix, "Read function_url.invoke_mode of deployment.json in its place.");
});

test("templates: not filled, edited by hand, changed since, and left over", async () => {
  const folder = built({ "dist/infra/old/gone.yaml": "a: 1\n" });
  const output = join(folder, "dist/infra/sam/template.yaml");
  appendFileSync(output, "# by hand\n");
  const [edited, left] = await look(checkTemplates, folder);
  assert.equal(edited?.state, "problem");
  assert.match(
    edited?.sentence ?? "",
    /^dist\/infra\/sam\/template\.yaml is not what .* make: somebody edited it/,
  );
  assert.match(
    edited?.fix ?? "",
    /^Make the change in infra\/sam\/template\.yaml, and run `coldframe build`/,
  );
  assert.deepEqual(
    [left?.state, left?.sentence],
    ["warning", "without a template in infra/: dist/infra/old/gone.yaml."],
  );

  const later = new Date(Date.now() + 60_000);
  writeFiles(folder, { "infra/sam/template.yaml": `${TEMPLATE}# more\n` });
  utimesSync(join(folder, "infra/sam/template.yaml"), later, later);
  const [changed] = await look(checkTemplates, folder);
  assert.match(
    changed?.sentence ?? "",
    /^infra\/sam\/template\.yaml was changed, and .* was not made again\.$/,
  );
  assert.equal(changed?.fix, "Run `coldframe build`.");

  rmSync(output);
  const [absent] = await look(checkTemplates, folder);
  assert.deepEqual(
    [absent?.state, absent?.sentence],
    ["problem", "dist/infra/sam/template.yaml is not there."],
  );
  assert.match(absent?.fix ?? "", /^Run `coldframe build`: this template is for lambda\.$/);
});

test("templates: deployment.json of another build than the filled ones", async () => {
  const folder = built();
  const file = join(folder, "dist/lambda/deployment.json");
  const facts = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...facts, memory_mb: 128 }));
  assert.deepEqual(states(await look(checkTemplates, folder)), ["problem"]);
});

test("templates: one for what the project does not have, one that is no YAML", async () => {
  const gpu = "memory: !Deployment managed_instances.memory_mb\n";
  const folder = built({ "infra/sam/gpu.yaml": gpu, "infra/sam/large.yaml": gpu });
  const found = await look(checkTemplates, folder);
  assert.deepEqual(states(found), ["skipped", "ok"]);
  assert.match(found[0]?.sentence ?? "", /^infra\/sam\/gpu\.yaml, infra\/sam\/large\.yaml: not filled/);
  assert.equal(found[0]?.fix, "Set serverless.managed_instances in config.yaml.");
  const [broken] = await look(checkTemplates, built({ "infra/sam/own.yaml": "a: [!Deployment name\n" }));
  assert.equal(broken?.state, "problem");
  assert.match(broken?.sentence ?? "", /^infra\/sam\/own\.yaml was not rendered: /);
  assert.match(broken?.fix ?? "", /^Correct the template/);
});

test("templates: a container's image that nobody named", async () => {
  const folder = makeProject({ "config.yaml": CONFIG, "infra/k8s/a.yaml": "image: !Deployment image\n" });
  await build({ project: folder, target: "server" });
  const [image] = await look(checkTemplates, folder);
  assert.deepEqual(
    [image?.state, image?.fix],
    ["warning", "Set server.image in config.yaml, or build with --image."],
  );
  await build({ project: folder, target: "server", image: "registry.example.com/test:1" });
  assert.deepEqual(states(await look(checkTemplates, folder)), ["ok"]);
  assert.deepEqual(states(await look(checkArtifact, folder)), ["ok"]);
});

test("templates: a samconfig.toml that deploys something else", async () => {
  const own = built({
    "samconfig.toml": '[default.deploy.parameters]\ntemplate_file = "infra/sam/template.yaml"\n',
  });
  const [stray] = await look(checkTemplates, own);
  assert.equal(stray?.state, "warning");
  assert.equal(
    stray?.sentence,
    "samconfig.toml deploys infra/sam/template.yaml, and the build fills dist/infra/sam/template.yaml.",
  );
  assert.match(stray?.fix ?? "", /^Write template_file = "dist\/infra\/sam\/template\.yaml"/);
});

const SECRETS = `${CONFIG}secrets: { hub.token: null, note: fallback }\n`;

const CREATE =
  "Run `aws secretsmanager create-secret --name test/hub.token --secret-string file://hub.token.txt`, with the value in that file.";

test("secrets: none here, and none where the templates look", async (t) => {
  const aws = await startAws(t);
  const folder = makeProject({ "config.yaml": SECRETS });
  const { found, ok, stdout } = await doctor(folder, aws.environment, "secrets");
  assert.equal(ok, false);
  const [here, stored] = found;
  assert.equal(here?.state, "warning");
  assert.match(here?.fix ?? "", /^Set COLDFRAME_SECRET_HUB_TOKEN, or give it a default/);
  assert.deepEqual(
    [stored?.state, stored?.sentence, stored?.fix],
    [
      "problem",
      '"hub.token" of a deployment is the secret test/hub.token of Secrets Manager, and there is none in eu-west-1.',
      CREATE,
    ],
  );
  assert.deepEqual(aws.asked.toSorted(), [
    "GetCallerIdentity",
    "secretsmanager.DescribeSecret test/hub.token",
  ]);
  assert.doesNotMatch(stdout, /do-not-print-me/);
});

test("secrets: a value here is not shown, and one that AWS has is only described", async (t) => {
  const aws = await startAws(t, { "test/hub.token": {} });
  const folder = makeProject({ "config.yaml": SECRETS });
  const environment = { ...aws.environment, COLDFRAME_SECRET_HUB_TOKEN: "hunter2" };
  const { found, stdout } = await doctor(folder, environment, "secrets");
  assert.deepEqual(
    found.map(({ state, sentence }) => [state, sentence]),
    [["ok", "hub.token, note: each has a value."]],
  );
  assert.doesNotMatch(stdout, /hunter2|fallback/);
  assert.ok(aws.asked.every((operation) => !operation.includes("GetSecretValue")));
});

test("secrets: not allowed to ask, about to be deleted, and nobody to ask", async (t) => {
  const folder = makeProject({ "config.yaml": SECRETS });
  const value = { COLDFRAME_SECRET_HUB_TOKEN: "hunter2" };
  const denied = await startAws(t, { "test/hub.token": refusal("AccessDeniedException") });
  const [refused] = (await doctor(folder, { ...denied.environment, ...value }, "secrets")).found;
  assert.equal(refused?.state, "skipped");
  assert.equal(
    refused?.fix,
    `Allow \`secretsmanager:DescribeSecret\` on \`arn:aws:secretsmanager:eu-west-1:*:secret:test/hub.token-??????\` to ${CALLER}.`,
  );
  const leaving = await startAws(t, { "test/hub.token": { body: '{"DeletedDate": 1700000000}' } });
  const [deleted] = (await doctor(folder, { ...leaving.environment, ...value }, "secrets")).found;
  assert.deepEqual(
    [deleted?.state, deleted?.fix],
    ["problem", "Run `aws secretsmanager restore-secret --secret-id test/hub.token`."],
  );
  const nobody = { ...bareMachine(), AWS_REGION: "eu-west-1", ...value };
  const [unknown] = (await doctor(folder, nobody, "secrets")).found;
  assert.deepEqual([unknown?.state, unknown?.fix], ["skipped", CREATE]);
  assert.match(unknown?.sentence ?? "", /there are no AWS credentials here/);
});

test("credentials: none, half of them, refused, and a profile that is not used", async (t) => {
  const plain = makeProject({ "config.yaml": CONFIG });
  const needy = makeProject({ "config.yaml": `${CONFIG}secrets: { key: "aws-ssm:///prod/key" }\n` });
  const [none] = (await doctor(plain, bareMachine(), "credentials")).found;
  assert.equal(none?.state, "warning");
  assert.match(none?.fix ?? "", /^Sign in with `aws sso login`/);
  const [needed] = (await doctor(needy, bareMachine(), "credentials")).found;
  assert.equal(needed?.state, "problem");
  assert.match(needed?.sentence ?? "", /and secrets that AWS keeps need them\.$/);
  const half = { ...bareMachine(), AWS_ACCESS_KEY_ID: "AKIAEXAMPLE" };
  const [missing] = (await doctor(plain, half, "credentials")).found;
  assert.match(missing?.sentence ?? "", /^AWS_SECRET_ACCESS_KEY is not set, and its other half is\./);

  const expired: Answer = { status: 403, body: "<ErrorResponse><Code>ExpiredToken</Code></ErrorResponse>" };
  const aws = await startAws(t, { GetCallerIdentity: expired });
  const environment = { ...aws.environment, AWS_PROFILE: "work", AWS_REGION: undefined };
  const [profile, region, refused] = (await doctor(plain, environment, "credentials")).found;
  assert.match(profile?.sentence ?? "", /so the profile work of AWS_PROFILE is not used\.$/);
  assert.match(profile?.fix ?? "", /^Unset AWS_ACCESS_KEY_ID/);
  assert.deepEqual([region?.state, region?.fix], ["warning", "Set AWS_REGION, or `region` of the profile."]);
  assert.match(
    refused?.sentence ?? "",
    /^found in AWS_ACCESS_KEY_ID: AWS refuses these credentials as expired/,
  );
  assert.match(refused?.fix ?? "", /^Put new ones into AWS_ACCESS_KEY_ID/);
});

test("credentials: those of another store are not shown to AWS", async (t) => {
  const aws = await startAws(t);
  const environment = {
    ...aws.environment,
    AWS_ENDPOINT_URL_STS: undefined,
    AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9",
  };
  const [found] = (await doctor(makeProject({ "config.yaml": CONFIG }), environment, "credentials")).found;
  assert.equal(found?.state, "skipped");
  assert.match(found?.sentence ?? "", /was not asked: AWS_ENDPOINT_URL_S3 names another store/);
  assert.deepEqual(aws.asked, []);
});

async function startStore(t: TestContext) {
  const s3 = await startLocalS3({ buckets: ["models", { name: "far", region: "eu-west-1" }] });
  t.after(() => s3.close());
  const environment = {
    ...bareMachine(),
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_REGION: s3.region,
  } as Record<string, string | undefined>;
  return { s3, environment };
}

const weighing = (...sources: string[]) =>
  makeProject({
    "config.yaml": `${CONFIG}weights:\n${sources.map((source) => `  - source: ${source}\n`).join("")}`,
  });

test("weights: readable and not pinned; pinned; replaced since; more than was pinned", async (t) => {
  const { s3, environment } = await startStore(t);
  await s3.put("models", "nets/a.bin", "alpha");
  const folder = weighing("s3://models/nets/");
  const [unpinned] = (await doctor(folder, environment, "weights")).found;
  assert.deepEqual(
    [unpinned?.state, unpinned?.sentence, unpinned?.fix],
    ["warning", "s3://models/nets/ is not pinned.", "Run `coldframe build`, and commit weights.lock.json."],
  );
  assert.equal((await coldframe(["build", folder], undefined, environment)).status, 0);
  const well = await doctor(folder, environment, "weights");
  assert.deepEqual(
    well.found.map(({ state, sentence }) => [state, sentence]),
    [["ok", "s3://models/nets/: can be read."]],
  );
  assert.deepEqual(states(well.findings.filter(({ check }) => check === "artifact")), ["ok"]);
  assert.equal(s3.requests.filter(({ method, key }) => method === "GET" && key !== "").length, 0);

  await s3.put("models", "nets/b.bin", "beta");
  const [more] = (await doctor(folder, environment, "weights")).found;
  assert.equal(more?.sentence, "s3://models/nets/ has more than weights.lock.json pins: nets/b.bin.");
  await s3.put("models", "nets/a.bin", "omega");
  const { ok, found } = await doctor(folder, environment, "weights");
  assert.equal(ok, false);
  assert.deepEqual(
    [found[0]?.state, found[0]?.sentence, found[0]?.fix],
    [
      "problem",
      "s3://models/nets/ is not what weights.lock.json pins: nets/a.bin changed or went.",
      "Run `coldframe build --refresh-weights`, and commit weights.lock.json.",
    ],
  );
});

test("weights: absent, forbidden, nobody there, in another region; each with its way out", async (t) => {
  const { s3, environment } = await startStore(t);
  await s3.put("models", "secret.bin", "alpha");
  await s3.put("far", "a.bin", "alpha");
  s3.setCredentials({
    ...s3.credentials,
    deny: [{ action: "s3:GetObject", arn: "arn:aws:s3:::models/secret.bin" }],
  });
  const folder = weighing(
    "s3://models/gone/",
    "s3://models/secret.bin",
    "http://127.0.0.1:9/net.bin",
    "s3://far/a.bin",
    "file:///mnt/volume/",
  );
  const { found } = await doctor(folder, environment, "weights");
  const of = (text: string) => found.filter(({ sentence }) => sentence.includes(text));
  assert.deepEqual(states(of("there is nothing below s3://models/gone/")), ["problem"]);
  assert.match(of("nothing below")[0]?.fix ?? "", /^Check the spelling of source/);
  const [forbidden] = of("S3 refuses access to s3://models/secret.bin");
  assert.equal(forbidden?.state, "problem");
  assert.match(forbidden?.fix ?? "", /^Allow s3:GetObject on arn:aws:s3:::models\/secret\.bin/);
  const [nobody] = of("127.0.0.1:9");
  assert.equal(nobody?.state, "problem");
  assert.ok(nobody?.fix);
  const [region] = of("is in eu-west-1, not in us-east-1");
  assert.equal(region?.state, "warning");
  assert.match(region?.sentence ?? "", /`region: eu-west-1` in its entry of config\.yaml/);
  assert.deepEqual(states(of("file:///mnt/volume/ is a path of the function's machine")), ["skipped"]);
});

test("weights: they do not fit, and a lock that nobody can read", async (t) => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-length": String(2 * 2 ** 30), "accept-ranges": "bytes" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const folder = weighing(`http://127.0.0.1:${(server.address() as AddressInfo).port}/net.bin`);
  writeFiles(folder, { "weights.lock.json": "<<<<<<< ours\n" });
  const { found } = await doctor(folder, bareMachine(), "weights");
  const room = found.find(({ sentence }) => sentence.includes("/tmp 512 MB"));
  assert.equal(room?.state, "warning");
  assert.match(room?.fix ?? "", /^Write serverless\.ephemeral_storage: \d+\.$/);
  const lock = found.find(({ sentence }) => sentence.includes("merge conflict"));
  assert.equal(lock?.state, "problem");
  assert.match(lock?.fix ?? "", /coldframe build --refresh-weights/);
});

test("whoever does not answer is not waited for", async (t) => {
  const { s3, environment } = await startStore(t);
  s3.on(() => ({ connection: "hang" }));
  const aws = await startAws(t, { GetCallerIdentity: { hang: true }, "test/hub": { hang: true } });
  const folder = weighing("s3://models/a.bin");
  appendFileSync(join(folder, "config.yaml"), "secrets: { hub: null }\n");
  const silent = bareMachine();
  const profile = join(silent["HOME"] ?? "", "config");
  writeFileSync(profile, "[default]\ncredential_process = sleep 8\n");
  const [{ findings }, { found }] = await Promise.all([
    doctor(folder, { ...aws.environment, ...environment, ...urls(aws) }, "weights"),
    doctor(makeProject({ "config.yaml": CONFIG }), { ...silent, AWS_CONFIG_FILE: profile }, "credentials"),
  ]);
  assert.equal(found[0]?.sentence, "they cannot be read: there was no answer within 5 s.");
  const of = (name: string) => findings.filter(({ check }) => check === name);
  assert.match(of("weights")[0]?.sentence ?? "", /was not listed within 5 s/);
  assert.deepEqual(of("weights")[0]?.state, "warning");
  assert.equal(of("credentials")[0]?.state, "skipped");
  assert.ok(of("secrets").some(({ state, fix }) => state === "skipped" && fix?.includes("--name test/hub ")));
});

test("weights of a public bucket need nobody's credentials", async (t) => {
  const s3 = await startLocalS3({
    buckets: [{ name: "public", publicActions: ["s3:GetObject", "s3:ListBucket"] }, "private"],
  });
  t.after(() => s3.close());
  for (const bucket of ["public", "private"]) await s3.put(bucket, "a.bin", "alpha");
  const environment = { ...bareMachine(), AWS_ENDPOINT_URL_S3: s3.url };
  const open = await doctor(weighing("s3://public/a.bin"), environment, "credentials");
  assert.deepEqual([open.ok, ...states(open.found)], [true, "warning"]);
  const closed = await doctor(weighing("s3://private/a.bin"), environment, "credentials");
  assert.deepEqual([closed.ok, ...states(closed.found)], [false, "problem"]);
});

test("weights: a machine without a network says nothing of them", async () => {
  const refused = "look up models.example: getaddrinfo ENOTFOUND models.example";
  assert.equal(await isOffline("connect ECONNREFUSED 127.0.0.1:9", async () => false), false);
  assert.equal(await isOffline("getaddrinfo EAI_AGAIN models.example", async () => true), true);
  assert.equal(await isOffline(refused, async () => true), false);
  assert.equal(await isOffline(refused, async () => false), true);
});

const urls = ({ environment }: { environment: Record<string, string | undefined> }) => ({
  AWS_ENDPOINT_URL_STS: environment["AWS_ENDPOINT_URL_STS"],
  AWS_ENDPOINT_URL_SECRETS_MANAGER: environment["AWS_ENDPOINT_URL_SECRETS_MANAGER"],
});

test("a server has no handler, and needs nobody's credentials", async () => {
  const folder = makeProject({ "config.yaml": CONFIG });
  const { status, stdout } = await coldframe(
    ["doctor", folder, "--target", "server", "--json"],
    undefined,
    bareMachine(),
  );
  const { findings, ok } = JSON.parse(stdout) as { findings: Finding[]; ok: boolean };
  assert.deepEqual([status, ok], [0, true]);
  assert.ok(findings.every(({ check }) => check !== "handler"));
  assert.equal(findings.find(({ check }) => check === "credentials")?.state, "ok");
});
