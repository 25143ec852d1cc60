// A certificate for 127.0.0.1 that signs itself, made by openssl.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  /** PEM, both. */
  readonly key: string;
  readonly cert: string;
  /** Path of `cert`, for NODE_EXTRA_CA_CERTS. */
  readonly file: string;
}

/** @param folder for the two files */
export function makeCertificate(folder: string): Certificate {
  const key = join(folder, "key.pem");
  const file = join(folder, "certificate.pem");
  const kind = [
    "req",
    "-x509",
    "-nodes",
    "-days",
    "2",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
  ];
  const name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...kind, ...name, "-keyout", key, "-out", file], { stdio: "ignore" });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(file, "utf8"), file };
}
