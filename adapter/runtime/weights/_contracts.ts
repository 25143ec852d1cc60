// The words of weights: what config.yaml asks for, what a source says is there, what the artifact carries. A source is
// one file of this folder without "_", chosen by URL scheme: `s3://` is s3.ts. Types only.

/** One entry of `weights:` in config.yaml, checked and with its defaults. */
export interface WeightsEntry {
  /** As written: `s3://bucket/key`, `s3://bucket/prefix/`, `https://...`, `file:///...`, `hf://owner/repo@revision`. */
  readonly source: string;
  /** Relative to the data directory, with "/", without a trailing one; "" is the data directory. Of a source that is one file: the file. */
  readonly mount: string;
  /** `*` crosses "/", as in Truss; a name matches when one pattern does. Absent: all. Matched against the path below the mount. */
  readonly allowPatterns?: readonly string[];
  /** Wins over `allowPatterns`. */
  readonly ignorePatterns?: readonly string[];
  /** Lower-case hex; only of a source that is one file. */
  readonly sha256?: string;
  /** Of one S3 object. */
  readonly versionId?: string;
  readonly region?: string;
  /** Instead of AWS's: `https://minio.example:9000`. Of `hf://`: the hub's. */
  readonly endpoint?: string;
  readonly pathStyle?: boolean;
  readonly dualStack?: boolean;
  readonly requesterPays?: boolean;
  readonly auth?: WeightsAuth;
  /** `load()` does not wait for it: `await weights.ready(path)`. */
  readonly lazy?: boolean;
}

/** Truss's `auth`. Absent: AWS's own chain for S3, nothing for https, the secret `hf_access_token` where declared for hf. */
export interface WeightsAuth {
  /** A declared secret: JSON `{access_key_id, secret_access_key, session_token?, region?}` for S3, a token for the others. */
  readonly secret?: string;
  /** Assumed with the credentials found, or with web identity where the environment has it. */
  readonly roleArn?: string;
}

export type ChecksumAlgorithm = "crc32" | "crc32c" | "crc64nvme" | "sha256" | "sha1" | "md5" | "git-sha1";

/** A known checksum of a whole file. Lower-case hex, CRCs at their full width (8 or 16 digits). */
export interface Checksum {
  /** `git-sha1`: SHA-1 of `blob <size>\0` and the content, as Hugging Face names small files. */
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

/** Checksums of consecutive pieces, all of `size` bytes but the last: each piece can be verified alone. */
export interface Blocks {
  readonly algorithm: "crc32" | "crc32c" | "crc64nvme" | "sha256" | "sha1";
  readonly size: number;
  /** Base64 of the big-endian values, one after another. */
  readonly values: string;
}

/** One file as its source has it now. What pins it is part of it: the same record always means the same bytes. */
export interface RemoteFile {
  /** Below the mount, with "/"; "" when the source is one file and the mount names it. */
  readonly path: string;
  /** What the source calls it: an S3 key, a URL, a path in a repository, an absolute path. */
  readonly key: string;
  readonly size: number;
  /** With its quotes, as the server sent it; sent back as If-Match. */
  readonly etag?: string;
  readonly versionId?: string;
  /** Absent: only length and ETag are checked, and the file is reported as unverified. */
  readonly checksum?: Checksum;
  readonly blocks?: Blocks;
  /** Of an S3 multipart object: the size of all parts but the last. Ranges are aligned to it. */
  readonly partSize?: number;
  /** `false`: the server does not serve ranges; fetched in one piece with a plain GET. */
  readonly ranges?: false;
}

/** One source in weights.json of an artifact and, without the settings of access, in weights.lock.json. */
export interface ManifestSource extends WeightsEntry {
  /** Pinned when it was built. Absent: pinned at the cold start. */
  readonly files?: readonly RemoteFile[];
}

/** weights.json of an artifact. */
export interface WeightsManifest {
  readonly version: 1;
  /** Names the data directory: two deployments share one when they ask for the same. Hex, of all that decides the files. */
  readonly digest: string;
  /** `serverless.weights` where it is not the default. */
  readonly options?: WeightsOptions;
  readonly sources: readonly ManifestSource[];
}

/** How all sources of a deployment are fetched. */
export interface WeightsOptions {
  /** `false`: length and ETag alone are checked on the way in. */
  readonly verify?: boolean;
  /** What a warm start compares: `stat`, the default, or the checksums too. */
  readonly verifyWarm?: "stat" | "full";
  /** Connections at a time. */
  readonly connections?: number;
}

/** Where one GET goes. Range and If-Match are added by who sends it; they are never signed. */
export interface HttpTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer that is not the expected one, or a small document. Header names are lower case. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** At most 64 KiB of it when the answer is an error. */
  readonly body: Uint8Array;
}

/** What a source makes of an answer that is not the bytes asked for. */
export type Verdict =
  /** Later: SlowDown, 5xx. `slow` also halves the number of connections. */
  | { readonly action: "retry"; readonly afterMs?: number; readonly slow?: boolean; readonly error: Error }
  /** At once and once: the source has changed what `target` answers (credentials, clock, region, redirect). */
  | { readonly action: "again"; readonly error: Error }
  /** It is not the pinned object any more (412, 416). */
  | { readonly action: "changed"; readonly error: Error }
  | { readonly action: "fail"; readonly error: Error };

/** What a source may use. */
export interface Access {
  /** One small request with time limits, retries by `judge`, and the answer in memory. @throws what `judge` says, WEIGHTS_UNREACHABLE */
  fetch(
    method: "GET" | "HEAD",
    target: () => Promise<HttpTarget>,
    judge: (answer: HttpAnswer) => Verdict,
  ): Promise<HttpAnswer>;
  /** What an operator should know and nobody has to act on now: a sentence. */
  warn?(sentence: string): void;
  /** The value of a declared secret. */
  secret(name: string): Promise<string | undefined>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A source whose files are fetched with HTTP. One object per entry; it may remember credentials, clock and region. */
export interface HttpSource {
  readonly kind: "http";
  /** Everything there now, in pages as they come; patterns are applied by the caller. */
  list(): AsyncIterable<readonly RemoteFile[]>;
  /** Asked for every request, so cached by the source as long as it is valid. */
  target(file: RemoteFile): Promise<HttpTarget>;
  judge(answer: HttpAnswer, file: RemoteFile): Verdict;
  /**
   * Its bytes do not have the checksum that was given: what the file is when it is looked at itself, where that may have
   * been a guess. `undefined`: none, or none that was wrong.
   */
  confirm?(file: RemoteFile): Promise<RemoteFile | undefined>;
}

/** A source whose files are on this machine. */
export interface LocalSource {
  readonly kind: "local";
  list(): AsyncIterable<readonly RemoteFile[]>;
}

export type WeightsSource = HttpSource | LocalSource;

/** The default export of a source's file. Does nothing that fails before `list` or `target` is called. */
export type CreateSource = (entry: WeightsEntry, access: Access) => WeightsSource;

/** By URL scheme: `s3` is s3.ts. */
export type SourceFiles = Readonly<Record<string, () => Promise<{ readonly default: CreateSource }>>>;

/** A file and the place it goes to: what planning makes of entries and lists. */
export interface PlannedFile {
  /** Relative to the data directory; safe on any file system: see files/plan.ts. */
  readonly path: string;
  readonly file: RemoteFile;
  readonly source: WeightsSource;
  readonly entry: WeightsEntry;
  /** Names its content: same id, same bytes. Hex. */
  readonly id: string;
}

export interface FetchStats {
  readonly files: number;
  readonly bytes: number;
  /** Of `bytes`: what came over the network, without what a journal had kept or another deployment already had. */
  readonly fetchedBytes: number;
  readonly requests: number;
  readonly retries: number;
  /** Files without any checksum to hold them against. */
  readonly unverified: number;
}
