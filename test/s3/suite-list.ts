// The contract: ListObjectsV2, its order, its pages, and keys of every kind.

import assert from "node:assert/strict";
import {
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { newBucketName } from "./_server.ts";
import { sendRaw } from "./_signed.ts";
import type { Cases, Contract } from "./suite.ts";

/** Keys that trip somebody: S3 takes all of them. */
export const STRANGE_KEYS = [
  " ",
  "!*'()~",
  "%2F",
  "%",
  "+",
  "../evil",
  "a/../../evil",
  "a//b",
  "back\\slash",
  "dir/",
  "dir/file",
  "con.txt:ads",
  "line\nbreak",
  "quote\"<&>'",
  "x/./y",
  "x?a=b&c#d;e=f@g:h,i$",
  "ä",
  "a\u0308",
  "模型",
  "\u{ffee}",
  "\u{1f331}",
  `${"long/".repeat(200)}key`,
];

const PAGED = 2500;

export const listCases: Cases = {
  "2,500 keys come in three pages, in the order of their UTF-8, each once": async ({ s3, server }) => {
    const bucket = newBucketName("paged");
    await server.createBucket(bucket);
    const keys = Array.from({ length: PAGED }, (_, i) => `part-${(i * 7919) % PAGED}`);
    await inTurns(keys, (key) => server.put(bucket, key, ""));
    const pages = await listPages({ server, s3, bucket });
    assert.deepEqual(
      pages.map(({ length }) => length),
      [1000, 1000, 500],
    );
    assert.deepEqual(pages.flat(), keys.toSorted());
  },

  "keys of every kind go in, are listed in the order of their UTF-8, and come back": async (contract) => {
    const { s3, bucket } = contract;
    const keys = STRANGE_KEYS.map((key) => `strange/${key}`);
    for (const key of keys)
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: `of ${key}` }));
    const listed = (
      await listPages(contract, { Prefix: "strange/", EncodingType: "url", MaxKeys: 5 })
    ).flat();
    assert.deepEqual(
      listed.map(decodeKey),
      keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    for (const key of keys) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      assert.equal(await Body?.transformToString(), `of ${key}`);
    }
  },

  "a delimiter gathers keys below it, across pages too": async (contract) => {
    const { server, bucket } = contract;
    const keys = ["a/1", "a/2", "a/3", "b", "c/1", "c/d/2", "e"].map((key) => `tree/${key}`);
    for (const key of keys) await server.put(bucket, key, "");
    const found: string[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await list(contract, {
        Prefix: "tree/",
        Delimiter: "/",
        MaxKeys: 1,
        ContinuationToken: token,
      });
      const entries = [
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      ];
      assert.equal(page.KeyCount, entries.length);
      found.push(...(entries as string[]));
      token = page.NextContinuationToken;
      assert.equal(page.IsTruncated, token !== undefined);
      pages++;
    } while (token !== undefined);
    assert.deepEqual(found, ["tree/a/", "tree/b", "tree/c/", "tree/e"]);
    assert.equal(pages, 4);
  },

  "a list says what an object is": async (contract) => {
    const { etag } = await contract.server.put(contract.bucket, "described/one", "12345");
    const { Contents, Name, Prefix, MaxKeys } = await list(contract, { Prefix: "described/" });
    assert.deepEqual([Name, Prefix, MaxKeys], [contract.bucket, "described/", 1000]);
    assert.equal(Contents?.length, 1);
    const [one] = Contents ?? [];
    assert.deepEqual([one?.Key, one?.Size, one?.ETag], ["described/one", 5, etag]);
    assert.deepEqual([one?.StorageClass, one?.Owner], ["STANDARD", undefined]);
    assert.ok(one?.LastModified instanceof Date);
  },

  "a key with the characters of XML is escaped in a list": async (contract) => {
    await contract.server.put(contract.bucket, "escaped/<&>", "");
    const { body } = await listRaw(contract, { prefix: "escaped/" });
    assert.match(body.toString(), /<Key>escaped\/&lt;&amp;&gt;<\/Key>/);
  },

  "a list that finds nothing is empty and whole": async (contract) => {
    const page = await list(contract, { Prefix: "nothing/is/here" });
    assert.deepEqual([page.Contents, page.KeyCount, page.IsTruncated], [undefined, 0, false]);
  },

  "start-after leaves out what comes before, and the key itself": async (contract) => {
    for (const key of ["after/1", "after/2", "after/3"]) await contract.server.put(contract.bucket, key, "");
    const page = await list(contract, { Prefix: "after/", StartAfter: "after/1" });
    assert.deepEqual(
      page.Contents?.map(({ Key }) => Key),
      ["after/2", "after/3"],
    );
  },

  "max-keys above 1,000 is 1,000, and 0 finds nothing": async (contract) => {
    assert.equal((await list(contract, { MaxKeys: 5000 })).MaxKeys, 1000);
    const none = await list(contract, { MaxKeys: 0 });
    assert.deepEqual([none.KeyCount, none.IsTruncated], [0, false]);
  },

  "a max-keys that is no number is refused": async (contract) => {
    const answer = await listRaw(contract, { "max-keys": "many" });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"]);
  },

  "a max-keys below 0 is refused": async (contract) => {
    const answer = await listRaw(contract, { "max-keys": "-1" });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"]);
  },

  "a continuation token of somebody else is refused": async (contract) => {
    for (const token of ["", "abc", "cGFydC0x"]) {
      const answer = await listRaw(contract, { "continuation-token": token });
      assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"], token);
    }
  },

  "encoding-type=url encodes keys, with a space as a plus and slashes left alone": async (contract) => {
    await contract.server.put(contract.bucket, "encoded/a b+c=d/ü", "");
    const { body } = await listRaw(contract, { "encoding-type": "url", prefix: "encoded/" });
    assert.match(body.toString(), /<Key>encoded\/a\+b%2Bc%3Dd\/%C3%BC<\/Key>/);
  },

  "an encoding-type there is not is refused": async (contract) => {
    const answer = await listRaw(contract, { "encoding-type": "base64" });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"]);
  },
};

function list({ s3, bucket }: Contract, input: Omit<ListObjectsV2CommandInput, "Bucket"> = {}) {
  return s3.send(new ListObjectsV2Command({ Bucket: bucket, ...input }));
}

function listRaw({ server, bucket }: Contract, query: Record<string, string>) {
  return sendRaw(server, { path: `/${bucket}`, query: { "list-type": "2", ...query } });
}

/** The keys of each page, as they were sent. */
async function listPages(
  contract: Contract,
  input: Omit<ListObjectsV2CommandInput, "Bucket"> = {},
): Promise<string[][]> {
  const pages: string[][] = [];
  let token: string | undefined;
  do {
    const page = await list(contract, { ...input, ContinuationToken: token });
    pages.push((page.Contents ?? []).map(({ Key = "" }) => Key));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return pages;
}

/** A plus is a space: S3 encodes as a form does. Servers that write %20 are read the same. */
const decodeKey = (key: string) => decodeURIComponent(key.replaceAll("+", "%20"));

/** Sixteen at a time. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
