// `https://host/file`: one file of any web server or presigned address; `http://` to this machine, or with a sha256. What
// the server says of it decides: without a length it is refused, without ranges it comes in one piece.

import { ColdframeError } from "../errors.ts";
import type { Access, CreateSource, HttpAnswer, HttpTarget, RemoteFile, WeightsEntry } from "./_contracts.ts";
import { checksumOf } from "./sources/http-checksums.ts";
import { judgeHttps } from "./sources/https-judge.ts";
import { Locations } from "./sources/locations.ts";
import { nameOf } from "./files/plan.ts";
import { follow, type Location } from "./sources/redirect.ts";
import { checkEncrypted } from "./sources/url.ts";

/** A presigned address is signed for one method, and some servers know no HEAD. */
class HeadRefused extends Error {}

const createHttpsSource: CreateSource = (entry, access) => {
  const locations = new Locations((url) => check(url, entry));
  const find = () => locations.get(entry.source, () => ask(entry, access));
  /** Where there is no ETag to pin a file with. */
  let unmodifiedSince: string | undefined;

  return {
    kind: "http",

    async *list() {
      locations.forget(entry.source);
      const { answer } = await find();
      const file = fileOf(entry, answer as HttpAnswer);
      unmodifiedSince = file.etag === undefined ? answer?.headers["last-modified"] : undefined;
      yield [file];
    },

    async target() {
      const { target } = await find();
      if (unmodifiedSince === undefined) return target;
      return { ...target, headers: { ...target.headers, "if-unmodified-since": unmodifiedSince } };
    },

    judge: (answer) => locations.reconsider(entry.source, answer, judgeHttps(answer, entry)),
  };
};

export default createHttpsSource;

/** The end of the redirects, and what is said there of the file. */
async function ask(entry: WeightsEntry, access: Access): Promise<Location> {
  const start = await startOf(entry, access);
  const options = {
    check: (url: URL) => check(url, entry),
    judge: (answer: HttpAnswer) => judgeHttps(answer, entry),
  };
  try {
    const location = await follow(access, "HEAD", start, {
      ...options,
      judge(answer) {
        const verdict = judgeHttps(answer, entry);
        return verdict.action === "fail" ? { action: "fail", error: new HeadRefused() } : verdict;
      },
    });
    if (location.answer?.headers["content-length"] !== undefined) return location;
  } catch (error) {
    if (!(error instanceof HeadRefused)) throw error;
  }
  try {
    const ranged = { ...start, headers: { ...start.headers, range: "bytes=0-0" } };
    const location = await follow(access, "GET", ranged, options);
    const { range: _range, ...headers } = location.target.headers;
    return { ...location, target: { ...location.target, headers } };
  } catch (error) {
    // The whole file came instead, and was too long for a small document.
    if (!(error instanceof ColdframeError) || error.code !== "WEIGHTS_INVALID") throw error;
    throw noSize(entry, error);
  }
}

async function startOf(entry: WeightsEntry, access: Access): Promise<HttpTarget> {
  const url = URL.canParse(entry.source) ? new URL(entry.source) : undefined;
  if (!url) throw new ColdframeError("WEIGHTS_INVALID", `${nameOf(entry.source)} is no address.`);
  if (url.username || url.password)
    throw new ColdframeError("WEIGHTS_INVALID", `${nameOf(entry.source)} has a password in it.`, {
      fix: "Declare a secret that holds a token, and name it in `auth_secret_name`.",
    });
  url.hash = "";
  const name = entry.auth?.secret;
  if (name === undefined) return { url, headers: {} };
  const token = (await access.secret(name))?.trim();
  if (token) return { url, headers: { authorization: `Bearer ${token}` } };
  throw new ColdframeError(
    "WEIGHTS_FORBIDDEN",
    `the secret "${name}" for ${nameOf(entry.source)} has no value.`,
  );
}

function fileOf(entry: WeightsEntry, { status, headers }: HttpAnswer): RemoteFile {
  const partial = status === 206;
  const size = partial
    ? /^bytes 0-0\/(\d{1,15})$/.exec(headers["content-range"] ?? "")?.[1]
    : headers["content-length"];
  if (size === undefined || !/^\d{1,15}$/.test(size)) {
    throw noSize(entry);
  }
  const etag = headers["etag"];
  const checksum = checksumOf(headers, partial);
  return {
    path: "",
    // Without its query, which may sign it.
    key: nameOf(entry.source),
    size: Number(size),
    // A weak one also stands for other bytes that mean the same.
    ...(etag?.startsWith('"') && { etag }),
    ...(checksum && { checksum }),
    ...(!partial && !/\bbytes\b/i.test(headers["accept-ranges"] ?? "") && { ranges: false as const }),
  };
}

const noSize = (entry: WeightsEntry, cause?: unknown): ColdframeError =>
  new ColdframeError(
    "WEIGHTS_UNREACHABLE",
    `${nameOf(entry.source)} tells its size neither to HEAD nor to a range.`,
    { fix: "Fetch it from a server that sends Content-Length, as every object store does.", cause },
  );

function check(url: URL, { sha256 }: WeightsEntry): void {
  if (sha256 === undefined) checkEncrypted(url, "Use https://, or add the file's sha256.");
}
