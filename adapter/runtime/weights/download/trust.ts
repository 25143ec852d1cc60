// Whose certificates are believed: Node's own list, what NODE_EXTRA_CA_CERTS adds to it, and what AWS_CA_BUNDLE names, the
// variable that the AWS tools read. Source: docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html.

import { readFileSync } from "node:fs";
import * as tls from "node:tls";
import { ColdframeError } from "../../errors.ts";

/** What TLS connections are made with: expensive, so once for all of a thread. @throws WEIGHTS_UNREACHABLE */
export function secureContext({
  AWS_CA_BUNDLE,
  NODE_EXTRA_CA_CERTS,
}: Readonly<Record<string, string | undefined>>): tls.SecureContext {
  if (!AWS_CA_BUNDLE) return tls.createSecureContext();
  // A list of our own replaces Node's, and with it what NODE_EXTRA_CA_CERTS has added. Node 22 before 22.15 cannot say it.
  const own =
    tls.getCACertificates?.("default") ??
    [...tls.rootCertificates].concat(
      NODE_EXTRA_CA_CERTS ? readCertificates("NODE_EXTRA_CA_CERTS", NODE_EXTRA_CA_CERTS) : [],
    );
  return tls.createSecureContext({ ca: [...own, readCertificates("AWS_CA_BUNDLE", AWS_CA_BUNDLE)] });
}

function readCertificates(variable: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ColdframeError(
      "WEIGHTS_UNREACHABLE",
      `${variable} names a file that cannot be read: ${path}.`,
      {
        fix: `Put the certificates there, or unset ${variable}.`,
        cause,
      },
    );
  }
}
