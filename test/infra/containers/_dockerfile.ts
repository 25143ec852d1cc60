// A Dockerfile as facts: its stages with what is copied, set, run and started; and the rules that ours keep.
// Source: docs.docker.com/reference/dockerfile.

import { Copy as Copying, DockerfileParser, type Instruction } from "dockerfile-ast";
import { validate } from "dockerfile-utils";

export interface Stage {
  /** Of an image, or the name of an earlier stage. */
  readonly from: string;
  readonly name: string | undefined;
  readonly copies: readonly Copy[];
  readonly env: Readonly<Record<string, string>>;
  /** As the shell gets them. */
  readonly runs: readonly string[];
  readonly exposes: readonly string[];
  readonly user: string | undefined;
  /** Undefined where it is not in the exec form. */
  readonly entrypoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
  /** Of instructions that start something and are not in the exec form. */
  readonly shellForms: readonly string[];
}

export interface Copy {
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

export interface Dockerfile {
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
  /** What the linter says, whatever it thinks of its weight. */
  readonly findings: readonly string[];
}

export function parseDockerfile(text: string): Dockerfile {
  const dockerfile = DockerfileParser.parse(text);
  const args: Record<string, string> = {};
  const stages: Draft[] = [];
  for (const instruction of dockerfile.getInstructions()) {
    const keyword = instruction.getKeyword();
    const words = instruction.getArguments().map((argument) => argument.getValue());
    const raw = instruction.getRawArgumentsContent() ?? "";
    const stage = stages.at(-1);
    if (keyword === "ARG" && !stage) Object.assign(args, pair(words[0] ?? ""));
    else if (keyword === "FROM") {
      const [from = "", , name] = words.filter((word) => !word.startsWith("--"));
      stages.push(draft(resolve(from, args), name));
    } else if (stage) read(stage, keyword, words, raw, fromFlag(instruction));
  }
  const findings = validate(text).map(({ message }) => String(message));
  return { args, stages, findings };
}

type Draft = {
  -readonly [Key in keyof Stage]: Stage[Key] extends readonly (infer Item)[] ? Item[] : Stage[Key];
};

const draft = (from: string, name: string | undefined): Draft => ({
  from,
  name,
  copies: [],
  env: {},
  runs: [],
  exposes: [],
  user: undefined,
  entrypoint: undefined,
  command: undefined,
  shellForms: [],
});

function read(stage: Draft, keyword: string, words: readonly string[], raw: string, from?: string): void {
  // What Docker hands to the shell: continued lines are one.
  const text = raw.replace(/\\[ \t]*\n/g, "");
  if (keyword === "ENV") stage.env = { ...stage.env, ...Object.assign({}, ...words.map(pair)) };
  else if (keyword === "RUN") stage.runs.push(text);
  else if (keyword === "EXPOSE") stage.exposes.push(...words);
  else if (keyword === "USER") stage.user = words[0];
  else if (keyword === "COPY" || keyword === "ADD")
    stage.copies.push({ from, sources: words.slice(0, -1), target: words.at(-1) ?? "" });
  else if (keyword === "ENTRYPOINT" || keyword === "CMD") {
    const list = text.trim().startsWith("[") ? (JSON.parse(text) as string[]) : undefined;
    if (!list) stage.shellForms.push(keyword);
    if (keyword === "ENTRYPOINT") stage.entrypoint = list;
    else stage.command = list;
  }
}

const fromFlag = (instruction: Instruction): string | undefined =>
  (instruction instanceof Copying ? instruction.getFromFlag()?.getValue() : undefined) ?? undefined;

function pair(text: string): Record<string, string> {
  const [name = "", ...value] = text.split("=");
  return { [name]: value.join("=") };
}

const resolve = (text: string, args: Readonly<Record<string, string>>): string =>
  text.replace(/\$\{(\w+)\}/g, (_all, name: string) => args[name] ?? "");

/** A stage with what it has of the stages that it begins with. */
export function wholeStage({ stages }: Dockerfile, name?: string): Stage {
  const stage = name === undefined ? stages.at(-1) : stages.find((candidate) => candidate.name === name);
  if (!stage) throw new Error(`no stage ${name}`);
  const before = stages.find((candidate) => candidate.name === stage.from);
  if (!before) return stage;
  const { from, copies, env, runs, exposes, user, entrypoint, command, shellForms } = wholeStage(
    { stages, args: {}, findings: [] },
    before.name,
  );
  return {
    from,
    name: stage.name,
    copies: [...copies, ...stage.copies],
    env: { ...env, ...stage.env },
    runs: [...runs, ...stage.runs],
    exposes: [...exposes, ...stage.exposes],
    user: stage.user ?? user,
    entrypoint: stage.entrypoint ?? entrypoint,
    command: stage.command ?? command,
    shellForms: [...shellForms, ...stage.shellForms],
  };
}

export interface Surroundings {
  /** Whether a path of the build's context is there. */
  readonly exists: (path: string) => boolean;
  /** `<Dockerfile>.dockerignore`. */
  readonly ignore: string;
  /** Where the kernel's user is none of the image's business: on Lambda. */
  readonly anyUser?: boolean;
}

/** What is wrong with an image that is to be started. */
export function problemsOf(
  dockerfile: Dockerfile,
  { exists, ignore, anyUser }: Surroundings,
  stage?: string,
): string[] {
  const { stages, findings } = dockerfile;
  const whole = wholeStage(dockerfile, stage);
  const { user, entrypoint, command, shellForms } = whole;
  const names = stages.flatMap(({ name }) => name ?? []);
  const problems = [...findings, ...shellForms.map((keyword) => `${keyword} starts a shell`)];
  for (const { from, copies } of stages) {
    if (!names.includes(from) && !/:[\w.-]*\d/.test(from))
      problems.push(`FROM ${from}, whichever that is today`);
    for (const copy of copies) {
      if (copy.from !== undefined) {
        if (!names.includes(copy.from)) problems.push(`COPY from ${copy.from}`);
        continue;
      }
      for (const source of copy.sources) {
        if (!exists(source)) problems.push(`COPY ${source} is not there`);
        if (isIgnored(source, ignore)) problems.push(`COPY ${source} is ignored`);
      }
    }
  }
  if (!anyUser && !/^[1-9]\d*(:[1-9]\d*)?$/.test(user ?? "")) problems.push(`USER ${user}`);
  if (!entrypoint && !command) problems.push("nothing is started");
  return problems;
}

/** Only forms that ours have: everything, and what is let in again. */
function isIgnored(path: string, ignore: string): boolean {
  let ignored = false;
  for (const line of ignore.split("\n").filter((text) => text && !text.startsWith("#"))) {
    const pattern = line.replace(/^!/, "").replace(/\/$/, "");
    if (pattern === "*" || path === pattern || path.startsWith(`${pattern}/`))
      ignored = !line.startsWith("!");
  }
  return ignored;
}
