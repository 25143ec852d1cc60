import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import type { ColdframeError } from "../../../adapter/runtime/errors.ts";
import type { PlannedFile } from "../../../adapter/runtime/weights/_contracts.ts";
import { memoryLeft } from "../../../adapter/runtime/weights/files/memory.ts";
import { readReady, readyFile, writeReady } from "../../../adapter/runtime/weights/files/ready.ts";
import { ephemeralStorageFor, type Limits, openRoom } from "../../../adapter/runtime/weights/files/room.ts";
import { place, prepareTree, treeFolder } from "../../../adapter/runtime/weights/files/tree.ts";
import { useTree } from "../../../adapter/runtime/weights/files/users.ts";
import { DIGEST, mountTmpfs, newFolder, newRoot, plannedFile, putBlob, remote } from "./_ground.ts";

const MIB = 1024 * 1024;

/** 64 MiB that `openRoom` leaves free. */
const RESERVE = 64 * MIB;

/** Of so many bytes, which nobody has made. */
const wanted = (path: string, size: number): PlannedFile => {
  const planned = plannedFile(path, path);
  return { ...planned, file: remote(path, { size }), id: planned.id };
};

const limits = (free: number, more: Partial<Limits> = {}): Limits => ({
  total: 512 * MIB,
  free,
  tmpfs: false,
  ...more,
});

function refusal(need: () => void): ColdframeError {
  try {
    need();
  } catch (error) {
    assert.equal((error as ColdframeError).code, "WEIGHTS_NO_ROOM");
    return error as ColdframeError;
  }
  assert.fail("nothing was refused");
}

/** A complete tree of one file of so many bytes, ready since `minutes` ago. */
function otherTree(root: string, digest: string, size: number, minutes: number): PlannedFile {
  const planned = plannedFile("model.bin", Buffer.alloc(size, digest));
  prepareTree(root, digest);
  putBlob(root, planned, Buffer.alloc(size, digest));
  place(root, digest, planned);
  writeReady(root, digest, [planned]);
  const then = new Date(Date.now() - minutes * 60_000);
  utimesSync(readyFile(root, digest), then, then);
  return planned;
}

/** Limits as if all bytes of blobs were on a disk with so many bytes left beside them and the reserve. */
function smallDisk(room: number): (root: string) => Limits {
  return (root) => {
    const used = readdirSync(join(root, "blobs")).reduce(
      (sum, name) => sum + readFileSync(join(root, "blobs", name)).length,
      0,
    );
    return limits(RESERVE + room - used);
  };
}

test("what fits is not refused, up to the last byte before the reserve", () => {
  const root = newRoot();
  const room = (free: number) => openRoom(root, DIGEST, {}, () => limits(free));
  room(RESERVE + 1000).need([wanted("a", 600), wanted("b", 400)]);
  refusal(() => room(RESERVE + 999).need([wanted("a", 600), wanted("b", 400)]));
});

test("a plan that grows is summed up, and one content counts once", () => {
  const root = newRoot();
  const room = openRoom(root, DIGEST, {}, () => limits(RESERVE + 1000));
  const a = wanted("a", 600);
  room.need([a]);
  room.need([a, { ...a, path: "copy of a" }]);
  room.need([wanted("b", 400)]);
  refusal(() => room.need([wanted("c", 1)]));
});

test("complete blobs need nothing, and of partial ones only what is not written", () => {
  const root = newRoot();
  const [whole, part] = [wanted("whole", 8), wanted("part", 10 * MIB)];
  putBlob(root, whole, "complete");
  // At its full length from the start, with a quarter written: what is not written is a hole.
  const fd = openSync(join(root, "blobs", `${part.id}.part`), "w");
  ftruncateSync(fd, 10 * MIB);
  writeSync(fd, Buffer.alloc(2.5 * MIB, 1), 0, 2.5 * MIB, 0);
  closeSync(fd);
  openRoom(root, DIGEST, {}, () => limits(RESERVE + 7.5 * MIB)).need([whole, part]);
  refusal(() => openRoom(root, DIGEST, {}, () => limits(RESERVE + 7 * MIB)).need([whole, part]));
});

test("what this download has written meanwhile is not counted twice", () => {
  const root = newRoot();
  let free = RESERVE + 1000;
  const room = openRoom(root, DIGEST, {}, () => limits(free));
  const a = wanted("a", 600);
  room.need([a]);
  putBlob(root, a, Buffer.alloc(600));
  free -= 600;
  room.need([wanted("b", 400)]);
  refusal(() => room.need([wanted("c", 1)]));
});

test("the tree that nobody used for longest goes first, and no more than needed", () => {
  const root = newRoot();
  const oldest = otherTree(root, "aa", 1000, 30);
  const older = otherTree(root, "bb", 1000, 20);
  const newest = otherTree(root, "cc", 1000, 10);
  openRoom(root, DIGEST, {}, smallDisk(3500)).need([wanted("x", 2000)]);
  assert.deepEqual(readdirSync(join(root, "blobs")), [newest.id]);
  for (const digest of ["aa", "bb"]) {
    assert.equal(existsSync(treeFolder(root, digest)), false);
    assert.equal(existsSync(readyFile(root, digest)), false);
  }
  assert.notEqual(readReady(root, "cc"), undefined);
  assert.notEqual(oldest.id, older.id);
  assert.deepEqual(readdirSync(join(root, "trees")).toSorted(), ["cc", "cc.ready"], "nothing is left behind");
});

test("blobs of no tree go before any tree, and a tree of a cut off download before a complete one", () => {
  const root = newRoot();
  const complete = otherTree(root, "aa", 1000, 60);
  const orphan = putBlob(root, plannedFile("orphan", "o"), Buffer.alloc(1000));
  const cutOff = otherTree(root, "bb", 1000, 1);
  rmSync(readyFile(root, "bb"));
  openRoom(root, DIGEST, {}, smallDisk(3500)).need([wanted("x", 1000)]);
  assert.equal(existsSync(orphan), false);
  assert.equal(existsSync(treeFolder(root, "bb")), true);
  openRoom(root, DIGEST, {}, smallDisk(2500)).need([wanted("x", 1000)]);
  assert.equal(existsSync(treeFolder(root, "bb")), false);
  assert.equal(existsSync(join(root, "blobs", cutOff.id)), false);
  assert.equal(existsSync(join(root, "blobs", complete.id)), true);
});

test("a tree with a user, our own, and blobs of the plan stay", () => {
  const root = newRoot();
  const used = otherTree(root, "aa", 1000, 30);
  const own = otherTree(root, DIGEST, 1000, 20);
  const shared = otherTree(root, "bb", 1000, 10);
  const end = useTree(root, "aa");
  const error = refusal(() => openRoom(root, DIGEST, {}, smallDisk(3500)).need([shared, wanted("x", 2000)]));
  assert.match(error.message, /need 1 MB more/);
  assert.deepEqual(readdirSync(join(root, "blobs")).toSorted(), [used.id, own.id, shared.id].toSorted());
  assert.notEqual(readReady(root, "aa"), undefined);
  assert.equal(existsSync(treeFolder(root, "bb")), false, "nobody uses it, and its content is in our plan");
  end();
  openRoom(root, DIGEST, {}, smallDisk(3500)).need([shared, wanted("x", 1500)]);
  assert.equal(existsSync(join(root, "blobs", used.id)), false);
});

test("blobs that another tree has too stay", () => {
  const root = newRoot();
  const shared = otherTree(root, "aa", 1000, 30);
  prepareTree(root, "bb");
  place(root, "bb", shared);
  writeReady(root, "bb", [shared]);
  const end = useTree(root, "bb");
  after(end);
  refusal(() => openRoom(root, DIGEST, {}, smallDisk(1500)).need([wanted("x", 1000)]));
  assert.equal(existsSync(treeFolder(root, "aa")), false);
  assert.notEqual(readReady(root, "bb"), undefined);
});

test("a blob that somebody else has a link to stays: removing it would free nothing", () => {
  const root = newRoot();
  const blob = putBlob(root, plannedFile("a", "a"), Buffer.alloc(1000));
  linkSync(blob, join(root, "kept by hand"));
  refusal(() => openRoom(root, DIGEST, {}, smallDisk(1500)).need([wanted("x", 1000)]));
  assert.equal(existsSync(blob), true);
});

test("where there are no hard links, a blob that a tree points at is no orphan", () => {
  const root = newRoot();
  const planned = plannedFile("model.bin", Buffer.alloc(1000));
  const cutOff = plannedFile("deep/other.bin", Buffer.alloc(1000, 1));
  for (const [digest, file] of [
    ["aa", planned],
    ["bb", cutOff],
  ] as const) {
    prepareTree(root, digest);
    putBlob(root, file, Buffer.alloc(1000, digest === "aa" ? 0 : 1));
    const path = join(treeFolder(root, digest), file.path);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(root, "blobs", file.id), path);
    after(useTree(root, digest));
  }
  writeReady(root, "aa", [planned]);
  refusal(() => openRoom(root, DIGEST, {}, smallDisk(2500)).need([wanted("x", 1000)]));
  assert.deepEqual(readdirSync(join(root, "blobs")).toSorted(), [planned.id, cutOff.id].toSorted());
});

test("what cut off downloads left goes first, and partial files of what is complete", () => {
  const root = newRoot();
  const complete = otherTree(root, "aa", 1000, 30);
  const left = ["1".repeat(32), `${"2".repeat(32)}.journal`, `${"2".repeat(32)}.part`, `${complete.id}.part`];
  for (const name of left) writeFileSync(join(root, "blobs", name), Buffer.alloc(1000));
  openRoom(root, DIGEST, {}, smallDisk(3500)).need([wanted("x", 2500)]);
  assert.deepEqual(readdirSync(join(root, "blobs")), [complete.id]);
  assert.notEqual(readReady(root, "aa"), undefined);
});

test("what an eviction that was cut off moved aside goes too", () => {
  const root = newRoot();
  const aside = plannedFile("a", "a");
  prepareTree(root, ".evicted-00");
  putBlob(root, aside, Buffer.alloc(1000));
  place(root, ".evicted-00", aside);
  openRoom(root, DIGEST, {}, smallDisk(1500)).need([wanted("x", 1000)]);
  assert.deepEqual([readdirSync(join(root, "blobs")), readdirSync(join(root, "trees"))], [[], []]);
});

test("our own partial files stay, to be continued", () => {
  const root = newRoot();
  const own = wanted("own", 50_000);
  writeFileSync(join(root, "blobs", `${own.id}.part`), Buffer.alloc(1000));
  writeFileSync(join(root, "blobs", `${own.id}.journal`), "");
  refusal(() => openRoom(root, DIGEST, {}, smallDisk(3000)).need([own]));
  assert.equal(readdirSync(join(root, "blobs")).length, 2);
});

test("a tree of a process that was killed is nobody's", { skip: process.platform !== "linux" }, async () => {
  const root = newRoot();
  otherTree(root, "aa", 1000, 1);
  const script = `const { useTree } = await import(process.env.USERS); useTree(process.env.ROOT, "aa"); process.stdout.write("marked"); setTimeout(() => {}, 2 ** 30);`;
  const child = fork("-e", [script], {
    execArgv: ["--input-type=module"],
    silent: true,
    env: {
      ...process.env,
      USERS: join(import.meta.dirname, "../../../adapter/runtime/weights/files/users.ts"),
      ROOT: root,
    },
  });
  await once(child.stdout as NodeJS.ReadableStream, "data");
  const need = () => openRoom(root, DIGEST, {}, smallDisk(1500)).need([wanted("x", 1000)]);
  refusal(need);
  assert.notEqual(readReady(root, "aa"), undefined, "as it was, while it is used");
  child.kill("SIGKILL");
  await once(child, "exit");
  need();
  assert.equal(existsSync(treeFolder(root, "aa")), false);
});

test("on a tmpfs of 128 MB the numbers are the file system's", (t) => {
  const mounted = mountTmpfs(128);
  if ("skip" in mounted) return t.skip(mounted.skip);
  const { root } = mounted;
  openRoom(root, DIGEST, {}).need([wanted("a", 32 * MIB)]);
  const error = refusal(() => openRoom(root, DIGEST, {}).need([wanted("a", 100 * MIB)]));
  assert.match(error.message, /need 100 MB more, and .* has 128 of 128 MB free: 36 MB too little/);
  assert.match(error.fix ?? "", /Make that tmpfs at least 36 MB larger/);
  const { bavail, bsize } = statfsSync(root);
  const blocks = 80 * MIB;
  writeFileSync(join(root, "blobs", "f".repeat(32)), Buffer.alloc(blocks));
  assert.ok(statfsSync(root).bavail * bsize <= bavail * bsize - blocks);
  openRoom(root, DIGEST, {}).need([wanted("a", 32 * MIB)]);
  assert.deepEqual(readdirSync(join(root, "blobs")), [], "the old blob made room");
});

test("on Lambda the error has the value to write", () => {
  const environment = { AWS_LAMBDA_FUNCTION_NAME: "f" };
  const folder = newFolder("/tmp");
  mkdirSync(join(folder, "blobs"));
  const sentence = (size: number) =>
    refusal(() => openRoom(folder, DIGEST, environment, () => limits(500 * MIB)).need([wanted("a", size)]))
      .sentence;
  assert.match(sentence(3000 * MIB), /need 3,000 MB more.*Set `serverless\.ephemeral_storage: 3264`/);
  assert.match(sentence(450 * MIB), /`serverless\.ephemeral_storage: 576`/);
  assert.match(sentence(11_000 * MIB), /at most 10,240 MB of \/tmp.*allow_patterns.*container/);
});

test("elsewhere it names the volume, the shared memory or the memory limit", () => {
  const root = newRoot();
  const fix = (folder: string, found: Limits) => {
    const error = refusal(() => openRoom(folder, DIGEST, {}, () => found).need([wanted("a", 200 * MIB)]));
    return error.sentence;
  };
  assert.match(fix(root, limits(100 * MIB)), /Free 164 MB there, mount a larger volume.*COLDFRAME_DATA_DIR/);
  assert.match(fix("/dev/shm/none", limits(100 * MIB, { tmpfs: true })), /--shm-size/);
  const inMemory = limits(400 * MIB, { tmpfs: true, memory: 150 * MIB });
  assert.match(
    fix(root, inMemory),
    /is in memory, of which 150 MB are left.*Raise the memory limit .* 114 MB/,
  );
});

test("what other deployments hold is part of the message", () => {
  const root = newRoot();
  otherTree(root, "aa", 5 * MIB, 1);
  after(useTree(root, "aa"));
  const error = refusal(() => openRoom(root, DIGEST, {}, () => limits(RESERVE)).need([wanted("a", MIB)]));
  assert.match(error.message, /; 5 MB there belong to other deployments in use/);
});

test("storage for a deployment: what is stored, the reserve and the file system's share, in steps", () => {
  assert.equal(ephemeralStorageFor(0), 512);
  assert.equal(ephemeralStorageFor(400 * MIB), 512);
  assert.equal(ephemeralStorageFor(430 * MIB), 576);
  assert.equal(ephemeralStorageFor(5000 * MIB), 5376);
});

test("memory: the strictest cgroup above the process, with its page cache, and what the machine has", () => {
  const system = newFolder();
  const write = (file: string, content: string) => {
    mkdirSync(dirname(join(system, file)), { recursive: true });
    writeFileSync(join(system, file), content);
  };
  assert.equal(memoryLeft(system), undefined);
  write("proc/meminfo", "MemTotal:  9 kB\nMemAvailable:    1000 kB\nSwapFree:    24 kB\n");
  assert.equal(memoryLeft(system), 1024 * 1024);
  write("proc/self/cgroup", "0::/pod/container\n");
  assert.equal(memoryLeft(system), 1024 * 1024);
  write("sys/fs/cgroup/pod/memory.max", "max\n");
  write("sys/fs/cgroup/pod/container/memory.max", "600000\n");
  write("sys/fs/cgroup/pod/container/memory.current", "500000\n");
  write(
    "sys/fs/cgroup/pod/container/memory.stat",
    "anon 1\nfile 300000\ninactive_file 200000\nactive_file 50000\n",
  );
  assert.equal(memoryLeft(system), 350_000);
  write("sys/fs/cgroup/memory.max", "300000");
  write("sys/fs/cgroup/memory.current", "400000");
  assert.equal(memoryLeft(system), 0);
});

test("memory: cgroups of version 1", () => {
  const system = newFolder();
  const write = (file: string, content: string) => {
    mkdirSync(dirname(join(system, file)), { recursive: true });
    writeFileSync(join(system, file), content);
  };
  write("proc/self/cgroup", "3:cpu,cpuacct:/docker/1\n2:memory:/docker/1\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1000000");
  write("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "900000");
  write("sys/fs/cgroup/memory/docker/1/memory.stat", "inactive_file 1\ntotal_inactive_file 100000\n");
  assert.equal(memoryLeft(system), 200_000);
});
