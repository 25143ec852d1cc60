import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Journal, type JournalIdentity } from "../../../adapter/runtime/weights/files/journal.ts";
import { newFolder } from "./_ground.ts";
import { fill, smallDisk } from "./_small-disk.ts";

const IDENTITY: JournalIdentity = {
  id: "ab".repeat(16),
  size: 1000,
  partBytes: 100,
  algorithm: "crc64nvme",
  blockBytes: undefined,
  boot: undefined,
};

const RECORDS = [
  [7, "ae8b14860a799888"],
  [0, "0000000000000001"],
  [9, "ffffffffffffffff"],
] as const;

function written(identity = IDENTITY): string {
  const path = join(newFolder(), "journal");
  const journal = Journal.create(path, identity);
  for (const [part, checksum] of RECORDS) journal.add(part, checksum);
  journal.close();
  return path;
}

/** What is read at `path`, as entries. */
function read(path: string, identity = IDENTITY) {
  const journal = Journal.open(path, identity);
  journal?.close();
  return journal && [...journal.checksums];
}

test("what was added is read again, with its leading zeros", () => {
  assert.deepEqual(read(written()), RECORDS);
});

test("CRCs of 32 bits, and parts without checksums", () => {
  for (const [algorithm, checksum] of [
    ["crc32", "0000000f"],
    ["crc32c", "e3069283"],
    [undefined, ""],
  ] as const) {
    const path = join(newFolder(), "journal");
    const identity = { ...IDENTITY, algorithm };
    const journal = Journal.create(path, identity);
    journal.add(3, checksum);
    journal.close();
    assert.deepEqual(read(path, identity), [[3, checksum]]);
  }
});

test("a journal of another download is none", () => {
  const path = written();
  const others: Partial<JournalIdentity>[] = [
    { id: "cd".repeat(16) },
    { size: 1001 },
    { partBytes: 101 },
    { algorithm: "crc32" },
    { algorithm: undefined },
    { blockBytes: 100 },
    { boot: "another" },
  ];
  for (const other of others) assert.equal(read(path, { ...IDENTITY, ...other }), undefined);
  assert.equal(read(join(newFolder(), "none")), undefined);
});

test("a record that is damaged anywhere counts as absent, and so does a journal with a damaged header", () => {
  const path = written();
  const whole = readFileSync(path);
  assert.equal(whole.length, 48 + 16 * RECORDS.length);
  for (let offset = 0; offset < whole.length; offset++) {
    for (const bit of [1, 128]) {
      const damaged = Buffer.from(whole);
      damaged[offset] = (damaged[offset] as number) ^ bit;
      writeFileSync(path, damaged);
      const lost = Math.floor((offset - 48) / 16);
      assert.deepEqual(
        read(path),
        offset < 48 ? undefined : RECORDS.filter((_, i) => i !== lost),
        `${offset}`,
      );
    }
  }
});

test("a record of another journal counts as absent", () => {
  const path = written();
  const other = readFileSync(written({ ...IDENTITY, size: 2000 }));
  appendFileSync(path, other.subarray(48));
  assert.deepEqual(read(path), RECORDS);
});

test("a journal that was cut at any byte has its whole records, and goes on", () => {
  for (let length = 48; length < 48 + 16 * RECORDS.length; length++) {
    const path = written();
    truncateSync(path, length);
    const left = RECORDS.slice(0, Math.floor((length - 48) / 16));
    const journal = Journal.open(path, IDENTITY) as Journal;
    assert.deepEqual([...journal.checksums], left);
    journal.add(5, "0000000000000005");
    journal.close();
    assert.deepEqual(read(path), [...left, [5, "0000000000000005"]], `${length}`);
  }
});

test("what is taken back is gone, also when it was added twice or by an earlier process", () => {
  const path = written();
  const journal = Journal.open(path, IDENTITY) as Journal;
  journal.add(7, "0000000000000007");
  journal.remove(7);
  journal.remove(8);
  journal.close();
  assert.deepEqual(read(path), RECORDS.slice(1));
  const again = Journal.open(path, IDENTITY) as Journal;
  again.add(7, "0000000000000077");
  again.close();
  assert.deepEqual(new Map(read(path)), new Map([...RECORDS.slice(1), [7, "0000000000000077"]]));
});

test("a full disk is WEIGHTS_NO_ROOM, and what was there before is still read", (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  const path = join(disk, "journal");
  const journal = Journal.create(path, IDENTITY);
  fill(disk);
  let added = 0;
  assert.throws(
    () => {
      for (; added < 100_000; added++) journal.add(added, "00000000000000ff");
    },
    { code: "WEIGHTS_NO_ROOM", message: /disk is full/ },
  );
  journal.close();
  assert.equal(read(path)?.length, added);
  assert.ok(statSync(path).size > 0 && added > 100);
  assert.throws(() => Journal.create(join(disk, "second"), IDENTITY), { code: "WEIGHTS_NO_ROOM" });
});
