// The XML of S3's answers: elements and text, read strictly. No attributes but namespaces, no comments, no document
// types, no entities but XML's own five and numbers: what S3 never sends is refused, because a proxy or an attacker did.

export interface XmlElement {
  readonly name: string;
  /** All text directly inside, decoded. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** What is not such XML: truncated, a web page, or hostile. */
export class XmlError extends Error {}

/** S3's deepest document has five levels. */
const MAX_DEPTH = 16;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const DECLARATION = /^\uFEFF?<\?xml [^<>]*\?>\s*/;
const TAG = /<(\/?)([A-Za-z_][\w.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const TEXT = /[^<]+/y;

interface Open {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

/** The root element of a whole document in UTF-8. @throws XmlError */
export function readXml(bytes: Uint8Array): XmlElement {
  let source: string;
  try {
    source = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new XmlError("it is not UTF-8");
  }
  source = source.replace(DECLARATION, "");
  const open: Open[] = [];
  let root: XmlElement | undefined;
  let at = 0;

  function end(element: XmlElement): void {
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else root = element;
  }

  while (at < source.length) {
    TEXT.lastIndex = at;
    const text = TEXT.exec(source)?.[0];
    if (text !== undefined) {
      at = TEXT.lastIndex;
      const parent = open.at(-1);
      if (parent) parent.text += decode(text);
      else if (text.trim() !== "") throw new XmlError(root ? "it goes on after its end" : "it is not XML");
      continue;
    }
    TAG.lastIndex = at;
    const tag = TAG.exec(source);
    if (!tag) throw new XmlError(open.length === 0 && !root ? "it is not XML" : "it has a malformed tag");
    at = TAG.lastIndex;
    const [, closing, name, attributes, empty] = tag as unknown as [string, string, string, string, string];
    if (root && open.length === 0) throw new XmlError("it goes on after its end");
    if (closing) {
      const element = open.pop();
      if (element?.name !== name || attributes || empty) throw new XmlError(`</${name}> closes nothing`);
      end(element);
    } else if (empty) {
      end({ name, text: "", children: [] });
    } else {
      if (open.push({ name, text: "", children: [] }) > MAX_DEPTH) throw new XmlError("it is too deep");
    }
  }
  if (!root || open.length > 0) throw new XmlError("it ends too early");
  return root;
}

/** The text of the first child of that name. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

function decode(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]{0,8});?/g, (found, name: string) => {
    const known = ENTITIES[name];
    if (known !== undefined && found.endsWith(";")) return known;
    const digits = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(name);
    const code = digits ? Number.parseInt((digits[1] ?? digits[2]) as string, digits[1] ? 16 : 10) : 0;
    if (!found.endsWith(";") || code === 0 || code > 0x10ffff) throw new XmlError("it has an unknown entity");
    return String.fromCodePoint(code);
  });
}
