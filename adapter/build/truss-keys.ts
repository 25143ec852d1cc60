// The keys of a Truss config.yaml that have no meaning on Lambda, each with one sentence on what to do instead.
// Source: truss/base/truss_config.py of basetenlabs/truss.

const BY_PACKAGE_JSON = "remove it; npm dependencies belong in package.json and are bundled from there.";
const NO_IMAGE =
  "remove it; a Lambda zip has no image to build, and what a model needs comes from npm or data/.";
const INTERNAL = "remove it; it is internal to Truss and changes nothing here.";
const OTHER_ENGINE =
  "remove it; engines of Baseten do not run on Lambda, so call a model from predict instead.";
const BY_MEMORY = "remove it; Lambda sizes a function by serverless.memory, where 1769 MB is one vCPU.";

/** Dotted path of a key -> what to do instead. */
export const TRUSS_KEYS: ReadonlyMap<string, string> = new Map([
  ["python_version", "remove it; the function runs on Node, whose version is serverless.runtime."],
  ["requirements", BY_PACKAGE_JSON],
  ["requirements_file", BY_PACKAGE_JSON],
  [
    "external_package_dirs",
    "remove it; import the files by path or as an npm workspace, the bundler follows them.",
  ],
  [
    "bundled_packages_dir",
    "remove it; import the files by path or as an npm workspace, the bundler follows them.",
  ],
  ["system_packages", NO_IMAGE],
  ["base_image", NO_IMAGE],
  ["build_commands", "remove it; run the commands as an npm script before `coldframe build`."],
  [
    "build",
    "remove it; the bundler needs no settings, and other steps belong in an npm script before the build.",
  ],
  ["docker_server", "remove it; a Lambda zip starts no server, so write the model as a class with predict."],
  ["live_reload", "remove it; `coldframe dev` reloads when a file changes."],
  ["trt_llm", OTHER_ENGINE],
  ["bis_llm", OTHER_ENGINE],
  ["training_checkpoints", "remove it; put the trained file in data/, or in S3 and under weights."],
  ["hf_cache", "remove it; list the repository under weights as hf://owner/repo@revision."],
  ["model_framework", INTERNAL],
  ["model_type", INTERNAL],
  ["input_type", "remove it; describe the input as `static input` of the model class, with zod for example."],
  ["spec_version", INTERNAL],
  ["apply_library_patches", INTERNAL],
  ["cache_internal", INTERNAL],
  ["use_local_src", INTERNAL],
  ["resources.instance_type", BY_MEMORY],
  [
    "resources.node_count",
    "remove it; Lambda runs each call on one machine and adds environments by itself.",
  ],
  ["resources.fabric", "remove it; Lambda runs each call on one machine."],
  [
    "runtime.transport",
    "remove it; the function speaks HTTP through its URL, and streams answers as they are made.",
  ],
  [
    "runtime.is_websocket_endpoint",
    "remove it; a function URL has no WebSocket, so yield from predict to stream.",
  ],
  [
    "runtime.health_checks",
    "remove it; Lambda replaces an environment whose load fails, see load_timeout_seconds.",
  ],
  ["runtime.num_workers", "remove it; Lambda runs one process per environment, see predict_concurrency."],
  ["runtime.oidc", "remove it; the function's IAM role signs its calls to AWS."],
  ["runtime.remote_ssh", "remove it; Lambda allows no login, so debug with `coldframe dev`."],
  ["runtime.egress_restrictions", "remove it; put the function in a VPC with a security group instead."],
  [
    "runtime.truss_server_version_override",
    "remove it; the adapter's version is that of coldframe in package.json.",
  ],
]);
