// A prefix of ten thousand objects, from the list to the record of the tree, in a process of its own: all of them arrive,
// with one request each, and what is kept of each is little. Its figures are printed: how high the peak of a process is
// depends on when V8 collects its garbage, so nothing is asserted of that.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { startLocalS3 } from "../../../adapter/local/s3/local-s3.ts";
import type { Spent } from "./_many-objects.ts";

/** 1.3 KB are measured; what proved a file, kept until the end, would be 2 KB more. */
const MAX_LIVE_BYTES_PER_OBJECT = 2048;

test("a hundred, a thousand and ten thousand objects take one request each, and little memory", async (t) => {
  const s3 = await startLocalS3({ buckets: ["models"] });
  const root = mkdtempSync(join(tmpdir(), "coldframe-many-"));
  t.after(async () => {
    await s3.close();
    rmSync(root, { recursive: true, force: true });
  });
  const spent: Spent[] = [];
  for (const objects of [100, 1000, 10_000]) {
    for (let i = 0; i < objects; i++) await s3.put("models", `${objects}/${i % 10}/${i}.bin`, `object ${i}`);
    const data = join(root, `${objects}`);
    const before = s3.requests.length;
    const program = join(import.meta.dirname, "_many-objects.ts");
    const args = ["--expose-gc", program, `s3://models/${objects}/`, data, `${objects}`];
    const { credentials, region, url } = s3;
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: {
        ...process.env,
        AWS_ENDPOINT_URL_S3: url,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_REGION: region,
      },
    });
    const one = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Spent;
    assert.equal(one.files, objects);
    // A page has a thousand, of which two are looked at; a few may be tried again where the machine is very busy.
    const others = Math.ceil(objects / 1000) * 3;
    assert.ok(
      s3.requests.length - before <= objects * 1.01 + others,
      `${s3.requests.length - before} requests`,
    );
    const tree = join(data, "trees/tree");
    assert.equal(readdirSync(tree, { recursive: true }).length, objects + 10);
    assert.equal(readFileSync(join(tree, `7/${objects - 3}.bin`), "utf8"), `object ${objects - 3}`);
    t.diagnostic(
      `${objects} objects: ${Math.round(one.peakBytes / 1e6)} MB at the peak, ${Math.round(one.liveBytes / 1e6)} MB alive, ${one.cpuMs} ms of CPU`,
    );
    spent.push(one);
    rmSync(data, { recursive: true });
  }
  const [, thousand, tenThousand] = spent as [Spent, Spent, Spent];
  const perObject = (tenThousand.liveBytes - thousand.liveBytes) / 9000;
  assert.ok(perObject < MAX_LIVE_BYTES_PER_OBJECT, `${Math.round(perObject)} bytes are kept of each object`);
});
