// What the URL of a weights source says by itself: its scheme, whether it is one file or many, and what is wrong with
// it. The scheme is the name of a file in runtime/weights/; which keys may stand beside it is config.ts.

import { readHfSource } from "../../runtime/weights/sources/hf-repository.ts";
import { nameOf } from "../../runtime/weights/files/plan.ts";
import { readS3Source } from "../../runtime/weights/sources/s3-address.ts";
import { nearestOf } from "../config-problems.ts";

/** What is known of a source without asking it. */
export interface SourceUrl {
  /** The file in runtime/weights/: `https` for `http://` too. */
  readonly scheme: string;
  /** One file, whose name this is; undefined of a prefix, a folder or a repository. */
  readonly fileName: string | undefined;
  /** Why the source may hold other bytes tomorrow, or stop answering. */
  readonly warning?: string;
}

/** Schemes of Truss without a file here -> the way out. */
const TRUSS_SCHEMES: ReadonlyMap<string, string> = new Map([
  ["gs", "copy it to S3, or name one object as https://storage.googleapis.com/<bucket>/<object>"],
  ["azure", "copy it to S3, or name one blob as https://<account>.blob.core.windows.net/<container>/<blob>"],
  [
    "r2",
    "R2 speaks S3: write s3://<bucket>/<prefix>/ with endpoint: https://<account>.r2.cloudflarestorage.com and auth_secret_name",
  ],
  [
    "cw",
    "CoreWeave speaks S3: write s3://<bucket>/<prefix>/ with endpoint: https://cwobject.com and auth_secret_name",
  ],
]);

const EXAMPLES: Readonly<Record<string, string>> = {
  s3: "s3://bucket/key or s3://bucket/prefix/",
  https: "https://host/file",
  hf: "hf://owner/repo@revision",
  file: "file:///folder/ or file:///folder/file",
};

/**
 * @param schemes the files of runtime/weights/
 * @returns what the URL says, or the sentence that refuses it
 */
export function readSource(source: string, schemes: readonly string[]): SourceUrl | string {
  const written = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(source)?.[1]?.toLowerCase();
  const allowed = schemes.map((scheme) => EXAMPLES[scheme] ?? `${scheme}://...`).join(", ");
  const found = `found ${JSON.stringify(nameOf(source))}`;
  if (written === undefined) return `${found}, allowed ${allowed}; files of the project belong in data/.`;
  const instead = TRUSS_SCHEMES.get(written);
  const scheme = written === "http" ? "https" : written;
  if (!schemes.includes(scheme)) {
    if (instead !== undefined) return `${found}, whose ${written}:// is not fetched: ${instead}.`;
    const nearest = nearestOf(written, schemes);
    return `${found}, allowed ${allowed}${nearest === undefined ? "" : `; did you mean ${nearest}://?`}`;
  }
  if (!source.slice(written.length).startsWith("://") || /[\0-\x1f]/.test(source)) {
    return `${found}, allowed ${allowed}`;
  }
  const read = READERS[scheme] ?? readPath;
  return read(source, found, scheme);
}

type Reader = (source: string, found: string, scheme: string) => SourceUrl | string;

/** Of a scheme that nothing more is known of: what ends with "/" is many files. */
const readPath: Reader = (source, _found, scheme) => ({ scheme, fileName: lastName(source) });

const READERS: Readonly<Record<string, Reader>> = {
  s3(source, found, scheme) {
    try {
      return { scheme, fileName: lastName(readS3Source(source).key) };
    } catch {
      return `${found}, allowed ${EXAMPLES["s3"]}`;
    }
  },
  https(source, found, scheme) {
    const url = URL.canParse(source) ? new URL(source) : undefined;
    if (url === undefined || url.hostname === "") return `${found}, allowed ${EXAMPLES["https"]}`;
    if (url.username !== "" || url.password !== "") {
      return `${found} with a name or password before the host: declare a token under secrets, and name it in auth_secret_name.`;
    }
    const fileName = decoded(lastName(url.pathname));
    if (fileName === undefined) {
      return `${found}, which names no file: HTTP lists no folders, so write one entry for each file.`;
    }
    const expires = [...url.searchParams.keys()].some((name) =>
      /^(X-Amz-Signature|Signature|sig)$/i.test(name),
    );
    return {
      scheme,
      fileName,
      ...(expires && {
        warning: "is a presigned URL, which expires; the function will then not start. Use s3:// or a token.",
      }),
    };
  },
  hf(source, found, scheme) {
    let revision: string | undefined;
    try {
      ({ revision } = readHfSource(source));
    } catch {
      return `${found}, allowed ${EXAMPLES["hf"]}; allow_patterns choose files of it`;
    }
    const warning =
      "names no revision, so its files change when the repository does; write hf://owner/repo@<commit>.";
    return { scheme, fileName: undefined, ...(revision === undefined && { warning }) };
  },
  file(source, found, scheme) {
    const path = source.slice("file://".length);
    if (!path.startsWith("/")) {
      return `${found}, allowed ${EXAMPLES["file"]}: a path on the function's machine, such as a mounted volume; files of the project belong in data/.`;
    }
    return { scheme, fileName: lastName(path) };
  },
};

/** What follows the last "/"; undefined when nothing does. */
function lastName(path: string): string | undefined {
  return path.slice(path.lastIndexOf("/") + 1) || undefined;
}

function decoded(name: string | undefined): string | undefined {
  try {
    return name === undefined ? undefined : decodeURIComponent(name);
  } catch {
    return name;
  }
}
