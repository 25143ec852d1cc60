// A tensor as the plain value it stands for: what a model whose input has a schema is given, since schemas speak of
// JSON. The model then needs to know nothing of tensors.

import type { InputTensor } from "../../input.ts";

/** One element as itself, more of them nested by dimension; BYTES are texts, and integers numbers. */
export function plainValue(tensor: InputTensor, datatype: string): unknown {
  const toPlain = (element: number | bigint | Buffer) => {
    if (typeof element === "object") return element.toString();
    return datatype === "BOOL" ? Boolean(element) : Number(element);
  };
  const list: unknown[] = Array.from(tensor as ArrayLike<number | bigint | Buffer>, toPlain);
  const { shape } = tensor;
  if (list.length === 1 && shape.length <= 1) return list[0];
  return shape.includes(0) ? [] : nested(list, shape);
}

function nested(list: unknown[], shape: readonly number[]): unknown[] {
  return shape.slice(1).reduceRight((parts: unknown[], extent) => {
    const rows: unknown[] = [];
    for (let at = 0; at < parts.length; at += extent) rows.push(parts.slice(at, at + extent));
    return rows;
  }, list);
}
