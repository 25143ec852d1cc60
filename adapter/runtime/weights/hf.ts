// `hf://owner/name@revision`: a repository of the Hugging Face Hub. The hub says which commit a revision is and what is
// in it; large files come from a storage of its own, by addresses that are signed for some time and need no token.

import { ColdframeError } from "../errors.ts";
import type { Access, CreateSource, HttpAnswer, HttpTarget, RemoteFile, WeightsEntry } from "./_contracts.ts";
import { type HfAsker, judgeHf, judgeStorage, TOKEN_SECRET } from "./sources/hf-judge.ts";
import {
  filePath,
  nextLink,
  type Repository,
  readHfSource,
  readSnapshot,
  readTreePage,
  revisionPath,
  treePath,
} from "./sources/hf-repository.ts";
import { Locations } from "./sources/locations.ts";
import { follow, type Location } from "./sources/redirect.ts";
import { checkEncrypted, isAddressable } from "./sources/url.ts";

const HUB = "https://huggingface.co";

interface Hub {
  readonly repository: Repository;
  /** Without a "/" at the end. */
  readonly root: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly asker: HfAsker;
}

const createHfSource: CreateSource = (entry, access) => {
  const locations = new Locations(checkEncrypted);
  let opening: Promise<Hub> | undefined;
  let asker: HfAsker | undefined;

  function open(): Promise<Hub> {
    opening ??= openHub(entry, access).then((hub) => {
      asker = hub.asker;
      return hub;
    });
    return opening;
  }

  return {
    kind: "http",

    async *list() {
      const hub = await open();
      if (hub.repository.revision === undefined) {
        access.warn?.(
          `${entry.source} has no revision: its main branch may be another model tomorrow; write hf://owner/name@<commit>.`,
        );
      }
      const { body } = await ask(access, hub, hub.root + revisionPath(hub.repository));
      const { commit, files } = readSnapshot(body, hub.repository);
      if (files) yield files;
      else yield* treePages(access, hub, commit);
    },

    async target(file) {
      const hub = await open();
      return (await locations.get(file.key, () => locate(access, hub, file))).target;
    },

    judge(answer, file) {
      const judge = locations.known(file.key)?.redirected ? judgeStorage : judgeHf;
      return locations.reconsider(file.key, answer, judge(answer, asker as HfAsker, file.key));
    },
  };
};

export default createHfSource;

/** Where the bytes of a file are: at the hub, or where it sends to. */
function locate(access: Access, hub: Hub, { key, versionId }: RemoteFile): Promise<Location> {
  const { repository, root, headers, asker } = hub;
  if (!isAddressable(key)) {
    const message = `${key} of ${repository.name} cannot be fetched: a URL has no "." and ".." as names.`;
    throw new ColdframeError("WEIGHTS_INVALID", message);
  }
  const url = new URL(root + filePath(repository, versionId ?? repository.revision ?? "main", key));
  return follow(
    access,
    "HEAD",
    { url, headers },
    {
      check: checkEncrypted,
      // What is signed there is signed for a GET.
      stop: (to) => to.origin !== url.origin,
      judge: (answer) => judgeHf(answer, asker, key),
    },
  );
}

async function openHub(entry: WeightsEntry, access: Access): Promise<Hub> {
  const repository = readHfSource(entry.source);
  const endpoint = entry.endpoint ?? (access.environment["HF_ENDPOINT"] || HUB);
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ColdframeError("WEIGHTS_INVALID", `${JSON.stringify(endpoint)} is no address of a hub.`, {
      fix: "Write it as `https://host`, in `endpoint` of the weights entry or in HF_ENDPOINT.",
    });
  }
  checkEncrypted(url);
  const { token, secret } = await findToken(entry, access);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const root = `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  return { repository, root, headers, asker: { repository, authorized: token !== undefined, secret } };
}

/** The secret the entry names, or the one that is called as Truss calls it where that is declared, or the hub's own variable. */
async function findToken(
  entry: WeightsEntry,
  access: Access,
): Promise<{ readonly token: string | undefined; readonly secret: string }> {
  const named = entry.auth?.secret;
  if (named !== undefined) {
    const token = (await access.secret(named))?.trim();
    if (token) return { token, secret: named };
    throw new ColdframeError("WEIGHTS_FORBIDDEN", `the secret "${named}" for ${entry.source} has no value.`);
  }
  const token = (await access.secret(TOKEN_SECRET).catch(() => undefined))?.trim();
  return { token: token || access.environment["HF_TOKEN"]?.trim() || undefined, secret: TOKEN_SECRET };
}

/** One document of the API; a repository that was renamed redirects. */
async function ask(access: Access, { headers, asker }: Hub, address: string): Promise<HttpAnswer> {
  const start: HttpTarget = { url: new URL(address), headers };
  const { answer } = await follow(access, "GET", start, {
    check: checkEncrypted,
    judge: (answer) => judgeHf(answer, asker),
  });
  return answer as HttpAnswer;
}

async function* treePages(access: Access, hub: Hub, commit: string): AsyncGenerator<readonly RemoteFile[]> {
  const { repository, root } = hub;
  const asked = new Set<string>();
  for (let address: string | undefined = root + treePath(repository, commit); address !== undefined; ) {
    if (asked.has(address)) throw endless(repository, "leads back to itself");
    asked.add(address);
    const { body, headers }: HttpAnswer = await ask(access, hub, address);
    yield readTreePage(body, repository, commit);
    const next: string | undefined = nextLink(headers["link"]);
    // The token goes there, too.
    if (next !== undefined && new URL(next, address).origin !== new URL(root).origin)
      throw endless(repository, "leads to another host");
    address = next === undefined ? undefined : new URL(next, address).href;
  }
}

const endless = ({ name }: Repository, what: string): ColdframeError =>
  new ColdframeError("WEIGHTS_UNREACHABLE", `the list of files of ${name} ${what}.`);
