import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type {
  Blocks,
  ChecksumAlgorithm,
  PlannedFile,
  RemoteFile,
} from "../../../adapter/runtime/weights/_contracts.ts";
import { openPartFile, type PartFile } from "../../../adapter/runtime/weights/files/part-file.ts";
import { newRoot } from "./_ground.ts";
import { blocksOf, checksumOf, contentOf, digest, planOf, putPart, randomContent } from "./_part-writer.ts";
import { fill, smallDisk } from "./_small-disk.ts";

const ALGORITHMS: readonly ChecksumAlgorithm[] = [
  "crc32",
  "crc32c",
  "crc64nvme",
  "sha256",
  "sha1",
  "md5",
  "git-sha1",
];

const PART = 64;

const OPTIONS = { verify: true, partBytes: PART };

const blobOf = (root: string, { id }: PlannedFile) => join(root, "blobs", id);

const leftIn = (root: string) => readdirSync(join(root, "blobs"));

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .toSorted((a, b) => a[0] - b[0])
    .map(([, item]) => item);
}

/** Fetch whatever is missing, in any order. */
function putMissing(file: PartFile, content: Uint8Array): void {
  for (const index of shuffled(file.missing)) assert.equal(putPart(file, index, content), "kept");
}

/** The file has its name, the right bytes, nobody can write to it, and nothing else is left. */
function assertComplete(root: string, plan: PlannedFile, content: Uint8Array): void {
  assert.deepEqual(leftIn(root), [plan.id]);
  assert.ok(readFileSync(blobOf(root, plan)).equals(content));
  assert.equal(statSync(blobOf(root, plan)).mode & 0o777, 0o444);
}

/** What a machine finds that is like this one, whose processes are all gone. */
function copyAfterKill(root: string, plan: PlannedFile): string {
  const copy = newRoot();
  for (const name of leftIn(root)) {
    if (!name.endsWith(".claim")) copyFileSync(join(root, "blobs", name), join(copy, "blobs", name));
  }
  assert.ok(!existsSync(blobOf(copy, plan)) || statSync(blobOf(copy, plan)).size === plan.file.size);
  return copy;
}

/** A process that has completed so many parts of `contentOf(10 * PART)` and waits for its end. */
async function startDownload(t: TestContext, root: string, partBytes: number, parts: number) {
  const args = [join(import.meta.dirname, "_part-writer.ts"), root, `${partBytes}`, `${parts}`];
  const download = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => download.kill("SIGKILL"));
  await once(download.stdout, "data");
  return download;
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a file of any size whose parts come in any order`, async () => {
    for (const size of [0, 1, PART - 1, PART, PART + 1, 3 * PART, 7 * PART + 5]) {
      const root = newRoot();
      const content = randomContent(size);
      const plan = planOf(content, { checksum: checksumOf(algorithm, content) });
      const file = await openPartFile(root, plan, OPTIONS);
      assert.equal(file.missing.length, Math.ceil(size / PART));
      putMissing(file, content);
      assert.ok(!existsSync(blobOf(root, plan)), "before it is proved");
      assert.equal(await file.finish(), "complete");
      assertComplete(root, plan, content);
    }
  });

  test(`${algorithm}: one wrong bit anywhere is corrupt, and nothing is left of it`, async () => {
    for (const size of [1, PART, 3 * PART + 5]) {
      for (const place of [0, size >> 1, size - 1]) {
        const root = newRoot();
        const content = randomContent(size);
        const plan = planOf(content, { checksum: checksumOf(algorithm, content) });
        const wrong = Buffer.from(content);
        wrong[place] = (wrong[place] as number) ^ 1;
        const file = await openPartFile(root, plan, OPTIONS);
        putMissing(file, wrong);
        assert.equal(await file.finish(), "corrupt");
        assert.equal(file.found, digest(algorithm, wrong));
        assert.deepEqual(file.mismatch, {
          algorithm,
          expected: digest(algorithm, content),
          found: digest(algorithm, wrong),
          start: 0,
          end: size,
        });
        assert.deepEqual(leftIn(root), []);
      }
    }
  });
}

test("of an empty file, the checksum counts too", async () => {
  const root = newRoot();
  for (const algorithm of ALGORITHMS) {
    const plan = planOf(Buffer.alloc(0), { checksum: checksumOf(algorithm, Buffer.from("x")) });
    const file = await openPartFile(root, plan, OPTIONS);
    assert.deepEqual([file.parts, file.missing], [[], []]);
    assert.equal(await file.finish(), "corrupt");
  }
  assert.deepEqual(leftIn(root), []);
});

test("the parts' algorithm is the CRC the source has, and crc32c for the journal's sake", async () => {
  const content = contentOf(5 * PART);
  const algorithmWith = async (more: Partial<RemoteFile>, options = OPTIONS, sha256?: string) => {
    const file = await openPartFile(newRoot(), planOf(content, more, sha256), options);
    await file.discard();
    return file.partAlgorithm;
  };
  for (const algorithm of ["crc32", "crc32c", "crc64nvme"] as const) {
    const checksum = checksumOf(algorithm, content);
    assert.equal(await algorithmWith({ checksum }), algorithm);
    assert.equal(await algorithmWith({ checksum }, OPTIONS, "0".repeat(64)), algorithm);
    assert.equal(await algorithmWith({ checksum, blocks: blocksOf("sha256", PART, content) }), algorithm);
    assert.equal(await algorithmWith({ checksum, blocks: blocksOf("crc32c", PART, content) }), "crc32c");
    assert.equal(await algorithmWith({ checksum }, { ...OPTIONS, verify: false }), undefined);
  }
  assert.equal(await algorithmWith({ checksum: checksumOf("sha256", content) }), "crc32c");
  assert.equal(await algorithmWith({}), "crc32c");
  assert.equal(
    await algorithmWith({}, { verify: true, partBytes: 10 * PART }),
    undefined,
    "nothing to check",
  );
});

test("the sha256 of config.yaml counts beside the source's CRC, and wins over the source's own", async () => {
  const content = contentOf(5 * PART);
  const right = digest("sha256", content);
  const wrong = "0".repeat(64);
  const finish = async (checksum: RemoteFile["checksum"], sha256: string) => {
    const root = newRoot();
    const file = await openPartFile(root, planOf(content, checksum && { checksum }, sha256), OPTIONS);
    putMissing(file, content);
    const end = await file.finish();
    assert.equal(leftIn(root).length, end === "complete" ? 1 : 0);
    return end;
  };
  const crc = checksumOf("crc64nvme", content);
  assert.equal(await finish(crc, right), "complete");
  assert.equal(await finish(crc, right.toUpperCase()), "complete");
  assert.equal(await finish(crc, wrong), "corrupt");
  assert.equal(await finish({ ...crc, value: "0".repeat(16) }, right), "corrupt");
  assert.equal(await finish(undefined, wrong), "corrupt");
  assert.equal(await finish({ algorithm: "sha256", value: wrong }, right), "complete");
  assert.equal(await finish({ algorithm: "sha256", value: right }, wrong), "corrupt");
});

for (const algorithm of ["crc64nvme", "sha256"] as const) {
  test(`${algorithm}: killed after any part, the rest is fetched and the whole is right`, async () => {
    const content = randomContent(6 * PART + 3);
    const plan = planOf(content, { checksum: checksumOf(algorithm, content) });
    const root = newRoot();
    const file = await openPartFile(root, plan, OPTIONS);
    const order = shuffled(file.missing);
    for (let done = 0; done <= order.length; done++) {
      const copy = copyAfterKill(root, plan);
      const again = await openPartFile(copy, plan, OPTIONS);
      assert.deepEqual(again.missing, order.slice(done).toSorted());
      putMissing(again, content);
      assert.equal(await again.finish(), "complete");
      assertComplete(copy, plan, content);
      if (done < order.length) putPart(file, order[done] as number, content);
    }
    await file.discard();
    assert.deepEqual(leftIn(root), []);
  });

  test(`${algorithm}: killed while a part is written, that part is fetched again`, async () => {
    const content = randomContent(4 * PART);
    const plan = planOf(content, { checksum: checksumOf(algorithm, content) });
    const root = newRoot();
    const file = await openPartFile(root, plan, OPTIONS);
    putPart(file, 1, content);
    const { start } = file.parts[2] as { start: number };
    const whole = readFileSync(`${blobOf(root, plan)}.part`);
    content.copy(whole, start, start, start + 10);
    writeFileSync(`${blobOf(root, plan)}.part`, whole);
    const copy = copyAfterKill(root, plan);
    const again = await openPartFile(copy, plan, OPTIONS);
    assert.deepEqual(again.missing, [0, 2, 3]);
    await again.discard();
    await file.discard();
  });
}

test("a journal that outlived its file is no promise", async () => {
  const content = contentOf(4 * PART);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  for (const verify of [true, false]) {
    const root = newRoot();
    const options = { ...OPTIONS, verify };
    const file = await openPartFile(root, plan, options);
    putMissing(file, content);
    // Killed between the last rename and the end.
    const journal = readFileSync(`${blobOf(root, plan)}.journal`);
    assert.equal(await file.finish(), "complete");
    writeFileSync(`${blobOf(root, plan)}.journal`, journal);
    rmSync(blobOf(root, plan));
    const again = await openPartFile(root, plan, options);
    assert.deepEqual(again.missing, [0, 1, 2, 3]);
    await again.close();
    assert.deepEqual(leftIn(root), []);
  }
});

test("one process is killed, and another goes on with what it had", async (t) => {
  const root = newRoot();
  const content = contentOf(10 * PART);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const download = await startDownload(t, root, PART, 4);
  assert.equal(leftIn(root).filter((name) => name.endsWith(".claim")).length, 1);
  download.kill("SIGKILL");
  await once(download, "close");
  const file = await openPartFile(root, plan, OPTIONS);
  assert.deepEqual(file.missing, [4, 5, 6, 7, 8, 9]);
  putMissing(file, content);
  assert.equal(await file.finish(), "complete");
  assertComplete(root, plan, content);
});

test("what a killed process had in one part is removed by the next that comes", async (t) => {
  const root = newRoot();
  const download = await startDownload(t, root, 1000, 1);
  assert.equal(leftIn(root).length, 1);
  download.kill("SIGKILL");
  await once(download, "close");
  const content = contentOf(3);
  const plan = { ...planOf(content), id: "ff".repeat(16) };
  const file = await openPartFile(root, plan, OPTIONS);
  putMissing(file, content);
  assert.equal(await file.finish(), "complete");
  assertComplete(root, plan, content);
});

test("a journal with a damaged byte anywhere never makes a wrong file", async () => {
  const content = randomContent(4 * PART);
  const plan = planOf(content, { checksum: checksumOf("crc64nvme", content) });
  const root = newRoot();
  const file = await openPartFile(root, plan, OPTIONS);
  for (const index of [3, 0, 2]) putPart(file, index, content);
  const whole = readFileSync(`${blobOf(root, plan)}.journal`);
  for (let offset = 0; offset < whole.length; offset++) {
    const copy = copyAfterKill(root, plan);
    const damaged = Buffer.from(whole);
    damaged[offset] = (damaged[offset] as number) ^ 0x41;
    writeFileSync(`${blobOf(copy, plan)}.journal`, damaged);
    const again = await openPartFile(copy, plan, OPTIONS);
    const lost = [3, 0, 2][Math.floor((offset - 48) / 16)];
    const expected = offset < 48 ? [0, 1, 2, 3] : [1, lost as number].toSorted();
    assert.deepEqual(again.missing, expected, `byte ${offset}`);
    putMissing(again, content);
    assert.equal(await again.finish(), "complete");
    assertComplete(copy, plan, content);
  }
  await file.close();
});

test("a part whose bytes are not those of its record is fetched again, and only that", async () => {
  const content = randomContent(5 * PART);
  for (const checksum of [checksumOf("crc32c", content), checksumOf("sha1", content), undefined]) {
    const plan = planOf(content, checksum && { checksum });
    const root = newRoot();
    const file = await openPartFile(root, plan, OPTIONS);
    putMissing(file, content);
    await file.close();
    const bytes = readFileSync(`${blobOf(root, plan)}.part`);
    bytes[2 * PART + 7] = (bytes[2 * PART + 7] as number) ^ 0x80;
    writeFileSync(`${blobOf(root, plan)}.part`, bytes);
    const again = await openPartFile(root, plan, OPTIONS);
    assert.deepEqual(again.missing, [2]);
    // And stays known as missing when this process is killed as well.
    const copy = copyAfterKill(root, plan);
    bytes[2 * PART + 7] = (bytes[2 * PART + 7] as number) ^ 0x80;
    writeFileSync(`${blobOf(copy, plan)}.part`, bytes);
    const third = await openPartFile(copy, plan, OPTIONS);
    assert.deepEqual(third.missing, [2]);
    await third.discard();
    putMissing(again, content);
    assert.equal(await again.finish(), "complete");
    assertComplete(root, plan, content);
  }
});

test("what was begun as another download is begun anew", async () => {
  const content = randomContent(5 * PART);
  const plan = planOf(content, { checksum: checksumOf("crc32", content) });
  const longer = randomContent(5 * PART + 1);
  const others: [PlannedFile, typeof OPTIONS][] = [
    [planOf(longer, { checksum: checksumOf("crc32", longer) }), OPTIONS],
    [planOf(content, { checksum: checksumOf("crc64nvme", content) }), OPTIONS],
    [plan, { ...OPTIONS, partBytes: PART / 2 }],
    [plan, { ...OPTIONS, verify: false }],
    [planOf(content, { blocks: blocksOf("crc32", 16, content) }), OPTIONS],
  ];
  for (const [other, options] of others) {
    const root = newRoot();
    const file = await openPartFile(root, plan, OPTIONS);
    putPart(file, 0, content);
    putPart(file, 3, content);
    await file.close();
    const again = await openPartFile(root, other, options);
    assert.equal(again.missing.length, again.parts.length);
    putMissing(again, other.file.size === longer.length ? longer : content);
    assert.equal(await again.finish(), "complete");
  }
});

test("a partial file of the wrong length, or that is a link, is begun anew", async () => {
  const content = randomContent(3 * PART);
  const plan = planOf(content, { checksum: checksumOf("crc32", content) });
  const begin = async () => {
    const root = newRoot();
    const file = await openPartFile(root, plan, OPTIONS);
    putPart(file, 0, content);
    await file.close();
    assert.deepEqual(leftIn(root).toSorted(), [`${plan.id}.journal`, `${plan.id}.part`]);
    return root;
  };
  const cut = await begin();
  truncateSync(`${blobOf(cut, plan)}.part`, 100);
  const gone = await begin();
  rmSync(`${blobOf(gone, plan)}.part`);
  for (const root of [cut, gone]) {
    const again = await openPartFile(root, plan, OPTIONS);
    assert.deepEqual(again.missing, [0, 1, 2]);
    putMissing(again, content);
    assert.equal(await again.finish(), "complete");
    assertComplete(root, plan, content);
  }
});

test("a file that is cut while it is fetched is corrupt", async () => {
  const content = randomContent(3 * PART);
  const root = newRoot();
  const plan = planOf(content, { checksum: checksumOf("crc32", content) });
  const file = await openPartFile(root, plan, OPTIONS);
  putMissing(file, content);
  truncateSync(`${blobOf(root, plan)}.part`, 3 * PART - 1);
  assert.equal(await file.finish(), "corrupt");
  assert.equal(file.mismatch?.algorithm, "size");
  assert.deepEqual(leftIn(root), []);
});

test("two that fetch one file do not touch each other's, and both end well", async () => {
  const content = randomContent(4 * PART);
  const wrong = Buffer.from(content).fill(7);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const root = newRoot();
  const one = await openPartFile(root, plan, OPTIONS);
  putPart(one, 0, content);
  const two = await openPartFile(root, plan, OPTIONS);
  assert.deepEqual(two.missing, [0, 1, 2, 3], "nothing is shared");
  putMissing(two, wrong);
  for (const index of [1, 2, 3]) putPart(one, index, content);
  assert.equal(await one.finish(), "complete");
  assert.equal(await two.finish(), "corrupt");
  assertComplete(root, plan, content);
  const third = await openPartFile(root, plan, OPTIONS);
  const fourth = await openPartFile(root, plan, OPTIONS);
  putMissing(third, content);
  putMissing(fourth, content);
  assert.deepEqual([await fourth.finish(), await third.finish()], ["complete", "complete"]);
  assertComplete(root, plan, content);
});

test("two processes that fetch one file", async (t) => {
  const root = newRoot();
  const content = contentOf(10 * PART);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const other = await startDownload(t, root, PART, 4);
  const file = await openPartFile(root, plan, OPTIONS);
  assert.equal(file.missing.length, 10);
  putMissing(file, content);
  assert.equal(await file.finish(), "complete");
  assert.ok(readFileSync(blobOf(root, plan)).equals(content));
  assert.deepEqual(
    leftIn(root).filter((name) => /^[^.]+\.(part|journal)$/.test(name)).length,
    2,
    "its own stay",
  );
  other.kill("SIGKILL");
  await once(other, "close");
});

test("somebody in another container is left alone as long as it writes", async () => {
  const content = randomContent(3 * PART);
  const plan = planOf(content, { checksum: checksumOf("crc32", content) });
  const root = newRoot();
  const begun = await openPartFile(root, plan, OPTIONS);
  putPart(begun, 1, content);
  await begun.close();
  const claim = `${blobOf(root, plan)}.7-123-0123456789ab-4026531836-00c0ffee.claim`;
  writeFileSync(claim, "");
  const long = new Date(Date.now() - 10 * 60_000);
  utimesSync(claim, long, long);
  const apart = await openPartFile(root, plan, OPTIONS);
  assert.deepEqual(apart.missing, [0, 1, 2], "its part was written to a moment ago");
  await apart.discard();
  assert.ok(existsSync(claim));
  utimesSync(`${blobOf(root, plan)}.part`, long, long);
  const file = await openPartFile(root, plan, OPTIONS);
  assert.deepEqual(file.missing, [0, 2], "it is gone");
  putMissing(file, content);
  assert.equal(await file.finish(), "complete");
  assertComplete(root, plan, content);
});

test("who lost the file to somebody who took it for dead gives nobody a wrong one", async () => {
  const content = randomContent(2 * PART);
  const plan = planOf(content, { checksum: checksumOf("crc32", content) });
  const root = newRoot();
  const file = await openPartFile(root, plan, OPTIONS);
  putMissing(file, content);
  rmSync(`${blobOf(root, plan)}.part`);
  writeFileSync(`${blobOf(root, plan)}.part`, "somebody's");
  await assert.rejects(file.finish(), /replaced/);
  assert.ok(!existsSync(blobOf(root, plan)));
  await file.close();
});

test("closed in between, the same process goes on where it was", async () => {
  const content = randomContent(5 * PART);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const root = newRoot();
  const file = await openPartFile(root, plan, OPTIONS);
  putPart(file, 4, content);
  putPart(file, 1, content);
  await file.close();
  await file.close();
  await file.discard();
  assert.throws(() => file.completePart(0, "00000000"));
  const again = await openPartFile(root, plan, OPTIONS);
  assert.deepEqual(again.missing, [0, 2, 3]);
  await again.discard();
  assert.deepEqual(leftIn(root), []);
});

test("without verification nothing is hashed, and what is journaled is trusted", async () => {
  const content = randomContent(4 * PART + 1);
  const options = { ...OPTIONS, verify: false };
  const plan = planOf(content, {
    checksum: { algorithm: "sha256", value: "0".repeat(64) },
    blocks: { algorithm: "sha256", size: 1, values: "" },
  });
  const root = newRoot();
  const file = await openPartFile(root, plan, options);
  assert.equal(file.partAlgorithm, undefined);
  putPart(file, 0, content);
  putPart(file, 4, content);
  await file.close();
  const again = await openPartFile(root, plan, options);
  assert.deepEqual(again.missing, [1, 2, 3]);
  putMissing(again, content);
  assert.equal(await again.finish(), "complete");
  assertComplete(root, plan, content);
});

test("finishing with parts missing is refused, and gives nothing a name", async () => {
  const content = contentOf(3 * PART);
  const root = newRoot();
  const plan = planOf(content);
  const file = await openPartFile(root, plan, OPTIONS);
  putPart(file, 0, content);
  putPart(file, 2, content);
  await assert.rejects(file.finish(), /missing/);
  assert.ok(!existsSync(blobOf(root, plan)));
  putPart(file, 1, content);
  assert.equal(await file.finish(), "complete");
});

test("a part that is written again with other bytes ends the download", async () => {
  const content = contentOf(3 * PART);
  const file = await openPartFile(newRoot(), planOf(content), OPTIONS);
  putPart(file, 0, content);
  assert.equal(putPart(file, 0, content), "kept");
  assert.throws(() => putPart(file, 0, content, Buffer.alloc(content.length)), /written again/);
  assert.throws(() => file.completePart(3, "00000000"), RangeError);
  assert.throws(() => file.completePart(1, undefined), TypeError);
  await file.discard();
});

const BLOCKS: readonly Blocks["algorithm"][] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

for (const algorithm of BLOCKS) {
  // Larger than a part, as large, smaller; of one file and of several.
  for (const size of [16, 24, PART, PART + 10, 3 * PART, 1000]) {
    test(`blocks of ${size}, ${algorithm}: only what is wrong is fetched again`, async () => {
      const content = randomContent(7 * PART + 5);
      const root = newRoot();
      const plan = planOf(content, {
        blocks: blocksOf(algorithm, size, content),
        checksum: checksumOf("md5", content),
      });
      const wrong = Buffer.from(content);
      wrong[200] = (wrong[200] as number) ^ 1;
      const file = await openPartFile(root, plan, OPTIONS);
      for (const { start, end } of file.parts) {
        assert.ok(end - start <= PART && end > start);
        if (size <= PART) assert.equal(start % size, 0, "a part is whole blocks");
        else assert.equal(Math.floor(start / size), Math.floor((end - 1) / size), "a part is of one block");
      }
      const bad = file.parts.findIndex(({ start, end }) => start <= 200 && end > 200);
      const answers = shuffled(file.missing).map((index) => [index, putPart(file, index, content, wrong)]);
      const known = algorithm.startsWith("crc") && size <= PART;
      for (const [index, answer] of answers)
        assert.equal(answer, known && index === bad ? "wrong" : "kept", `${index}`);
      if (known) {
        assert.equal(file.mismatch?.expected, digest(algorithm, partOf(file, bad, content)));
        assert.equal(file.mismatch?.found, digest(algorithm, partOf(file, bad, wrong)));
        assert.equal(putPart(file, bad, content), "kept");
        assert.equal(await file.finish(), "complete");
      } else {
        assert.equal(await file.finish(), "corrupt");
        const again = await openPartFile(root, plan, OPTIONS);
        const block = (at: number) => Math.floor(at / size);
        const expected = file.parts
          .filter(({ start, end }) =>
            size <= PART ? start <= 200 && end > 200 : block(start) === block(200),
          )
          .map(({ index }) => index);
        assert.deepEqual(again.missing, expected);
        putMissing(again, content);
        assert.equal(await again.finish(), "complete");
      }
      assertComplete(root, plan, content);
    });
  }
}

const partOf = ({ parts }: PartFile, index: number, content: Uint8Array) =>
  content.subarray(parts[index]?.start, parts[index]?.end);

test("blocks that fit and a whole that does not: nothing is kept", async () => {
  const content = randomContent(5 * PART);
  for (const algorithm of BLOCKS) {
    const root = newRoot();
    const plan = planOf(content, {
      blocks: blocksOf(algorithm, PART, content),
      checksum: { algorithm: "crc64nvme", value: "0".repeat(16) },
    });
    const file = await openPartFile(root, plan, OPTIONS);
    putMissing(file, content);
    assert.equal(await file.finish(), "corrupt");
    assert.equal(file.found, digest("crc64nvme", content));
    assert.deepEqual(leftIn(root), []);
  }
});

test("parts kept from an earlier attempt are held against blocks, too", async () => {
  const content = randomContent(4 * PART);
  for (const algorithm of BLOCKS) {
    const root = newRoot();
    const right = blocksOf(algorithm, PART, content);
    const values = Buffer.from(right.values, "base64");
    values[0] = (values[0] as number) ^ 1;
    // The first attempt has a lock that is wrong about the first block.
    const wrong = planOf(Buffer.from(content), { blocks: { ...right, values: values.toString("base64") } });
    const file = await openPartFile(root, wrong, OPTIONS);
    for (const { index } of file.parts) putPart(file, index, content);
    if (algorithm.startsWith("crc")) await file.close();
    else assert.equal(await file.finish(), "corrupt");
    const again = await openPartFile(root, planOf(content, { blocks: right }), OPTIONS);
    assert.deepEqual(again.missing, [0], algorithm);
    const third = blocksOf(algorithm, PART, Buffer.from(content).fill(1, PART, PART + 1));
    await again.close();
    const last = await openPartFile(root, planOf(content, { blocks: third }), OPTIONS);
    if (algorithm.startsWith("crc")) assert.deepEqual(last.missing, [0, 1], algorithm);
    putMissing(last, Buffer.from(content).fill(1, PART, PART + 1));
    if (!algorithm.startsWith("crc")) assert.equal(await last.finish(), "corrupt");
    await last.discard();
  }
});

test("blocks that are not of the file's size are refused, and leave nothing behind", async () => {
  const content = contentOf(5 * PART);
  const blocks = blocksOf("crc32", PART, content);
  for (const wrong of [
    { ...blocks, size: 2 * PART },
    { ...blocks, values: blocks.values.slice(0, 8) },
    { ...blocks, algorithm: "sha256" as const },
    { ...blocks, size: 0 },
  ]) {
    const root = newRoot();
    await assert.rejects(openPartFile(root, planOf(content, { blocks: wrong }), OPTIONS), {
      code: "WEIGHTS_INVALID",
      message: /m\/model\.bin/,
    });
    assert.deepEqual(leftIn(root), []);
  }
});

test("others go on while kept parts are read and while a file is hashed", async () => {
  const MIB = 2 ** 20;
  const content = randomContent(12 * MIB);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const root = newRoot();
  const options = { verify: true, partBytes: 4 * MIB };
  const file = await openPartFile(root, plan, options);
  putMissing(file, content);
  await file.close();
  const turnsDuring = async <T>(work: Promise<T>): Promise<[T, number]> => {
    let turns = 0;
    let over = false;
    const count = () => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    const result = await work;
    over = true;
    return [result, turns];
  };
  const [again, openTurns] = await turnsDuring(openPartFile(root, plan, options));
  assert.deepEqual(again.missing, []);
  assert.ok(openTurns >= 12, `${openTurns} rounds for 12 slices`);
  // What was kept is hashed from the first part on, in turns with the reading of the others.
  const [end, finishTurns] = await turnsDuring(again.finish());
  assert.equal(end, "complete");
  assert.ok(openTurns + finishTurns >= 24, `${openTurns} and ${finishTurns} rounds for 24 slices`);
});

test("a hash follows the parts as they come: little is left for the end", async () => {
  const MIB = 2 ** 20;
  const content = randomContent(8 * MIB);
  const plan = planOf(content, { checksum: checksumOf("sha256", content) });
  const file = await openPartFile(newRoot(), plan, { verify: true, partBytes: MIB });
  for (const { index } of file.parts.slice(0, 7)) {
    putPart(file, index, content);
    // As long as a download takes for a part: one round of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  putPart(file, 7, content);
  let turns = 0;
  const count = () => {
    turns++;
    setImmediate(count).unref();
  };
  setImmediate(count);
  assert.equal(await file.finish(), "complete");
  assert.ok(turns <= 4, `${turns} rounds for the rest`);
});

test("memory does not grow with the file", async () => {
  const MIB = 2 ** 20;
  const content = randomContent(32 * MIB);
  const plan = planOf(content, {
    checksum: checksumOf("sha256", content),
    blocks: blocksOf("sha1", MIB, content),
  });
  const root = newRoot();
  const warm = await openPartFile(root, plan, { verify: true, partBytes: MIB });
  putPart(warm, 0, content);
  await warm.close();
  const before = process.memoryUsage().arrayBuffers;
  const file = await openPartFile(root, plan, { verify: true, partBytes: MIB });
  let most = 0;
  for (const index of file.missing) {
    putPart(file, index, content);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  assert.equal(await file.finish(), "complete");
  most = Math.max(most, process.memoryUsage().arrayBuffers);
  assert.ok(most - before < 3 * MIB, `${(most - before) / MIB} MiB`);
});

test("a full disk is WEIGHTS_NO_ROOM", async (t) => {
  const root = smallDisk(t);
  if (root === undefined) return;
  const content = contentOf(4096);
  const file = await openPartFile(root, planOf(content), { verify: true, partBytes: 8 });
  fill(root);
  assert.throws(
    () => {
      // The bytes of a part need room, too; here it is the journal's turn.
      for (const { index } of file.parts) file.completePart(index, "00000000");
    },
    { code: "WEIGHTS_NO_ROOM", fix: /ephemeral_storage/ },
  );
  await file.discard();
  assert.ok(leftIn(root).every((name) => !/part|journal|claim/.test(name)));
});

test("a data root that is not there yet is made", async () => {
  const root = join(newRoot(), "a", "b");
  const file = await openPartFile(root, planOf(contentOf(1)), OPTIONS);
  await file.discard();
  assert.deepEqual(leftIn(root), []);
});
