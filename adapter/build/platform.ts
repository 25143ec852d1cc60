// What a native file or a binding package is for: read from its name, and from the ELF header where there is one.
// Sources: the naming of napi-rs, prebuildify and sharp; elf(5); Amazon Linux 2023 ships glibc 2.34.

import { readFileSync, statSync } from "node:fs";
import type { Target } from "./runtime-files.ts";

export type Cpu = "x64" | "arm64";

/** The machine that native code is chosen for. */
export interface Machine {
  readonly cpu: Cpu;
  readonly target: Target;
}

/** Lambda's own: nodejs22.x and nodejs24.x run on Amazon Linux 2023. */
export const LAMBDA_GLIBC_MINOR = 34;

/** What a name says; a set is empty when it says nothing. */
export interface Platform {
  readonly os: ReadonlySet<string>;
  readonly cpu: ReadonlySet<string>;
  readonly musl: boolean;
}

const OS = [
  "linux",
  "darwin",
  "win32",
  "freebsd",
  "openbsd",
  "netbsd",
  "sunos",
  "aix",
  "android",
  "openharmony",
  "ios",
];
const OS_ALIASES: Readonly<Record<string, string>> = {
  macos: "darwin",
  osx: "darwin",
  windows: "win32",
  linuxmusl: "linux",
};
const CPU = [
  "x64",
  "arm64",
  "arm",
  "ia32",
  "ppc64",
  "ppc64le",
  "s390x",
  "riscv64",
  "loong64",
  "mips64el",
  "mipsel",
];
const CPU_ALIASES: Readonly<Record<string, string>> = {
  amd64: "x64",
  aarch64: "arm64",
  armv7: "arm",
  armv6: "arm",
};
const MUSL = ["musl", "linuxmusl", "musleabihf"];
/** Providers for GPUs, which Lambda does not have; onnxruntime's are hundreds of megabytes. */
const GPU = ["cuda", "tensorrt", "rocm", "migraphx"];

function words(name: string): string[] {
  return name
    .toLowerCase()
    .replaceAll("x86_64", "x64")
    .split(/[^a-z0-9]+/);
}

/** `@img/sharp-linuxmusl-arm64`, `bin/napi-v6/linux/x64/binding.node` -> os, cpu, libc. */
export function platformOf(name: string): Platform {
  const all = words(name);
  const pick = (known: readonly string[], aliases: Readonly<Record<string, string>>) =>
    new Set(all.map((word) => aliases[word] ?? word).filter((word) => known.includes(word)));
  return {
    os: pick(OS, OS_ALIASES),
    cpu: pick(CPU, CPU_ALIASES),
    musl: all.some((word) => MUSL.includes(word)),
  };
}

/** Whether a name is a package of binaries for one platform: it says both system and processor. */
export function isBindingName(name: string): boolean {
  const { os, cpu } = platformOf(name);
  return os.size > 0 && cpu.size > 0;
}

/** Whether nothing in the name speaks against Linux with glibc on this machine. */
export function suits(name: string, { cpu, target }: Machine): boolean {
  const said = platformOf(name);
  if (said.musl) return false;
  if (target === "lambda" && words(name).some((word) => GPU.includes(word))) return false;
  return (said.os.size === 0 || said.os.has("linux")) && (said.cpu.size === 0 || said.cpu.has(cpu));
}

/** What the machine code of a file asks for. */
export interface MachineCode {
  /** `other` for Mach-O, PE and processors Lambda does not have. */
  readonly cpu: Cpu | "other";
  readonly musl: boolean;
  /** The 38 of GLIBC_2.38, the newest symbol version it names; 0 when it names none. */
  readonly glibcMinor: number;
}

const ELF_MAGIC = 0x7f454c46;
const ELF_MACHINES: Readonly<Record<number, Cpu>> = { 0x3e: "x64", 0xb7: "arm64" };

/** Read before, by path, size and time: an incremental build would scan 46 MB of onnxruntime at every key press. */
const known = new Map<string, MachineCode>();

/** Read a `.node` or `.so` file's header and the libc it was linked to. */
export function readMachineCode(file: string): MachineCode {
  const { size, mtimeMs } = statSync(file);
  const key = `${file} ${size} ${mtimeMs}`;
  const code = known.get(key) ?? readElf(readFileSync(file));
  known.set(key, code);
  return code;
}

function readElf(bytes: Buffer): MachineCode {
  const isElf = bytes.length > 20 && bytes.readUInt32BE(0) === ELF_MAGIC;
  const cpu = isElf ? ELF_MACHINES[bytes.readUInt16LE(18)] : undefined;
  if (cpu === undefined) return { cpu: "other", musl: false, glibcMinor: 0 };
  return { cpu, musl: bytes.includes("libc.musl-"), glibcMinor: newestGlibc(bytes) };
}

function newestGlibc(bytes: Buffer): number {
  let newest = 0;
  for (let at = bytes.indexOf("GLIBC_2."); at >= 0; at = bytes.indexOf("GLIBC_2.", at + 8)) {
    const minor = Number.parseInt(bytes.toString("latin1", at + 8, at + 11), 10);
    if (minor > newest && minor < 100) newest = minor;
  }
  return newest;
}
