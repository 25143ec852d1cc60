import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { FormFile } from "../../../adapter/runtime/input.ts";
import { readBody } from "./_read.ts";

const BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** Parts as they go over the wire, each with its headers. */
const form = (...parts: string[]): string =>
  [...parts.map((part) => `--${BOUNDARY}\r\n${part}\r\n`), `--${BOUNDARY}--\r\n`].join("");

const part = (name: string, content: string, more = "", headers = ""): string =>
  `Content-Disposition: form-data; name="${name}"${more}\r\n${headers}\r\n${content}`;

const read = (body: string | Uint8Array, type = TYPE) =>
  readBody({ "content-type": type }, body) as Record<string, unknown>;

const refused = (body: string | Uint8Array, reason: RegExp, type = TYPE) =>
  assert.throws(() => read(body, type), { code: "INPUT_INVALID", message: reason });

test("what Node's own FormData writes: fields, files, and names that occur again", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const data = new FormData();
  data.append("text", 'caf\u00e9 "quoted"\r\nsecond line');
  data.append("empty", "");
  data.append('a "name"\r\n', "x");
  data.append("many", "one");
  data.append("many", "two");
  data.append("image", new File([bytes], "caf\u00e9 1.png", { type: "image/png" }));
  data.append("blob", new Blob([new Uint8Array()]));
  const { body, type } = await written(data);
  const input = read(body, type);
  assert.deepEqual(Object.keys(input), ["text", "empty", 'a "name"\r\n', "many", "image", "blob"]);
  assert.equal(input["text"], 'caf\u00e9 "quoted"\r\nsecond line');
  assert.equal(input["empty"], "");
  assert.deepEqual(input["many"], ["one", "two"]);
  const image = input["image"] as FormFile;
  assert.deepEqual(Uint8Array.from(image), bytes);
  assert.equal(image.name, "caf\u00e9 1.png");
  assert.equal(image.type, "image/png");
  assert.equal((input["blob"] as FormFile).length, 0);
});

test("a schema can ask for a file, and a field is text", () => {
  const schema = z.object({ image: z.instanceof(Uint8Array), threshold: z.coerce.number() });
  const input = schema.parse(
    read(form(part("image", "\x01\x02", '; filename="a.bin"'), part("threshold", "0.5"))),
  );
  assert.equal(input.threshold, 0.5);
  assert.equal((input.image as FormFile).type, "application/octet-stream");
});

test("a part of JSON is its value, with a file name and without", () => {
  const json = "Content-Type: application/json; charset=utf-8\r\n";
  const input = read(
    form(
      part("options", '{"n":[1]}', "", json),
      part("blob", "[2]", '; filename="blob"', json),
      part("labels", '{"a":1}', "", "Content-Type: application/ld+json\r\n"),
    ),
  );
  assert.deepEqual(input, { options: { n: [1] }, blob: [2], labels: { a: 1 } });
  refused(form(part("options", "{nope", "", json)), /part "options" is not valid JSON/);
});

test("a part with a type of its own: text in its charset, anything else as bytes", () => {
  const text = Buffer.from(form(part("a", "caf@", "", "Content-Type: text/plain; charset=iso-8859-1\r\n")));
  text[text.indexOf("@")] = 0xe9;
  assert.equal(read(text)["a"], "caf\u00e9");
  const raw = read(form(part("b", "raw", "", "Content-Type: audio/wav\r\n")))["b"] as FormFile;
  assert.ok(raw instanceof Uint8Array);
  assert.deepEqual([raw.type, raw.name], ["audio/wav", ""]);
  refused(Buffer.from(form(part("a", "\u00ff")), "latin1"), /part "a".*utf-8/);
});

test("names as other clients write them", () => {
  // Python's requests; curl; a browser without quotes to escape.
  assert.equal(
    fileOf("; filename*=utf-8''caf%C3%A9%20%22.png; filename=\"cafe.png\"").name,
    'caf\u00e9 ".png',
  );
  assert.equal(fileOf('; filename="a\\"b.png"').name, 'a"b.png');
  assert.equal(fileOf('; FILENAME="a;b=c.png"').name, "a;b=c.png");
  assert.equal(fileOf('; filename="C:\\pictures\\a.png"').name, "C:\\pictures\\a.png");
  assert.equal(fileOf("; filename=a.png").name, "a.png");
  assert.equal(fileOf("; filename*=utf-8''%E9").name, "%E9");
});

const fileOf = (disposition: string) => read(form(part("f", "x", disposition)))["f"] as FormFile;

test("the file of a form in which none was chosen is not there", () => {
  const none = part("photo", "", '; filename=""', "Content-Type: application/octet-stream\r\n");
  assert.deepEqual(read(form(none, part("a", "1"))), { a: "1" });
});

test("no name is more than a name", () => {
  const input = read(form(part("__proto__", "1"), part("constructor", "2"), part("toString", "3")));
  assert.deepEqual(Object.keys(input), ["__proto__", "constructor", "toString"]);
  assert.equal(Object.getPrototypeOf(input), Object.prototype);
  assert.equal(({} as Record<string, unknown>)["1"], undefined);
});

test("what looks like a boundary and is none is content", () => {
  const content = `--${BOUNDARY}x\r\n--${BOUNDARY}\n\r\n --${BOUNDARY}\r\n--${BOUNDARY.slice(0, -1)}`;
  assert.deepEqual(read(form(part("a", `x\r\n${content}`))), { a: `x\r\n${content}` });
});

test("what stands around the parts is not read, and a boundary's line may end with spaces", () => {
  const body = form(part("a", "1")).replace(`${BOUNDARY}\r\n`, `${BOUNDARY} \t\r\n`);
  assert.deepEqual(read(`a preamble\r\n${body}an epilogue --${BOUNDARY}\r\n`), { a: "1" });
  assert.deepEqual(read(form()), {});
});

test("a quoted boundary with spaces", () => {
  const body = form(part("a", "1")).replaceAll(BOUNDARY, "a b:c");
  assert.deepEqual(read(body, 'multipart/form-data; boundary="a b:c"'), { a: "1" });
});

test("a body that is no form is refused with what is wrong", () => {
  const whole = form(part("a", "1"));
  refused(whole, /no boundary/, "multipart/form-data");
  refused("{}", /no boundary line/);
  refused(whole, /no boundary line/, "multipart/form-data; boundary=other");
  refused(whole.slice(0, -6), /ends before its last boundary/);
  refused(form("no headers"), /part 1 has no empty line/);
  refused(form(part("a", "1"), "Content-Type: text/plain\r\n\r\nx"), /part 2 has no content-disposition/);
  refused(form("Content-Disposition: form-data\r\n\r\nx"), /part 1 has no content-disposition/);
  refused(form('Content-Disposition: attachment; name="a"\r\n\r\nx'), /no content-disposition/);
  refused(form(part("a", "1", "", `X: ${"y".repeat(20_000)}\r\n`)), /16384 bytes/);
  refused(form(...Array.from({ length: 1001 }, () => part("a", ""))), /over 1000 parts/);
  refused(whole.replaceAll("\r\n", "\n"), /not valid multipart/);
  assert.throws(() => read(form(part("a", "YQ==", "", "Content-Transfer-Encoding: base64\r\n"))), {
    code: "INPUT_UNSUPPORTED",
    message: /base64.*only binary/,
  });
});

async function written(data: FormData) {
  const response = new Response(data);
  const type = response.headers.get("content-type") as string;
  return { body: new Uint8Array(await response.arrayBuffer()), type };
}
