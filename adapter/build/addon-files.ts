// Chooses what of a native package is copied beside the bundle: the JavaScript that is reached, package.json, and the
// machine code for Linux, glibc and the processor of the target. Everything else is left at home.

import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { ColdframeError } from "../runtime/errors.ts";
import { isNative } from "./addon-boundary.ts";
import type { Trace } from "./addon-trace.ts";
import { findPackage, type Package, packageOf } from "./packages.ts";
import {
  isBindingName,
  LAMBDA_GLIBC_MINOR,
  type Machine,
  platformOf,
  readMachineCode,
  suits,
} from "./platform.ts";

/** Machine code by its name; `libvips-cpp.so.42.17` has its version behind. */
const MACHINE_CODE = /\.(node|dll|dylib|wasm)$|\.so(\.\d+)*$/;
const CODE = /\.([cm]?js|json)$/;

/** One package that is copied, and what of it. */
export interface AddonPackage {
  readonly package: Package;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Packages its code loads. */
  readonly needs: readonly Package[];
}

/**
 * Everything the trace reached, package by package, with machine code added.
 * @throws ADDON_UNSUPPORTED when a package has none for Linux, glibc and the machine's processor
 */
export function chooseAddonFiles(trace: Trace, machine: Machine): Map<string, AddonPackage> {
  const chosen = new Map<string, AddonPackage>();
  for (const [file, loads] of trace) {
    const owner = packageOf(file);
    // A package of binaries for another platform, reached through a branch that is never taken.
    if (owner === undefined || (isBindingName(owner.name) && !suits(owner.name, machine))) continue;
    const before = chosen.get(owner.folder);
    const others = loads
      .map(packageOf)
      .filter((found) => found !== undefined && found.folder !== owner.folder);
    const needs = [...(before?.needs ?? []), ...(others as Package[])];
    chosen.set(owner.folder, { package: owner, files: [...(before?.files ?? []), file], needs });
  }
  for (const addon of [...chosen.values()]) {
    if (!isNative(addon.package)) continue;
    refuseKnownCrashes(addon.package, machine);
    const bindings = bindingPackages(addon.package, machine);
    const own = machineCode(addon.package, machine);
    if (bindings.length === 0 && !own.some((file) => file.endsWith(".node")))
      throw nothingFor(addon.package, machine);
    const { folder } = addon.package;
    chosen.set(folder, { ...addon, files: [...addon.files, ...own], needs: [...addon.needs, ...bindings] });
    for (const binding of bindings) {
      const files = [
        ...listFiles(binding.folder).filter((file) => CODE.test(file)),
        ...machineCode(binding, machine),
      ];
      chosen.set(binding.folder, { package: binding, files, needs: bindings });
    }
  }
  return withManifests(chosen);
}

/** The installed packages of binaries that `parent` loads on Linux, glibc and the machine's processor. */
function bindingPackages(parent: Package, machine: Machine): Package[] {
  const names = Object.keys(parent.manifest.optionalDependencies ?? {}).filter(isBindingName);
  const wanted = names.filter((name) => suits(name, machine));
  if (names.length > 0 && wanted.length === 0) throw nothingFor(parent, machine);
  return wanted.map((name) => {
    const found = findPackage(name, parent.folder);
    if (found !== undefined) return found;
    throw new ColdframeError(
      "ADDON_UNSUPPORTED",
      `${parent.name} needs ${name} ${ON[machine.target]}, which is not installed.`,
      {
        fix: `Run \`npm install --os=linux --cpu=${machine.cpu} --libc=glibc ${parent.name}\` before the build; it replaces those of this machine.`,
      },
    );
  });
}

function machineCode(owner: Package, machine: Machine): string[] {
  return listFiles(owner.folder).filter((file) => {
    const name = relative(owner.folder, file);
    // The package's own name counts too: @img/sharp-linux-arm64 holds lib/sharp.node.
    if (!MACHINE_CODE.test(name) || !suits(`${owner.name}/${name}`, machine)) return false;
    if (name.endsWith(".wasm")) return true;
    const code = readMachineCode(file);
    if (code.cpu !== machine.cpu || code.musl) return false;
    refuseRecentGlibc(`${owner.name}: ${name}`, code.glibcMinor, machine);
    return true;
  });
}

/**
 * A `.node` file the model imports by its path.
 * @param name for the message
 * @throws ADDON_UNSUPPORTED when it is not for Linux, glibc and the machine's processor
 */
export function checkOwnFile(file: string, name: string, machine: Machine): void {
  const code = readMachineCode(file);
  refuseRecentGlibc(name, code.glibcMinor, machine);
  if (code.cpu === machine.cpu && !code.musl) return;
  const message = `${name} is built for ${describeFile(file, name)}; ${needs(machine)}.`;
  throw new ColdframeError("ADDON_UNSUPPORTED", message, {
    fix: "Compile it there, or in a container of that platform.",
  });
}

function refuseRecentGlibc(name: string, minor: number, machine: Machine): void {
  // A container brings a glibc of its own, which the build cannot know.
  if (machine.target !== "lambda" || minor <= LAMBDA_GLIBC_MINOR) return;
  const message = `${name} needs glibc 2.${minor}, Lambda has 2.${LAMBDA_GLIBC_MINOR}.`;
  throw new ColdframeError("ADDON_UNSUPPORTED", message, {
    fix: `Install it on Amazon Linux 2023: ${inContainer(machine)}`,
  });
}

function nothingFor(owner: Package, machine: Machine): ColdframeError {
  const files = listFiles(owner.folder).filter((file) => file.endsWith(".node"));
  const found = new Set([
    ...Object.keys(owner.manifest.optionalDependencies ?? {})
      .filter(isBindingName)
      .map(sayPlatform),
    ...files.map((file) => describeFile(file, relative(owner.folder, file))),
  ]);
  const has =
    found.size === 0
      ? "has no native file; its install script did not run"
      : `is built for ${[...found].join(", ")}`;
  return new ColdframeError(
    "ADDON_UNSUPPORTED",
    `${owner.name} ${owner.version} ${has}; ${needs(machine)}.`,
    { fix: `Install it for that platform: ${inContainer(machine)}` },
  );
}

/** Where it runs, in a sentence. */
const ON = { lambda: "on Lambda", server: "in a container" } as const;

/** Images of the same Linux. */
const IMAGES = { lambda: "public.ecr.aws/lambda/nodejs:24", server: "node:24" } as const;

const needs = ({ cpu, target }: Machine): string =>
  `${target === "lambda" ? "Lambda" : "the server"} needs linux ${cpu} with glibc`;

function inContainer({ cpu, target }: Machine): string {
  const platform = cpu === "x64" ? "linux/amd64" : "linux/arm64";
  return `\`docker run --rm --platform ${platform} --entrypoint npm -v "$PWD":/work -w /work ${IMAGES[target]} ci\`.`;
}

function describeFile(file: string, name: string): string {
  const { cpu, musl } = readMachineCode(file);
  return cpu === "other" ? sayPlatform(name) : `linux ${cpu}${musl ? " musl" : ""}`;
}

function sayPlatform(name: string): string {
  const { os, cpu, musl } = platformOf(name);
  const said = [...os, ...cpu, ...(musl ? ["musl"] : [])].join(" ");
  return said === "" ? `another platform (${name})` : said;
}

/** Source: microsoft/onnxruntime; the arm64 builds of these versions abort at load on Lambda's Graviton. */
function refuseKnownCrashes({ name, version }: Package, { cpu, target }: Machine): void {
  if (target !== "lambda" || name !== "onnxruntime-node" || cpu !== "arm64" || !/^1\.2[12]\./.test(version))
    return;
  throw new ColdframeError("ADDON_UNSUPPORTED", `onnxruntime-node ${version} crashes on arm64 Lambda.`, {
    fix: "Run `npm install onnxruntime-node@latest` (1.23 or later), or set serverless.architecture: x86_64.",
  });
}

/** Every package.json between a file and its package's root: an inner one decides between ESM and CommonJS. */
function withManifests(chosen: Map<string, AddonPackage>): Map<string, AddonPackage> {
  for (const [folder, addon] of chosen) {
    const manifests = new Set([join(folder, "package.json")]);
    for (const file of addon.files) {
      for (let at = dirname(file); at.startsWith(folder + sep); at = dirname(at)) {
        if (existsSync(join(at, "package.json"))) manifests.add(join(at, "package.json"));
      }
    }
    chosen.set(folder, { ...addon, files: [...new Set([...addon.files, ...manifests])].toSorted() });
  }
  return chosen;
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : listFiles(path);
    return entry.isFile() || entry.isSymbolicLink() ? [path] : [];
  });
}
