import assert from "node:assert/strict";
import { test } from "node:test";
import { createChecksum } from "../../../adapter/runtime/weights/files/checksum.ts";
import type { ChecksumAlgorithm } from "../../../adapter/runtime/weights/_contracts.ts";

/** Of "123456789" and of nothing. CRCs: reveng.sourceforge.io/crc-catalogue; git-sha1: `git hash-object --stdin`. */
const KNOWN: Readonly<Record<ChecksumAlgorithm, readonly [string, string]>> = {
  crc32: ["cbf43926", "00000000"],
  crc32c: ["e3069283", "00000000"],
  crc64nvme: ["ae8b14860a799888", "0000000000000000"],
  sha256: [
    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  ],
  sha1: ["f7c3bc1d808e04732adf679965ccc34ca7ae3441", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  md5: ["25f9e794323b453885f5181f1b624d0b", "d41d8cd98f00b204e9800998ecf8427e"],
  "git-sha1": ["e2e107ac61ac259b87c544f6e7a4eb03422c6c21", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"],
};

const algorithms = Object.keys(KNOWN) as ChecksumAlgorithm[];

for (const algorithm of algorithms) {
  test(`${algorithm} has the value everybody else computes`, () => {
    const [digits, nothing] = KNOWN[algorithm];
    const checksum = createChecksum(algorithm, 9);
    checksum.update(Buffer.from("123456789"));
    assert.equal(checksum.digest(), digits);
    assert.equal(createChecksum(algorithm, 0).digest(), nothing);
  });

  test(`${algorithm} does not depend on how the bytes come`, () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3));
    const whole = createChecksum(algorithm, bytes.length);
    whole.update(bytes);
    const pieces = createChecksum(algorithm, bytes.length);
    for (let at = 0, length = 0; at < bytes.length; at += length, length = length * 3 + 1) {
      pieces.update(bytes.subarray(at, at + length));
    }
    assert.equal(pieces.digest(), whole.digest());
  });
}

test("a CRC with leading zeros keeps them", () => {
  for (const algorithm of ["crc32", "crc32c", "crc64nvme"] as const) {
    const width = KNOWN[algorithm][1].length;
    for (let i = 0; i < 2000; i++) {
      const checksum = createChecksum(algorithm);
      checksum.update(Buffer.from(`${i}`));
      assert.match(checksum.digest(), new RegExp(`^[0-9a-f]{${width}}$`));
    }
  }
});

test("two checksums at a time do not disturb each other", () => {
  const checksums = algorithms.map((algorithm) => createChecksum(algorithm, 9));
  for (const digit of "123456789") for (const checksum of checksums) checksum.update(Buffer.from(digit));
  assert.deepEqual(
    checksums.map((checksum) => checksum.digest()),
    algorithms.map((algorithm) => KNOWN[algorithm][0]),
  );
});

test("git-sha1 without the size it begins with is refused", () => {
  assert.throws(() => createChecksum("git-sha1"), /size/);
});
