// XML as S3 writes it and as its clients send it: elements and text, no attributes but the namespace. The reader takes
// the few documents that requests carry and refuses what is not well-formed.

import { S3Error } from "./s3-error.ts";

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

export type XmlValue = string | number | boolean | undefined | XmlFields | readonly XmlValue[];

/** An element per field, in order; an array is the element repeated, `undefined` is none. */
export interface XmlFields {
  readonly [name: string]: XmlValue;
}

/** A document; `namespace: false` for errors, which have none. */
export function xmlDocument(root: string, fields: XmlFields, namespace = true): string {
  const attribute = namespace ? ` xmlns="${NAMESPACE}"` : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${xmlFields(fields)}</${root}>`;
}

function xmlFields(fields: XmlFields): string {
  return Object.entries(fields)
    .map(([name, value]) => xmlElement(name, value))
    .join("");
}

function xmlElement(name: string, value: XmlValue): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map((item) => xmlElement(name, item)).join("");
  const inner = typeof value === "object" ? xmlFields(value as XmlFields) : escapeXml(String(value));
  return inner === "" ? `<${name}/>` : `<${name}>${inner}</${name}>`;
}

// A control character is a reference that no XML 1.0 parser accepts: S3 does the same, and encoding-type=url is its cure.
function escapeXml(text: string): string {
  return text.replace(/[&<>"\u0000-\u001f\u007f-\u009f\ufffe\uffff]/g, (found) => {
    const named = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "\n", "\t": "\t" }[found];
    return named ?? `&#x${found.charCodeAt(0).toString(16)};`;
  });
}

/** An element that has been read: its text, or what is in it. */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/** @throws MalformedXML when it is not well-formed, or its root is not `root` */
export function readXml(source: string, root: string): XmlElement {
  const stack: { name: string; children: XmlElement[]; text: string }[] = [
    { name: "", children: [], text: "" },
  ];
  const token = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([\w:.-]+)((?:\s[^<>]*?)?)(\/?)>|([^<]+)/gy;
  let at = 0;
  for (let found = token.exec(source); found !== null; found = token.exec(source)) {
    at = token.lastIndex;
    const [, closing, tag, , alone, text] = found;
    const top = stack.at(-1);
    if (top === undefined) throw new S3Error("MalformedXML");
    if (text !== undefined) top.text += unescapeXml(text);
    if (tag === undefined) continue;
    const name = tag.replace(/^.*:/, "");
    if (closing === "/") {
      const parent = stack.at(-2);
      if (top.name !== name || parent === undefined) throw new S3Error("MalformedXML");
      stack.pop();
      parent.children.push(top);
    } else if (alone === "/") top.children.push({ name, children: [], text: "" });
    else stack.push({ name, children: [], text: "" });
  }
  const [document] = stack;
  const element = document?.children[0];
  const whole = at === source.length && stack.length === 1 && document?.children.length === 1;
  if (!whole || element?.name !== root || document?.text.trim() !== "") throw new S3Error("MalformedXML");
  return element;
}

/** The text of a child; `undefined` when there is none. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

function unescapeXml(text: string): string {
  return text.replace(/&(#x[\da-f]+|#\d+|\w+);/gi, (_, reference: string) => {
    const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }[reference];
    if (named !== undefined) return named;
    const code = reference.startsWith("#x")
      ? Number.parseInt(reference.slice(2), 16)
      : Number(reference.slice(1));
    if (!reference.startsWith("#") || !(code <= 0x10ffff)) throw new S3Error("MalformedXML");
    return String.fromCodePoint(code);
  });
}
