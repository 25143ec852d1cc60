// The part of yazl that zip.ts uses; the package has no types of its own. Source: yazl 3.3 README.

declare module "yazl" {
  import type { Readable } from "node:stream";

  interface EntryOptions {
    mtime?: Date;
    mode?: number;
    compressionLevel?: number;
    /** Without the extra field that holds seconds since the epoch. */
    forceDosTimestamp?: boolean;
  }

  export class ZipFile {
    readonly outputStream: Readable;
    addBuffer(bytes: Buffer, path: string, options?: EntryOptions): void;
    addEmptyDirectory(path: string, options?: Omit<EntryOptions, "compressionLevel">): void;
    end(): void;
    on(event: "error", listener: (error: Error) => void): this;
  }
}
