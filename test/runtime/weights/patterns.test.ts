import assert from "node:assert/strict";
import { test } from "node:test";
import { matcher } from "../../../adapter/runtime/weights/files/patterns.ts";

/** Pattern, paths it matches, paths it does not. */
const TABLE: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["*", ["a", "a/b", ""], []],
  ["config.json", ["config.json"], ["a/config.json", "config.jsonl", "Config.json"]],
  ["*.safetensors", ["m.safetensors", "deep/er/m.safetensors"], ["m.safetensors.index.json"]],
  ["model-*.bin", ["model-1.bin", "model-.bin", "model-a/b.bin"], ["model.bin", "x/model-1.bin"]],
  ["original/", ["original/a", "original/a/b", "original/"], ["original", "my/original/a", "originals/a"]],
  ["original/*", ["original/a", "original/a/b"], ["original"]],
  ["*/config.json", ["a/config.json", "a/b/config.json"], ["config.json"]],
  ["a*a", ["aa", "aba", "a/a"], ["a", "ab"]],
  ["a*b*c", ["abc", "aXbYc", "abbc"], ["acb", "ab", "ac"]],
  ["*ab*ab", ["abab", "xabyab"], ["ab", "abxabx"]],
  ["**", ["", "a/b"], []],
  // No other wildcards, as in Truss: these are names.
  ["model?.bin", ["model?.bin"], ["model1.bin"]],
  ["[ab].bin", ["[ab].bin"], ["a.bin"]],
  ["a.b+(c)", ["a.b+(c)"], ["aXb+(c)", "a.bb(c)"]],
];

for (const [pattern, matched, others] of TABLE) {
  test(`pattern ${pattern}`, () => {
    const allows = matcher([pattern]);
    const ignores = matcher(undefined, [pattern]);
    for (const path of matched) assert.deepEqual([allows(path), ignores(path)], [true, false], path);
    for (const path of others) assert.deepEqual([allows(path), ignores(path)], [false, true], path);
  });
}

test("without patterns everything is wanted; with several, what one of them matches", () => {
  assert.equal(matcher()("any/thing"), true);
  const wants = matcher(["*.bin", "*.json"]);
  assert.deepEqual(["a.bin", "a.json", "a.txt"].map(wants), [true, true, false]);
});

test("ignoring wins over allowing", () => {
  const wants = matcher(["*.bin"], ["original/", "*.tmp.bin"]);
  assert.deepEqual(["a.bin", "original/a.bin", "a.tmp.bin"].map(wants), [true, false, false]);
});

test("a pattern full of stars takes no exponential time", () => {
  // As a regular expression this would not end before the machine does.
  const wants = matcher([`${"*a".repeat(60)}*b`]);
  assert.equal(wants("a".repeat(1000)), false);
  assert.equal(wants(`${"a".repeat(1000)}b`), true);
});
