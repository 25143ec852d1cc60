// allow_patterns and ignore_patterns: which files of a source are wanted. As in Truss, `*` stands for any characters,
// "/" among them, there is no other wildcard, and `dir/` means all that is below it.

/**
 * Whether a path below the mount is wanted: one of `allow` matches it, or there is no `allow`, and none of `ignore`
 * does. Linear in the length of the path, whatever the pattern.
 */
export function matcher(
  allow?: readonly string[],
  ignore: readonly string[] = [],
): (path: string) => boolean {
  const allowed = allow?.map(compile);
  const ignored = ignore.map(compile);
  return (path) =>
    (allowed === undefined || allowed.some((matches) => matches(path))) &&
    !ignored.some((matches) => matches(path));
}

// Not a regular expression: `*a*a*a*b` would take exponential time on a path full of "a".
function compile(pattern: string): (path: string) => boolean {
  const pieces = (pattern.endsWith("/") ? `${pattern}*` : pattern).split("*");
  const first = pieces[0] as string;
  if (pieces.length === 1) return (path) => path === first;
  const last = pieces.at(-1) as string;
  const between = pieces.slice(1, -1);
  return (path) => {
    if (!path.startsWith(first) || !path.endsWith(last)) return false;
    const end = path.length - last.length;
    let at = first.length;
    for (const piece of between) {
      const found = path.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}
