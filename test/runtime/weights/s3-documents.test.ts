import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readError,
  readListPage,
  readPartsPage,
} from "../../../adapter/runtime/weights/sources/s3-documents.ts";
import { readXml, XmlError } from "../../../adapter/runtime/weights/sources/xml.ts";

const bytes = (text: string) => Buffer.from(text);

test("elements, text, entities and a namespace", () => {
  const root = readXml(
    bytes(
      '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<A xmlns="http://x/y" xmlns:xsi=\'z\'> <B>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F99C;ü</B><C/><B/></A>\n',
    ),
  );
  assert.equal(root.name, "A");
  assert.deepEqual(root.children, [
    { name: "B", text: "<&>\"'A🦜ü", children: [] },
    { name: "C", text: "", children: [] },
    { name: "B", text: "", children: [] },
  ]);
});

test("what S3 never sends is refused", () => {
  const hostile = [
    "",
    "not xml",
    "<A>",
    "<A></B>",
    "<A></A><B/>",
    "<A></A>text",
    "<A><B></A></B>",
    "<A>&unknown;</A>",
    "<A>&amp</A>",
    "<A>&#65</A>",
    "<A>&#0;</A>",
    "<A>&#x110000;</A>",
    '<!DOCTYPE A [<!ENTITY a "aaaa">]><A>&a;</A>',
    "<A><!-- comment --></A>",
    "<A><![CDATA[x]]></A>",
    "<A><?php ?></A>",
    "<A b></A>",
    "<!doctype html><html></html>",
    "<A>".repeat(10_000) + "</A>".repeat(10_000),
  ];
  for (const text of hostile) assert.throws(() => readXml(bytes(text)), XmlError, text.slice(0, 60));
  assert.throws(() => readXml(Buffer.from([0x3c, 0x41, 0x3e, 0xff, 0x3c, 0x2f, 0x41, 0x3e])), XmlError);
});

test("every truncation of a document is noticed", () => {
  const whole = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => readListPage(bytes(whole.slice(0, end)), "s3://b"), { code: "WEIGHTS_UNREACHABLE" });
  }
  assert.deepEqual(readListPage(bytes(whole), "s3://b"), { objects: [], next: undefined });
});

test("keys of a list are decoded when the list says that they are encoded", () => {
  const page = (encoding: string, key: string) =>
    readListPage(
      bytes(
        `<ListBucketResult>${encoding}<IsTruncated>true</IsTruncated><NextContinuationToken>a%20b+/&amp;=</NextContinuationToken><Contents><Key>${key}</Key><LastModified>2026</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Contents></ListBucketResult>`,
      ),
      "s3://b",
    );
  const url = "<EncodingType>url</EncodingType>";
  assert.deepEqual(page(url, "a+b%2Bc%20d/%C3%BC"), {
    objects: [{ key: "a b+c d/ü", size: 7, etag: '"e"', modified: "2026" }],
    // As it came: radosgw encodes it, and wants it back like that.
    next: "a%20b+/&=",
  });
  assert.equal(page("", "a+b%2B&amp;").objects[0]?.key, "a+b%2B&");
  assert.throws(() => page(url, "%ff"), { code: "WEIGHTS_UNREACHABLE" });
});

test("a list that lacks what it must have is refused", () => {
  for (const inside of [
    "<Contents><Key>a</Key></Contents>",
    "<Contents><Size>1</Size></Contents>",
    "<Contents><Key>a</Key><Size>1e9</Size></Contents>",
    "<Contents><Key>a</Key><Size>-1</Size></Contents>",
    "<IsTruncated>true</IsTruncated>",
  ]) {
    const read = () => readListPage(bytes(`<ListBucketResult>${inside}</ListBucketResult>`), "s3://b");
    assert.throws(read, { code: "WEIGHTS_UNREACHABLE" }, inside);
  }
  assert.throws(() => readListPage(bytes("<html><body/></html>"), "s3://b"), { message: /<html>/ });
});

test("the parts of an object", () => {
  const page = readPartsPage(
    bytes(
      "<GetObjectAttributesResponse><ETag>abc-2</ETag><ObjectParts><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><PartsCount>2</PartsCount><Part><ChecksumCRC32C>AAAAAA==</ChecksumCRC32C><PartNumber>1</PartNumber><Size>5</Size></Part></ObjectParts></GetObjectAttributesResponse>",
    ),
    "s3://b/k",
  );
  assert.deepEqual(page, {
    etag: "abc-2",
    total: 2,
    next: "1",
    parts: [{ number: 1, size: 5, checksums: { crc32c: "AAAAAA==" } }],
  });
  assert.deepEqual(
    readPartsPage(bytes("<GetObjectAttributesOutput><ETag>a</ETag></GetObjectAttributesOutput>"), "s3://b/k"),
    { etag: "a", total: 0, next: undefined, parts: [] },
  );
});

test("an error is read where there is one, and is empty elsewhere", () => {
  const read = (text: string) => readError(bytes(text));
  assert.equal(read("<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>").code, "NoSuchKey");
  for (const text of ["", "<html/>", "<Error><Code>Cut", "502 Bad Gateway"])
    assert.equal(read(text).code, "");
  assert.ok(read(`<Error><Message>${"x".repeat(5000)}</Message></Error>`).message.length < 1000);
});
