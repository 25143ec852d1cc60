// What ends a download, in words: what was found, and the way out. Nothing here may print what comes after a URL's path,
// for it may be a signature.

import { ColdframeError } from "../../errors.ts";
import type { PlannedFile } from "../_contracts.ts";
import { toDiskError } from "../files/disk-error.ts";
import type { Mismatch } from "../files/part-file.ts";

/** A URL as it may be printed: what is after the path may be a signature. */
export const printable = ({ origin, pathname }: URL): string => origin + pathname;

/** @param what the last thing that went wrong. @param progress such as `3 of 8 bytes had arrived` */
export function unreachable(
  url: URL,
  what: string,
  { tries, progress, cause }: { tries: number; progress?: string; cause?: unknown },
): ColdframeError {
  const times = tries === 1 ? "at the first try" : `after ${tries} tries`;
  const had = progress === undefined ? "" : `; ${progress}`;
  return new ColdframeError(
    "WEIGHTS_UNREACHABLE",
    `${printable(url)} could not be fetched ${times}: ${what.replace(/\.$/, "")}${had}.`,
    { fix: wayOut(what), cause },
  );
}

function wayOut(what: string): string {
  if (/certificate|self.signed|issuer/i.test(what)) {
    return "Name the authority that signed it in NODE_EXTRA_CA_CERTS or AWS_CA_BUNDLE.";
  }
  if (/answered 200 to a request for bytes/.test(what)) {
    return "The server, or a proxy before it, does not serve ranges: fetch from one that does.";
  }
  if (/look up|looked up/.test(what)) {
    return "Check the host's name; inside a VPC, that its resolver knows it.";
  }
  return "Check that this machine reaches the host: inside a VPC this takes a NAT gateway or an endpoint; behind a proxy, HTTPS_PROXY.";
}

/** @param found the end of a sentence: `the ETag "b"`. @param cause what the source said, if it did */
export function changed({ path, file }: PlannedFile, found: string, cause?: unknown): ColdframeError {
  const pin = file.etag === undefined ? `${file.size} bytes` : `${file.size} bytes and the ETag ${file.etag}`;
  return new ColdframeError(
    "WEIGHTS_CHANGED",
    `${path} is not what was pinned: expected ${pin}, found ${found}.`,
    {
      fix: "Build again to pin what is there now, or upload under a new name and leave this one alone.",
      cause,
    },
  );
}

/** @param mismatch of the second time. @param path of the file */
export function corrupt({ path }: PlannedFile, mismatch: Mismatch | undefined): ColdframeError {
  const {
    algorithm = "checksum",
    expected = "another",
    found = "unknown",
    start = 0,
    end = 0,
  } = mismatch ?? {};
  return new ColdframeError(
    "WEIGHTS_CORRUPT",
    `${path} came twice with wrong bytes: the ${algorithm} of bytes ${start}-${end - 1} is ${found}, expected ${expected}.`,
    { fix: "Upload the file again; if its checksum was written by hand, correct it." },
  );
}

/** Of a file in the data root that could not be opened or written. */
export function diskFailed(error: unknown, path: string): unknown {
  if (error instanceof ColdframeError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const known = toDiskError(error, path);
  if (known !== error || !/^E[A-Z0-9]+$/.test(code)) return known;
  const fix = /^E[MN]FILE$/.test(code)
    ? "Raise the limit of open files (`ulimit -n`), or lower the number of connections."
    : "Set COLDFRAME_DATA_DIR to a folder that can be written.";
  return new ColdframeError("WEIGHTS_NO_ROOM", `${path} cannot be written: ${message}.`, {
    fix,
    cause: error,
  });
}

/** Of a source that is on this machine. */
export function sourceUnreadable(code: string, message: string, path: string): ColdframeError {
  return new ColdframeError(
    code === "ENOENT" ? "WEIGHTS_NOT_FOUND" : "WEIGHTS_FORBIDDEN",
    `${path} cannot be read: ${message}.`,
    { fix: "Check that the file is there and that this process may read it." },
  );
}
