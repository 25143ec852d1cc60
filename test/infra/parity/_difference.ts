// Where two values differ, as a path into them: what a parity test says, of which deepEqual would print all.

/** `role.statements.3.actions: found ["s3:*"] and ["s3:GetObject"]`, of the first place; `undefined`: nowhere. */
export function differenceOf(a: unknown, b: unknown, path = ""): string | undefined {
  if (Object.is(a, b)) return undefined;
  if (isObject(a) && isObject(b) && Array.isArray(a) === Array.isArray(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const difference = differenceOf(a[key], b[key], path === "" ? key : `${path}.${key}`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  return `${path}: found ${JSON.stringify(a)} and ${JSON.stringify(b)}`;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
