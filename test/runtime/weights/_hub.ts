// A hub on this machine that speaks the Hugging Face API as strictly as the real one: commits, gates, tokens, error codes,
// pages of trees, and large files in a storage of another origin, behind signatures that expire and that hold for GET
// alone. The storage refuses every token, as S3 does beside a signature.
// Source: huggingface.co/docs/hub/api, huggingface_hub's file_download.py and utils/_http.py.

import { createHash, createHmac, randomBytes } from "node:crypto";
import { type Asked, type Said, type ScriptedServer, startServer } from "./_source-server.ts";

export interface HubFile {
  readonly body: string | Uint8Array;
  /** In the storage, with a SHA-256; the others are in git, with its own SHA-1. */
  readonly lfs?: boolean;
}

export interface HubRepository {
  readonly kind?: "models" | "datasets";
  /** Path -> file, of its only commit. */
  readonly files: Readonly<Record<string, HubFile>>;
  readonly commit?: string;
  /** Names of the commit beside itself. */
  readonly revisions?: readonly string[];
  /** Seen only with a token. */
  readonly isPrivate?: boolean;
  /** Seen by all, readable with a token. */
  readonly gated?: boolean;
  /** Sends to this name, as after a change of name. */
  readonly movedTo?: string;
}

export interface HubOptions {
  readonly repositories: Readonly<Record<string, HubRepository>>;
  /** The only one there is. */
  readonly token?: string;
  /** Files on one page of a tree. */
  readonly pageSize?: number;
  /** As of very large repositories: the description of a revision has no sizes. */
  readonly withoutSizes?: boolean;
  /** Of an address in the storage. */
  readonly signatureSeconds?: number;
}

export interface Hub extends AsyncDisposable {
  /** For `endpoint` or HF_ENDPOINT. */
  readonly url: string;
  readonly storageUrl: string;
  readonly asked: Asked[];
  readonly storageAsked: Asked[];
  /** The clock of the storage, in milliseconds ahead of this machine's. */
  storageClockMs: number;
  /** Answers the next requests to the hub with 429, that many. */
  busy: number;
}

export const COMMIT = "60b8d3f0c1a2b3c4d5e6f708192a3b4c5d6e7f80";

export const sha256 = (body: string | Uint8Array): string => createHash("sha256").update(body).digest("hex");

/** As git names a file. */
export const gitSha1 = (body: string | Uint8Array): string =>
  createHash("sha1")
    .update(`blob ${Buffer.byteLength(body)}\0`)
    .update(body)
    .digest("hex");

export async function startHub(options: HubOptions): Promise<Hub> {
  const { repositories, token, pageSize = 1000, withoutSizes = false, signatureSeconds = 3600 } = options;
  const secret = randomBytes(16);
  const stored = new Map<string, Uint8Array>();
  for (const { files } of Object.values(repositories)) {
    for (const { body, lfs } of Object.values(files)) if (lfs) stored.set(sha256(body), Buffer.from(body));
  }
  const storage = await startServer((asked) => fromStorage(asked));
  const server: ScriptedServer = await startServer((asked) => fromHub(asked));
  const hub: Hub = {
    url: server.url,
    storageUrl: storage.url,
    asked: server.asked,
    storageAsked: storage.asked,
    storageClockMs: 0,
    busy: 0,
    async [Symbol.asyncDispose]() {
      await Promise.all([server[Symbol.asyncDispose](), storage[Symbol.asyncDispose]()]);
    },
  };

  const sign = (oid: string, expires: string) =>
    createHmac("sha256", secret).update(`GET ${oid} ${expires}`).digest("hex");

  function fromStorage({ method, path, query, headers }: Asked): Said {
    const oid = new URL(path, "http://any").pathname.slice(1);
    const body = stored.get(oid);
    const expires = query.get("Expires") ?? "";
    if (headers.authorization !== undefined) return { status: 400, body: "only one auth mechanism allowed" };
    if (method !== "GET" || query.get("Signature") !== sign(oid, expires)) return { status: 403 };
    if (Number(expires) * 1000 < Date.now() + hub.storageClockMs) return { status: 403, body: "expired" };
    return body ? ranged(body, headers.range, `"${oid}"`) : { status: 404 };
  }

  function fromHub(asked: Asked): Said {
    if (hub.busy > 0) {
      hub.busy--;
      return { status: 429, headers: { ratelimit: '"api";r=0;t=1', "retry-after": "0" } };
    }
    const { authorization } = asked.headers;
    if (authorization !== undefined && authorization !== `Bearer ${token}`)
      return refusal(401, undefined, "Invalid credentials in Authorization header");
    const { pathname } = new URL(asked.path, "http://any");
    const api = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(pathname);
    if (api) {
      const [, kind, name, what, revision] = api as unknown as string[];
      return describe(
        asked,
        kind as string,
        name as string,
        what as string,
        decodeURIComponent(revision as string),
      );
    }
    const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    const cached = /^\/api\/resolve-cache\/(models|datasets)\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/.exec(pathname);
    const [, prefix, name, revision, path] = file ?? cached ?? [];
    if (name === undefined) return { status: 404 };
    const kind = cached ? (prefix as string) : prefix ? "datasets" : "models";
    return resolve(
      asked,
      kind,
      name,
      decodeURIComponent(revision as string),
      decodePath(path as string),
      Boolean(cached),
    );
  }

  /** The repository, or why it may not be seen. */
  function find(asked: Asked, kind: string, name: string): HubRepository | Said {
    const repository = repositories[name];
    const known = asked.headers.authorization !== undefined;
    if (!repository || (repository.kind ?? "models") !== kind || (repository.isPrivate && !known))
      return known
        ? refusal(404, "RepoNotFound", "Repository not found")
        : refusal(401, "RepoNotFound", "Invalid username or password.");
    return repository;
  }

  function describe(asked: Asked, kind: string, name: string, what: string, revision: string): Said {
    const repository = find(asked, kind, name);
    if (!("files" in repository)) return repository;
    if (repository.movedTo)
      return { status: 307, headers: { location: asked.path.replace(name, repository.movedTo) } };
    const commit = commitOf(repository, revision);
    if (!commit) return refusal(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    const files = Object.entries(repository.files);
    if (what === "tree") return tree(asked, files);
    const blobs = asked.query.get("blobs") === "true" && !withoutSizes;
    const siblings = files.map(([rfilename, { body, lfs }]) => ({
      rfilename,
      ...(blobs && {
        blobId: lfs ? gitSha1(`version https://git-lfs\n${sha256(body)}`) : gitSha1(body),
        size: Buffer.byteLength(body),
        ...(lfs && { lfs: { sha256: sha256(body), size: Buffer.byteLength(body), pointerSize: 130 } }),
      }),
    }));
    return json({
      id: name,
      private: repository.isPrivate ?? false,
      gated: repository.gated ? "auto" : false,
      sha: commit,
      siblings,
    });
  }

  function tree(asked: Asked, files: readonly [string, HubFile][]): Said {
    if (asked.query.get("recursive") !== "true") return { status: 400 };
    const folders = [
      ...new Set(
        files.flatMap(([path]) => (path.includes("/") ? [path.slice(0, path.lastIndexOf("/"))] : [])),
      ),
    ];
    const entries = [
      ...folders.map((path) => ({ type: "directory", oid: gitSha1(path), size: 0, path })),
      ...files.map(([path, { body, lfs }]) => ({
        type: "file",
        oid: lfs ? gitSha1(`version https://git-lfs\n${sha256(body)}`) : gitSha1(body),
        size: Buffer.byteLength(body),
        path,
        ...(lfs && { lfs: { oid: sha256(body), size: Buffer.byteLength(body), pointerSize: 130 } }),
      })),
    ];
    const from = Number(asked.query.get("cursor") ?? 0);
    const next = new URL(asked.path, server.url);
    next.searchParams.set("cursor", String(from + pageSize));
    const more = from + pageSize < entries.length;
    return json(entries.slice(from, from + pageSize), more ? { link: `<${next.href}>; rel="next"` } : {});
  }

  function resolve(
    asked: Asked,
    kind: string,
    name: string,
    revision: string,
    path: string,
    cached: boolean,
  ): Said {
    const repository = find(asked, kind, name);
    if (!("files" in repository)) return repository;
    const known = asked.headers.authorization !== undefined;
    if (repository.gated && !known)
      return refusal(401, "GatedRepo", `Access to model ${name} is restricted. You must have access to it.`);
    const commit = commitOf(repository, revision);
    if (!commit) return refusal(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    const file = repository.files[path];
    if (!file) return refusal(404, "EntryNotFound", "Entry not found");
    const facts = { "x-repo-commit": commit, "x-linked-size": String(Buffer.byteLength(file.body)) };
    if (file.lfs) {
      const oid = sha256(file.body);
      const expires = String(Math.floor(Date.now() / 1000) + signatureSeconds);
      const location = `${storage.url}/${oid}?Expires=${expires}&Signature=${sign(oid, expires)}`;
      return { status: 302, headers: { ...facts, location, "x-linked-etag": `"${oid}"` } };
    }
    if (!cached) {
      const encoded = path.split("/").map(encodeURIComponent).join("/");
      return {
        status: 307,
        headers: { ...facts, location: `/api/resolve-cache/${kind}/${name}/${commit}/${encoded}` },
      };
    }
    return ranged(Buffer.from(file.body), asked.headers.range, `"${gitSha1(file.body)}"`, facts);
  }

  return hub;
}

function commitOf(
  { commit = COMMIT, revisions = ["main"] }: HubRepository,
  revision: string,
): string | undefined {
  return revision === commit || revisions.includes(revision) ? commit : undefined;
}

const refusal = (status: number, code: string | undefined, message: string): Said => ({
  status,
  headers: {
    ...(code && { "x-error-code": code }),
    "x-error-message": message,
    "content-type": "application/json",
  },
  body: JSON.stringify({ error: message }),
});

const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Said => ({
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: JSON.stringify(value),
});

const decodePath = (path: string): string => path.split("/").map(decodeURIComponent).join("/");

function ranged(
  body: Uint8Array,
  range: string | undefined,
  etag: string,
  more: Readonly<Record<string, string>> = {},
): Said {
  const headers = { ...more, etag, "accept-ranges": "bytes", "content-length": String(body.length) };
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (start === undefined) return { headers, body };
  const last = Math.min(Number(end), body.length - 1);
  if (Number(start) > last) return { status: 416, headers: { "content-range": `bytes */${body.length}` } };
  const part = body.subarray(Number(start), last + 1);
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${last}/${body.length}` },
    body: part,
  };
}
