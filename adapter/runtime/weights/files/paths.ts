// Which paths may become files of the data directory. Object stores allow any key; a file system does not, and some of
// those keys lead out of the folder. Source of the limits: path_resolution(7), limits.h (NAME_MAX 255, PATH_MAX 4096),
// learn.microsoft.com/windows/win32/fileio/naming-a-file.

const MAX_SEGMENT_BYTES = 255;

/** PATH_MAX of Linux, less what the data root may take. */
const MAX_PATH_BYTES = 3000;

/** What files are called until they are complete, in the folder they belong to. */
export const TEMPORARY_PREFIX = ".coldframe-";

/** NUL and control characters, which no terminal and few tools survive. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Devices of Windows, with any extension; and what it drops from the end of a name, or takes for a stream. */
const WINDOWS = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$|[. ]$|[<>:"|?*]/i;

/**
 * Why `path` (relative, with "/") may not be a file of the data directory, as the end of a sentence; `undefined` when
 * it may.
 */
export function pathProblem(path: string, platform: NodeJS.Platform = process.platform): string | undefined {
  if (path === "") return "it has no name";
  if (path.startsWith("/")) return "its path is absolute";
  if (path.includes("\\")) return "it has a backslash";
  if (CONTROL.test(path)) return "it has a control character";
  // Written as U+FFFD, so that two names become one.
  if (!path.isWellFormed()) return "it is not valid Unicode";
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) return `its path has ${bytes} bytes, and ${MAX_PATH_BYTES} is the most`;
  for (const segment of path.split("/")) {
    if (segment === "") return "it has an empty part between two slashes";
    if (segment === "." || segment === "..") return `it has the part "${segment}"`;
    if (segment.startsWith(TEMPORARY_PREFIX)) return `names that begin with ${TEMPORARY_PREFIX} are reserved`;
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
      return `a part of its path has over ${MAX_SEGMENT_BYTES} bytes`;
    if (platform === "win32" && WINDOWS.test(segment)) return `Windows has no file called "${segment}"`;
  }
  return undefined;
}

/** The name a file system that ignores case and composes accents knows `path` by: equal names are one file there. */
export const foldCase = (path: string): string => path.normalize("NFC").toLowerCase();
