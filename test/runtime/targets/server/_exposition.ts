// A reader of Prometheus's text format that forgives nothing: what Prometheus itself would take with a warning, or leave
// out, is an error here. Source: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4.

import assert from "node:assert/strict";

export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  /** By the labels as written: `{route="/predict",status="200"}`; with the suffix before it. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/y;
const NUMBER = /^([+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]Inf|NaN)$/i;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

/** @throws an AssertionError that names the line */
export function readExposition(text: string): Map<string, ReadFamily> {
  assert.ok(text.endsWith("\n"), "the last line does not end");
  const families = new Map<string, { type: string; help: string; samples: Map<string, number> }>();
  let current = "";
  let help: { name: string; text: string } | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      assert.match(name, NAME, line);
      assert.ok(!families.has(name), `a second family ${name}`);
      assert.match(rest, /^(?:[^\\]|\\[\\n])*$/, line);
      help = { name, text: rest };
    } else if (kind === "TYPE") {
      assert.equal(help?.name, name, `no HELP right before ${line}`);
      assert.ok(rest in SUFFIXES, line);
      families.set(name, { type: rest, help: help?.text ?? "", samples: new Map() });
      current = name;
    } else {
      readSample(line, current, families);
    }
  }
  for (const [name, family] of families) {
    assert.ok(family.samples.size > 0, `${name} has no samples`);
    if (family.type === "histogram") checkHistogram(name, family.samples);
    if (family.type === "counter") {
      for (const [labels, value] of family.samples) assert.ok(value >= 0, `${name}${labels} is below 0`);
    }
  }
  return families;
}

function readSample(
  line: string,
  current: string,
  families: ReadonlyMap<string, { type: string; samples: Map<string, number> }>,
): void {
  const [, name = "", labels = "", value = ""] = /^([^\s{]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
  const family = families.get(current);
  assert.ok(family && name.startsWith(current), `a sample outside its family: ${line}`);
  const suffix = name.slice(current.length);
  assert.ok(SUFFIXES[family.type]?.includes(suffix), `${family.type} with ${suffix}: ${line}`);
  assert.match(value, NUMBER, line);
  const seen = new Set<string>();
  LABEL.lastIndex = 0;
  for (const inner = labels.slice(1, -1); LABEL.lastIndex < inner.length; ) {
    const label = LABEL.exec(inner);
    assert.ok(label, `labels: ${line}`);
    assert.ok(!seen.has(label[1] as string), `a label twice: ${line}`);
    seen.add(label[1] as string);
  }
  assert.ok(!family.samples.has(suffix + labels), `a sample twice: ${line}`);
  family.samples.set(suffix + labels, toNumber(value));
}

function toNumber(value: string): number {
  if (/inf/i.test(value)) return value.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(value);
}

/** Buckets go up, end with +Inf, and the last one is the count. */
function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const rows = new Map<string, { bounds: number[]; values: number[] }>();
  for (const [key, value] of samples) {
    const [, labels = "", bound] = /^_bucket\{(.*?),?le="([^"]+)"\}$/.exec(key) ?? [];
    if (bound === undefined) continue;
    const row = rows.get(labels) ?? { bounds: [], values: [] };
    row.bounds.push(toNumber(bound));
    row.values.push(value);
    rows.set(labels, row);
  }
  assert.ok(rows.size > 0, `${name} has no buckets`);
  for (const [labels, { bounds, values }] of rows) {
    const label = labels ? `{${labels}}` : "";
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name}: buckets out of order`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, name);
    assert.deepEqual(
      values,
      values.toSorted((a, b) => a - b),
      `${name}: buckets that shrink`,
    );
    assert.equal(values.at(-1), samples.get(`_count${label}`), name);
    assert.ok(samples.has(`_sum${label}`), name);
  }
}
