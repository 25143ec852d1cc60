// What may stand beside what in an entry of weights: the rules over several keys, and those that need the project. Source
// of the rules for `auth`: truss/base/truss_config.py.

import { existsSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { checkEncrypted } from "../../runtime/weights/sources/url.ts";
import type { WeightsItem } from "./schema.ts";
import type { SourceUrl } from "./source.ts";

/** What is legal beside a source of a scheme; of a scheme that is not here, everything. */
const KEYS: Readonly<Record<string, readonly (keyof WeightsItem)[]>> = {
  s3: [
    ...(["version_id", "region", "endpoint", "path_style", "dual_stack", "requester_pays"] as const),
    ...(["auth", "auth_secret_name", "local"] as const),
  ],
  https: ["auth", "auth_secret_name"],
  hf: ["endpoint", "auth", "auth_secret_name"],
  file: [],
};

/** Keys that not every scheme has. */
const SPECIAL = [...new Set(Object.values(KEYS).flat())];

/** Of a source that is one file. */
const ONE: Partial<Record<keyof WeightsItem, string>> = {
  sha256: "is the checksum of one file, and the source is many",
  version_id: "is the version of one object, and the source is many",
};

/** Of a source that is many files. */
const MANY: Partial<Record<keyof WeightsItem, string>> = {
  allow_patterns: "chooses among many files, and the source is one",
  ignore_patterns: "chooses among many files, and the source is one",
};

type Found = [key: keyof WeightsItem, sentence: string];

/** What the rules need to know beside the item. */
export interface ItemSurroundings {
  /** Absolute. */
  readonly project: string;
  /** Declared names. */
  readonly secrets: ReadonlySet<string>;
}

/** Keys of an item that do not go together, or not with its source. */
export function itemProblems(
  item: WeightsItem,
  url: SourceUrl,
  { project, secrets }: ItemSurroundings,
): Found[] {
  const found = [...foreignKeys(item, url), ...authProblems(item, secrets), ...plainHttp(item)];
  if (item.local === undefined || found.length > 0) return found;
  const sentence = localProblem(project, item.local, url);
  return sentence === undefined ? [] : [["local", sentence]];
}

/** Keys that say nothing of this source: of another scheme, of one file, of many. */
function foreignKeys(item: WeightsItem, { scheme, fileName }: SourceUrl): Found[] {
  const written = (keys: readonly (keyof WeightsItem)[]) => keys.filter((key) => item[key] !== undefined);
  const legal = KEYS[scheme] ?? SPECIAL;
  const useless = written(SPECIAL).filter((key) => !legal.includes(key));
  const kind = fileName === undefined ? ONE : MANY;
  const wrong = written(Object.keys(kind) as (keyof typeof kind)[]).filter((key) => !useless.includes(key));
  return [
    ...useless.map((key): Found => [key, `is of no use to ${scheme}://; remove it.`]),
    ...wrong.map((key): Found => [key, `${kind[key]}: ${fileName === undefined ? PINS : wayToMany(scheme)}`]),
  ];
}

const PINS = "remove it; weights.lock.json, which `coldframe build` writes, pins each of them.";

const wayToMany = (scheme: string): string =>
  scheme === "https" ? "remove it." : 'remove it, or end the source with "/" if it is a folder.';

/** Without encryption nobody vouches for the bytes but a checksum, and nothing hides a token. */
function plainHttp({ source, sha256, auth, auth_secret_name: secret }: WeightsItem): Found[] {
  if (!/^http:/i.test(source)) return [];
  const sendsToken = auth !== undefined || secret !== undefined;
  if (sha256 !== undefined && !sendsToken) return [];
  try {
    checkEncrypted(new URL(source));
    return [];
  } catch {
    const what = sendsToken
      ? "would show the token to everybody on the way"
      : "has nobody vouch for the bytes";
    return [
      [
        "source",
        `is not encrypted, which ${what}: use https://${sendsToken ? "" : ", or add the file's sha256"}.`,
      ],
    ];
  }
}

/** Truss's rules for `auth`, and that a secret is declared. */
function authProblems(item: WeightsItem, secrets: ReadonlySet<string>): Found[] {
  const { auth, auth_secret_name: name } = item;
  const found: Found[] = [];
  const secret = name ?? auth?.auth_secret_name;
  if (auth !== undefined && name !== undefined) {
    found.push(["auth_secret_name", "found here and in auth too, allowed once; keep auth."]);
  }
  if (auth?.auth_method === "CUSTOM_SECRET") {
    if (auth.auth_secret_name === undefined && name === undefined) {
      found.push(["auth", "with CUSTOM_SECRET needs auth_secret_name, a name under secrets."]);
    }
    if (auth.aws_oidc_role_arn !== undefined || auth.aws_oidc_region !== undefined) {
      found.push(["auth", "has aws_oidc_role_arn or aws_oidc_region, which are of AWS_OIDC; remove them."]);
    }
  }
  if (auth?.auth_method === "AWS_OIDC") {
    if (auth.aws_oidc_role_arn === undefined) {
      found.push(["auth", "with AWS_OIDC needs aws_oidc_role_arn, the role to assume."]);
    }
    if (auth.auth_secret_name !== undefined) {
      found.push(["auth", "has auth_secret_name, which is of CUSTOM_SECRET; remove it."]);
    }
    if (!/^s3:/i.test(item.source)) {
      found.push(["auth", "with AWS_OIDC is for s3:// alone; use CUSTOM_SECRET."]);
    }
  }
  if (secret !== undefined && !secrets.has(secret)) {
    const key = name === undefined ? "auth" : "auth_secret_name";
    found.push([
      key,
      `names the secret "${secret}", which is not declared: add \`${secret}: null\` under secrets.`,
    ]);
  }
  return found;
}

/** Why `local` cannot stand in for the bucket. */
function localProblem(project: string, local: string, { fileName }: SourceUrl): string | undefined {
  const folder = join(project, local);
  if (!existsSync(folder))
    return `${local} does not exist in the project; make the folder, or remove the key.`;
  if (!statSync(folder).isDirectory()) return `${local} is a file, allowed a folder.`;
  const real = realpathSync(folder);
  if (real !== realpathSync(project) && !real.startsWith(realpathSync(project) + sep)) {
    return `${local} links to ${real}, outside the project.`;
  }
  if (fileName !== undefined && !existsSync(join(folder, fileName))) {
    return `${local} has no ${fileName}, which is the source's file; put it there.`;
  }
  return undefined;
}
