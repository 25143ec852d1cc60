// Secrets whose value is the address of another: `aws-secretsmanager://name#key` and `aws-ssm:///path`. Read once per
// cold start, all at the same time, each one once however many of its keys are used; read again in the background when
// a reference asks for that. Loaded only by deployments that have one. How AWS is asked is aws/secret-store.ts.

import { createSecretStore, type SecretStore, type StoredSecret } from "./aws/secret-store.ts";
import { ColdframeError } from "./errors.ts";
import { logAnything } from "./observe/log-anything.ts";

/** Service, id, query, key, query: the query before or behind the key, both are written. */
const REFERENCE = /^aws-(secretsmanager|ssm):\/\/([^?#]+)(?:\?([^#]*))?(?:#([^?]+))?(?:\?(.*))?$/s;

/** How long a failed refresh is not tried again, at most. */
const RETRY_MS = 30_000;

interface Reference {
  /** Of the declared secret. */
  readonly name: string;
  readonly text: string;
  readonly service: StoredSecret["service"];
  readonly id: string;
  /** Of a secret that is a JSON object. */
  readonly key: string | undefined;
  /** Absent: read once. */
  readonly ttlMs: number | undefined;
  readonly versionStage: string | undefined;
  readonly versionId: string | undefined;
}

/**
 * Read what the references point at.
 * @param references by the name of the declared secret
 * @returns by the same name, what gives the value: the last one read, while a newer one is fetched in the background
 * once `?ttl=` seconds have passed. A frozen environment fetches nothing; it does so at the first use after that.
 * @throws SECRET_UNREADABLE naming each that cannot be read
 */
export async function resolveReferences(
  references: ReadonlyMap<string, string>,
  store: SecretStore = createSecretStore(process.env),
): Promise<Map<string, () => string>> {
  const groups = new Map<string, Reference[]>();
  for (const [name, text] of references) {
    const reference = parse(name, text);
    const { service, id, versionStage, versionId } = reference;
    const place = JSON.stringify([service, id, versionStage, versionId]);
    groups.set(place, [...(groups.get(place) ?? []), reference]);
  }
  const results = await Promise.allSettled([...groups.values()].map((group) => open(group, store)));
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  if (failures.length > 0) throw together(failures);
  return new Map(results.flatMap((result) => (result.status === "fulfilled" ? result.value : [])));
}

/** What a value points at; `undefined` for a value that is the secret itself. */
export function referenceOf(value: string): Pick<StoredSecret, "service" | "id"> | undefined {
  const [, service, id] = REFERENCE.exec(value) ?? [];
  return id === undefined ? undefined : { service: service as StoredSecret["service"], id };
}

/** One stored secret, and everybody who wants something of it. */
async function open(group: readonly Reference[], store: SecretStore): Promise<[string, () => string][]> {
  const { service, id, versionStage, versionId } = group[0] as Reference;
  const stored: StoredSecret = { service, id, versionStage, versionId, subject: subjectOf(group) };
  let values = pick(group, await store.read(stored));
  let readAt = Date.now();
  let notBefore = 0;
  let refreshing = false;

  async function refresh(ttlMs: number): Promise<void> {
    try {
      values = pick(group, await store.read(stored, true));
      readAt = Date.now();
    } catch (error) {
      notBefore = Date.now() + Math.min(ttlMs, RETRY_MS);
      const { name: errorType, message: errorMessage } = error as Error;
      logAnything("warn", "a secret could not be read again; its last value is kept", {
        error: { errorType, errorMessage },
      });
    } finally {
      refreshing = false;
    }
  }

  return group.map(({ name, ttlMs }, index) => [
    name,
    () => {
      const now = Date.now();
      if (ttlMs !== undefined && !refreshing && now - readAt >= ttlMs && now >= notBefore) {
        refreshing = true;
        void refresh(ttlMs);
      }
      return values[index] as string;
    },
  ]);
}

/** The value of each. @throws SECRET_UNREADABLE, without a word of the text */
function pick(group: readonly Reference[], text: string): string[] {
  return group.map((reference) => {
    const value = reference.key === undefined ? text : valueOf(reference, reference.key, text);
    if (value !== "") return value;
    throw unreadable(subjectOf([reference]), "it is empty", "Put a value there.");
  });
}

function valueOf(reference: Reference, key: string, text: string): string {
  const subject = subjectOf([reference]);
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // Not as the cause: it quotes the secret.
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    const fix = `Store it as \`{"${key}": "..."}\`, or take \`#${key}\` away.`;
    throw unreadable(subject, "it is no JSON object, so it has no keys", fix);
  }
  const value = Object.hasOwn(fields, key) ? (fields as Record<string, unknown>)[key] : undefined;
  if (typeof value === "string") return value;
  if (value !== undefined && value !== null) return JSON.stringify(value);
  const keys = Object.keys(fields);
  const found = keys.length === 0 ? "it has no keys at all" : `it has ${keys.join(", ")}`;
  throw unreadable(subject, `it has no key "${key}"; ${found}`, "Check the part behind `#`.");
}

function parse(name: string, text: string): Reference {
  const wrong = (what: string): ColdframeError =>
    unreadable(
      `the secret "${name}" (${text})`,
      what,
      "Write `aws-secretsmanager://name#key`, `aws-ssm:///path` or an ARN behind `//`, and `?ttl=300` to read it again after so many seconds.",
    );
  const parts = REFERENCE.exec(text);
  if (!parts) throw wrong("that is no reference");
  const [, service, id, before, key, behind] = parts as unknown as [
    string,
    Reference["service"],
    string,
    ...string[],
  ];
  const query = new URLSearchParams(behind ?? before);
  const allowed = service === "ssm" ? ["ttl"] : ["ttl", "version_stage", "version_id"];
  for (const parameter of query.keys()) {
    if (allowed.includes(parameter)) continue;
    const version = service === "ssm" ? "; a version is written behind the name, as in `/path:3`" : "";
    throw wrong(`it has \`${parameter}\`, and only ${allowed.join(", ")} can be set${version}`);
  }
  const ttl = query.get("ttl");
  if (ttl !== null && !/^[1-9]\d{0,8}$/.test(ttl)) throw wrong("its ttl is no whole number of seconds");
  return {
    name,
    text,
    service,
    id,
    key,
    ttlMs: ttl === null ? undefined : Number(ttl) * 1000,
    versionStage: query.get("version_stage") ?? undefined,
    versionId: query.get("version_id") ?? undefined,
  };
}

const subjectOf = (group: readonly Reference[]): string =>
  group.map(({ name, text }) => `the secret "${name}" (${text})`).join(" and ");

const unreadable = (subject: string, what: string, fix: string): ColdframeError =>
  new ColdframeError("SECRET_UNREADABLE", `${subject} cannot be read: ${what}.`, { fix });

/** One error that says all of it, so that one deployment mends it. */
function together(failures: readonly unknown[]): unknown {
  const ours = failures.filter((failure) => failure instanceof ColdframeError);
  if (failures.length === 1 || ours.length < failures.length) return failures[0];
  return new ColdframeError("SECRET_UNREADABLE", ours.map(({ sentence }) => sentence).join(" "));
}
