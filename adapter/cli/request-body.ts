// What `coldframe invoke` sends: --data, --file or standard input, and the content type that goes with it.

import { fstatSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { isUtf8 } from "node:buffer";
import { Refusal } from "./refusal.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".json": "application/json",
  ".ndjson": "application/x-ndjson",
  ".msgpack": "application/msgpack",
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".csv": "text/csv",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".gif": "image/gif",
  ".wav": "audio/wav",
  ".mp3": "audio/mpeg",
  ".flac": "audio/flac",
  ".ogg": "audio/ogg",
  ".pdf": "application/pdf",
};
const BINARY = "application/octet-stream";

export interface RequestBody {
  readonly bytes: Buffer;
  readonly contentType: string;
}

/** `undefined` when nothing was given and standard input is a terminal or empty. @throws OPTION_INVALID, FILE_NOT_FOUND */
export function readRequestBody(data: string | undefined, file: string | undefined): RequestBody | undefined {
  if (data !== undefined && file !== undefined) {
    throw new Refusal("OPTION_INVALID", "--data and --file were both given.", {
      fix: "Leave one of them out.",
    });
  }
  if (data !== undefined) return { bytes: Buffer.from(checkJson(data)), contentType: "application/json" };
  if (file !== undefined && file !== "-") return { bytes: readNamed(file), contentType: typeOf(file) };
  if (file === undefined && !isPiped()) return undefined;
  const bytes = readFileSync(0);
  return bytes.length === 0 && file === undefined ? undefined : { bytes, contentType: guess(bytes) };
}

function checkJson(data: string): string {
  try {
    JSON.parse(data);
    return data;
  } catch (error) {
    throw new Refusal("OPTION_INVALID", `--data is not JSON: ${(error as Error).message}`, {
      fix: `Quote it for the shell, as in --data '{"key":"value"}', or send a file with --file.`,
    });
  }
}

function readNamed(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Refusal("FILE_NOT_FOUND", `${file} cannot be read: ${(error as NodeJS.ErrnoException).code}.`, {
      fix: "Check the path; it is relative to the current folder, not to the project.",
    });
  }
}

/** A terminal, /dev/null and a closed input have nothing to say, and a read from the first would wait for ever. */
function isPiped(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isFile() || input.isSocket();
  } catch {
    return false;
  }
}

function typeOf(file: string): string {
  return TYPES[extname(file).toLowerCase()] ?? BINARY;
}

function guess(bytes: Buffer): string {
  if (!isUtf8(bytes)) return BINARY;
  try {
    JSON.parse(bytes.toString());
    return "application/json";
  } catch {
    return "text/plain";
  }
}
