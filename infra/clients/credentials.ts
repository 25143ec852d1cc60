// Who signs. The form is that of AWS's SDK, so that its providers (`fromNodeProviderChain()`, Cognito's, ...) are taken
// as they are; where they come from is not asked here.

import { ColdframeClientError } from "./client-error.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

export type CredentialProvider = () => AwsCredentials | Promise<AwsCredentials>;

/** Credentials that expire sooner are asked for again: AWS's own limit between clocks. */
const MARGIN_MS = 5 * 60_000;

/** The same credentials until they are about to expire; those that do not say when are asked for each time. */
export function remembered(given: AwsCredentials | CredentialProvider): () => Promise<AwsCredentials> {
  let current: AwsCredentials | undefined;
  let pending: Promise<AwsCredentials> | undefined;

  async function ask(provider: CredentialProvider): Promise<AwsCredentials> {
    try {
      current = await provider();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ColdframeClientError("CREDENTIALS_FAILED", `there are no AWS credentials: ${why}`, { cause });
    }
    if (current?.accessKeyId && current.secretAccessKey) return current;
    throw new ColdframeClientError(
      "CREDENTIALS_FAILED",
      "`credentials` gave no accessKeyId or no secretAccessKey.",
    );
  }

  return async () => {
    if (typeof given !== "function") return given;
    const remainingMs = (current?.expiration?.getTime() ?? 0) - Date.now();
    if (current !== undefined && remainingMs > MARGIN_MS) return current;
    pending ??= ask(given).finally(() => {
      pending = undefined;
    });
    return pending;
  };
}
