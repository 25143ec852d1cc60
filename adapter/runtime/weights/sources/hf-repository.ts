// A repository of the Hugging Face Hub: its name in a source, and the documents that say what is in it.
// Source: huggingface.co/docs/hub/api, huggingface_hub's hf_api.py.

import { ColdframeError } from "../../errors.ts";
import type { Checksum, RemoteFile } from "../_contracts.ts";

export interface Repository {
  /** As `owner/name`; some old models have no owner. */
  readonly name: string;
  /** Of its address in the API. */
  readonly kind: "models" | "datasets" | "spaces";
  /** A branch, a tag or a commit; absent: `main`. */
  readonly revision?: string;
}

/** What the hub says of one revision. */
export interface Snapshot {
  readonly commit: string;
  /** Absent when the answer lacks sizes, as of very large repositories: the tree has them. */
  readonly files?: readonly RemoteFile[];
}

const NAME = /^[\w.-]+(\/[\w.-]+)?$/;
const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** @throws WEIGHTS_INVALID when `source` names no repository */
export function readHfSource(source: string): Repository {
  const [, prefix, name = "", revision] =
    /^hf:\/\/(?:(models|datasets|spaces)\/(?=[^@]*\/))?([^@]*)(?:@(.+))?$/i.exec(source) ?? [];
  if (!NAME.test(name)) {
    throw new ColdframeError("WEIGHTS_INVALID", `${source} names no repository.`, {
      fix: "Write hf://owner/name@revision, or hf://datasets/owner/name@revision; choose files with allow_patterns.",
    });
  }
  const kind = (prefix?.toLowerCase() as Repository["kind"] | undefined) ?? "models";
  return { name, kind, ...(revision !== undefined && { revision }) };
}

/** The path of the API that describes a revision. */
export const revisionPath = ({ kind, name, revision = "main" }: Repository): string =>
  `/api/${kind}/${name}/revision/${encodeURIComponent(revision)}?blobs=true`;

/** The path of the API that lists all files of a commit, in pages. */
export const treePath = ({ kind, name }: Repository, commit: string): string =>
  `/api/${kind}/${name}/tree/${encodeURIComponent(commit)}?recursive=true`;

/** The path of a file's bytes, which mostly redirects to where they are. */
export function filePath({ kind, name }: Repository, commit: string, path: string): string {
  const folder = kind === "models" ? "" : `/${kind}`;
  return `${folder}/${name}/resolve/${encodeURIComponent(commit)}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** @throws WEIGHTS_UNREACHABLE when it is no such document */
export function readSnapshot(body: Uint8Array, repository: Repository): Snapshot {
  const { sha, siblings } = readObject(body, repository);
  if (typeof sha !== "string" || !COMMIT.test(sha)) throw notOurs(repository, "no commit");
  if (!Array.isArray(siblings)) return { commit: sha };
  const files = siblings.map((sibling: Fields) =>
    toFile(sibling["rfilename"], sibling["size"], sibling["blobId"], sibling["lfs"], sha),
  );
  return files.includes(undefined) ? { commit: sha } : { commit: sha, files: files as RemoteFile[] };
}

/** @throws WEIGHTS_UNREACHABLE when it is no such document */
export function readTreePage(body: Uint8Array, repository: Repository, commit: string): RemoteFile[] {
  const entries = parse(body, repository);
  if (!Array.isArray(entries)) throw notOurs(repository, "a tree that is no list");
  return entries
    .filter((entry: Fields) => entry["type"] !== "directory")
    .map((entry: Fields) => {
      const file = toFile(entry["path"], entry["size"], entry["oid"], entry["lfs"], commit);
      if (!file) throw notOurs(repository, "a file without a name or a size");
      return file;
    });
}

/** The address of the next page: RFC 8288. */
export function nextLink(header: string | undefined): string | undefined {
  return /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(header ?? "")?.[1];
}

type Fields = Readonly<Record<string, unknown>>;

/** @param blob what git calls the file: of a large one, only its pointer */
function toFile(
  path: unknown,
  size: unknown,
  blob: unknown,
  lfs: unknown,
  commit: string,
): RemoteFile | undefined {
  const large = typeof lfs === "object" && lfs !== null ? (lfs as Fields) : undefined;
  const bytes = large?.["size"] ?? size;
  if (typeof path !== "string" || typeof bytes !== "number") return undefined;
  const checksum = large
    ? hexChecksum("sha256", large["sha256"] ?? large["oid"], 64)
    : hexChecksum("git-sha1", blob, 40);
  const file: RemoteFile = { path, key: path, size: bytes, versionId: commit, ...(checksum && { checksum }) };
  // What is in git is small, and the hub does not always answer a range of it with that range.
  return large ? file : { ...file, ranges: false };
}

function hexChecksum(algorithm: Checksum["algorithm"], value: unknown, digits: number): Checksum | undefined {
  const text = typeof value === "string" ? value.toLowerCase() : "";
  return text.length === digits && /^[0-9a-f]+$/.test(text) ? { algorithm, value: text } : undefined;
}

function readObject(body: Uint8Array, repository: Repository): Fields {
  const document = parse(body, repository);
  if (typeof document === "object" && document !== null) return document as Fields;
  throw notOurs(repository, "no JSON object");
}

function parse(body: Uint8Array, repository: Repository): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw notOurs(repository, "what is not JSON");
  }
}

const notOurs = ({ name }: Repository, what: string): ColdframeError =>
  new ColdframeError("WEIGHTS_UNREACHABLE", `the hub answered with ${what} for ${name}.`, {
    fix: "Check the endpoint (HF_ENDPOINT), and that no proxy answers in its place.",
  });
