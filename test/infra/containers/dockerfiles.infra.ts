// The Dockerfiles: what they copy is in real artifacts, what they refuse is refused, and what they start is there.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startLocalLambda } from "../../../adapter/local/local-lambda.ts";
import { makeFolder, withPackages } from "../../build/_project.ts";
import { deploymentOf } from "../_facts.ts";
import { type Built, buildProject, HOST } from "./_artifacts.ts";
import { parseDockerfile, problemsOf, type Stage, wholeStage } from "./_dockerfile.ts";
import { read } from "./_templates.ts";

const ONNX_MODEL = `
import { InferenceSession } from "onnxruntime-node";
export default class Model { predict() { return typeof InferenceSession; } }
`;

const text = (name: string) => read(`docker/Dockerfile.${name}`);
const surroundings = (name: string, { project }: Built, lambda = false) => ({
  exists: (path: string) => existsSync(join(project, path)),
  ignore: read(`docker/Dockerfile.${name}.dockerignore`),
  anyUser: lambda,
});

const [server, lambda, onnx, lambdaOnnx] = await Promise.all([
  buildProject({}, "server"),
  buildProject({}, "lambda"),
  buildProject({ "model/model.ts": ONNX_MODEL }, "server", "x86_64", withPackages),
  buildProject({ "model/model.ts": ONNX_MODEL }, "lambda", "x86_64", withPackages),
]);

describe("every image", () => {
  const images = (): [name: string, built: Built, stage?: string][] => [
    ["lambda", lambda],
    ["server", server],
    ["server", server, "lambda"],
    ["gpu", onnx],
    ["lambda-gpu", lambdaOnnx],
  ];
  const isOfLambda = (name: string) => name.startsWith("lambda");

  test("is made of what the build makes, by what is not root, without a shell in between", () => {
    for (const [name, built, stage] of images()) {
      const around = surroundings(name, built, isOfLambda(name));
      assert.deepEqual(problemsOf(parseDockerfile(text(name)), around, stage), [], `${name} ${stage ?? ""}`);
    }
  });

  test("is of the Node that config.yaml has when it says nothing", () => {
    const { node_major: major } = deploymentOf("model_name: a\n", "server");
    for (const [name] of images()) {
      assert.equal(parseDockerfile(text(name)).args["NODE_MAJOR"], String(major));
      assert.ok(parseDockerfile(text(name)).stages.some(({ from }) => from.includes(`:${major}`)));
    }
  });

  test("refuses what was built for another Node, another processor or another target", () => {
    for (const [name, { directory }, stage] of images()) {
      const [check] = wholeStage(parseDockerfile(text(name)), stage).runs.filter((run) =>
        run.includes("deployment.json"),
      );
      const facts = JSON.parse(readFileSync(join(directory, "deployment.json"), "utf8"));
      const says = (change: object, mode = 0o644) => {
        const file = join(makeFolder(), "deployment.json");
        writeFileSync(file, JSON.stringify({ ...facts, architecture: HOST, ...change }));
        chmodSync(file, mode);
        const script = (check ?? "false").replaceAll(/\/(app|var\/task)\/deployment\.json/g, file);
        assert.notEqual(script, check);
        const { status, stderr } = sh(script);
        return status === 0 ? "fine" : stderr;
      };
      assert.equal(says({ node_major: Number(process.versions.node.split(".")[0]) }), "fine");
      if (isOfLambda(name)) assert.match(says({}, 0o600), /umask 022/);
      assert.match(says({ node_major: 18 }), /--build-arg NODE_MAJOR=18/);
      assert.match(
        says({ architecture: HOST === "arm64" ? "x86_64" : "arm64" }),
        /docker (buildx )?build --platform/,
      );
      assert.match(says({ target: isOfLambda(name) ? "server" : "lambda" }), /coldframe build/);
    }
  });

  const broken: [why: string, change: (text: string) => string, problem: RegExp][] = [
    ["an instruction that there is none of", (all) => all.replace("EXPOSE", "EXPOSES"), /EXPOSES/i],
    [
      "a path that no build makes",
      (all) => all.replace("dist/server/ ", "dist/servr/ "),
      /COPY dist\/servr\/ is not there/,
    ],
    [
      "what its ignore file leaves out",
      (all) => all.replace("dist/server/ /app/", "config.yaml /app/"),
      /config\.yaml is ignored/,
    ],
    ["USER root", (all) => all.replace("USER 1000:1000", "USER root"), /USER root/],
    ["USER 0", (all) => all.replace("USER 1000:1000", "USER 0"), /USER 0/],
    ["no user", (all) => all.replace("USER 1000:1000\n", ""), /USER undefined/],
    [
      "a shell as process 1",
      (all) => all.replace(/ENTRYPOINT .*/, "ENTRYPOINT node /app/index.mjs"),
      /ENTRYPOINT starts a shell/,
    ],
    ["nothing that is started", (all) => all.replace(/ENTRYPOINT .*\n/, ""), /nothing is started/],
    [
      "a stage that there is none of",
      (all) => all.replace("--from=adapter", "--from=adaptor"),
      /COPY from adaptor/,
    ],
    [
      "whatever Node is today",
      (all) => all.replace(/^FROM node:\S+/m, "FROM node:latest"),
      /FROM node:latest/,
    ],
  ];
  for (const [why, change, problem] of broken) {
    test(`with ${why} is seen`, () => {
      const spoiled = change(text("server"));
      assert.notEqual(spoiled, text("server"));
      assert.match(problemsOf(parseDockerfile(spoiled), surroundings("server", server)).join("\n"), problem);
    });
  }
});

describe("the image of the server", () => {
  test("listens where the artifact says", () => {
    const { port } = deploymentOf("model_name: a\n", "server");
    for (const name of ["server", "gpu"]) {
      assert.deepEqual(wholeStage(parseDockerfile(text(name))).exposes, [String(port)]);
    }
  });

  test("is without the Lambda Web Adapter unless it is asked for", () => {
    const extensions = (stage: Stage) =>
      stage.copies.filter(({ target }) => target.startsWith("/opt/extensions/"));
    const dockerfile = parseDockerfile(text("server"));
    assert.deepEqual(extensions(wholeStage(dockerfile)), []);
    assert.equal(extensions(wholeStage(dockerfile, "lambda")).length, 1);
  });
});

describe("the image for Lambda", () => {
  test("starts what the artifact exports, and that answers", async (t) => {
    const { command, copies } = wholeStage(parseDockerfile(text("lambda")));
    const [handler = ""] = command ?? [];
    assert.deepEqual(copies, [{ from: undefined, sources: ["dist/lambda/"], target: "/var/task/" }]);
    const [file, name = ""] = handler.split(".");
    const script = `import(${JSON.stringify(pathToFileURL(join(lambda.directory, `${file}.mjs`)).href)}).then((module) => { console.log(typeof module[${JSON.stringify(name)}]); process.exit(); })`;
    const globals =
      "globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: {} };";
    assert.match(sh(`${quote(process.execPath)} -e ${quote(globals + script)}`).stdout, /^function$/m);
    const { handlers } = JSON.parse(readFileSync(join(lambda.directory, "deployment.json"), "utf8"));
    assert.ok(Object.values(handlers).includes(handler));
    const local = await startLocalLambda({ artifact: lambda.directory, handler });
    t.after(() => local.close());
    const outcome = await local.invoke({ name: "you" });
    assert.notEqual(outcome.kind, "error");
    const wrong = await startLocalLambda({ artifact: lambda.directory, handler: `${file}.handler` });
    t.after(() => wrong.close());
    assert.equal((await wrong.invoke({ name: "you" })).kind, "error");
  });
});

describe("the image for Lambda with a GPU", () => {
  const whole = wholeStage(parseDockerfile(text("lambda-gpu")));

  test("starts AWS's client, with what the plain image for Lambda starts", () => {
    const plain = wholeStage(parseDockerfile(text("lambda")));
    assert.deepEqual(whole.command, plain.command);
    const [node, client = ""] = whole.entrypoint ?? [];
    assert.equal(node, "node");
    const { devDependencies } = JSON.parse(
      readFileSync(join(import.meta.dirname, "../../conformance/package.json"), "utf8"),
    );
    // The version that the conformance suite runs on.
    assert.equal(
      parseDockerfile(text("lambda-gpu")).args["RUNTIME_INTERFACE_CLIENT"],
      devDependencies["aws-lambda-ric"],
    );
    const folder = whole.copies.find(({ from }) => from === "client")?.target ?? "none";
    assert.ok(client.startsWith(folder));
    assert.equal(whole.env["LAMBDA_TASK_ROOT"], "/var/task");
  });
});

for (const [image, built, place] of [
  ["gpu", onnx, "/app/"],
  ["lambda-gpu", lambdaOnnx, "/var/task/"],
] as const)
  describe(`the image ${image}`, { skip: process.platform !== "linux" && "the shell is Linux's" }, () => {
    const gpu = parseDockerfile(text(image));
    const provider = gpu.stages.find(({ name }) => name === "provider") as Stage;
    const INSIDE = "node_modules/onnxruntime-node/bin";

    /** Run the provider's stage in a folder, with an npm that installs a package whose installer writes `files`. */
    function install(files: readonly string[]): {
      status: number | null;
      folder: string;
      asked: string;
      installed: string;
    } {
      const folder = makeFolder();
      const [{ sources }] = provider.copies as [Stage["copies"][0]];
      cpSync(join(built.project, sources[0] ?? ""), join(folder, "artifact.json"));
      const tools = join(folder, "tools");
      mkdirSync(tools);
      const installer = [
        'const fs = require("node:fs");',
        'const folder = __dirname + "/../bin/napi-v6/linux/x64";',
        "fs.mkdirSync(folder, { recursive: true });",
        `for (const file of ${JSON.stringify(files)}) fs.writeFileSync(folder + "/" + file, "ELF");`,
        `fs.writeFileSync(${JSON.stringify(join(folder, "installed"))}, process.argv.slice(2).join(" "));`,
      ].join("\n");
      writeFileSync(join(folder, "installer.js"), installer);
      const npm = `#!/bin/sh\necho "$@" > ${folder}/asked\nmkdir -p node_modules/onnxruntime-node/script\ncp ${folder}/installer.js node_modules/onnxruntime-node/script/install.js\n`;
      writeFileSync(join(tools, "npm"), npm);
      chmodSync(join(tools, "npm"), 0o755);
      const script = (provider.runs[0] ?? "").replaceAll("/provider", folder);
      const { status } = sh(`cd ${folder} && PATH=${tools}:$PATH; ${script}`);
      const text = (name: string) =>
        existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8").trim() : "";
      return { status, folder, asked: text("asked"), installed: text("installed") };
    }

    const LIBRARIES = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"];

    test("asks the installer of the artifact's own version for CUDA 12", () => {
      const { status, asked, installed } = install(LIBRARIES);
      const { version } = JSON.parse(
        readFileSync(join(built.directory, "node_modules/onnxruntime-node/package.json"), "utf8"),
      );
      assert.equal(status, 0);
      assert.equal(asked, `install --ignore-scripts --no-save onnxruntime-node@${version}`);
      assert.equal(installed, "--onnxruntime-node-install=cuda12");
      // What the real installer knows by that name.
      const { requirements, manifests } = createRequire(import.meta.url)(
        "onnxruntime-node/script/install-metadata.js",
      );
      assert.ok(requirements["linux/x64"].includes("cuda12"));
      for (const library of LIBRARIES)
        assert.ok(Object.hasOwn(manifests["linux/x64:cuda12"], `./${library}`));
    });

    test("has the provider beside the addon of the real artifact, or is none", () => {
      const final = wholeStage(gpu);
      const copy = final.copies.find(({ from }) => from === "provider");
      assert.deepEqual(copy, { from: "provider", sources: ["/provider/bin/"], target: `${place}${INSIDE}/` });
      const check = final.runs.find((run) => run.includes("libonnxruntime_providers_cuda.so")) ?? "false";
      const image = (files: readonly string[]) => {
        const app = makeFolder();
        cpSync(join(built.directory, INSIDE), join(app, INSIDE), { recursive: true });
        const { folder } = install(files);
        if (existsSync(join(folder, "bin")))
          cpSync(join(folder, "bin"), join(app, INSIDE), { recursive: true });
        return { app, status: sh(check.replace(place, `${app}/`)).status };
      };
      const { app, status } = image(LIBRARIES);
      assert.equal(status, 0);
      assert.ok(existsSync(join(app, INSIDE, "napi-v6/linux/x64/onnxruntime_binding.node")));
      // A layer without TensorRT's, which nothing asks for.
      assert.equal(install([...LIBRARIES, "libonnxruntime_providers_tensorrt.so"]).status, 0);
      for (const library of LIBRARIES) {
        const others = LIBRARIES.filter((other) => other !== library);
        assert.notEqual(install(others).status, 0);
        assert.notEqual(image(others).status, 0);
      }
    });

    test("is of CUDA 12 with cuDNN, as ONNX Runtime's provider is", () => {
      assert.match(wholeStage(gpu).from, /^nvidia\/cuda:12\.\d+\.\d+-cudnn-runtime-ubuntu\d\d\.04$/);
    });
  });

test("an ignore file is where BuildKit looks for it, and lets in the artifact alone", () => {
  for (const [name, folder] of [
    ["lambda", "lambda"],
    ["server", "server"],
    ["gpu", "server"],
    ["lambda-gpu", "lambda"],
  ]) {
    const lines = read(`docker/Dockerfile.${name}.dockerignore`)
      .split("\n")
      .filter((line) => line && !line.startsWith("#"));
    assert.deepEqual(lines, ["*", `!dist/${folder}`]);
  }
});

function sh(script: string): { status: number | null; stdout: string; stderr: string } {
  const path = `${join(process.execPath, "..")}:${process.env["PATH"]}`;
  return spawnSync("sh", ["-c", script], { encoding: "utf8", env: { ...process.env, PATH: path } });
}

const quote = (part: string): string => `'${part.replaceAll("'", "'\\''")}'`;
