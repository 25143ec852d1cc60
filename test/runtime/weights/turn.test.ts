import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { type Lock, takeLock, watchLock } from "../../../adapter/runtime/weights/files/lock.ts";
import { runs, thisProcess } from "../../../adapter/runtime/weights/files/process.ts";
import {
  type OthersTurn,
  type OwnTurn,
  socketName,
  takeTurn,
} from "../../../adapter/runtime/weights/files/turn.ts";
import { liveUsers, useTree } from "../../../adapter/runtime/weights/files/users.ts";
import { DIGEST, mountTmpfs, newFolder, newRoot } from "./_ground.ts";

const TAKER = join(import.meta.dirname, "_turn-taker.ts");
const LINUX = process.platform === "linux";

async function first(root: string, digest = DIGEST): Promise<OwnTurn> {
  const turn = await takeTurn(root, digest);
  assert.ok(turn.first, "the turn was free");
  return turn;
}

async function second(root: string, digest = DIGEST): Promise<OthersTurn> {
  const turn = await takeTurn(root, digest);
  assert.ok(!turn.first, "the turn was taken");
  return turn;
}

/** The next lines that a waiting one hears. */
function lines(turn: OthersTurn, count: number): Promise<object[]> {
  const heard: object[] = [];
  return new Promise((resolve) => {
    turn.onLine((line) => {
      heard.push(line);
      if (heard.length === count) resolve(heard);
    });
  });
}

/** What takers say, and a wait for it. */
class Takers {
  readonly said: { who: number; what: Record<string, unknown> }[] = [];
  #onSay = () => {};

  hear(who: number, what: object): void {
    this.said.push({ who, what: what as Record<string, unknown> });
    this.#onSay();
  }

  of(key: string): number[] {
    return this.said.filter(({ what }) => key in what).map(({ who }) => who);
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onSay = () => condition() && resolve();
      this.#onSay();
    });
  }
}

function startProcess(takers: Takers, who: number, task: object): ChildProcess {
  const child = fork(TAKER, [JSON.stringify(task)]);
  after(() => child.kill("SIGKILL"));
  return child.on("message", (what) => takers.hear(who, what as object));
}

test("one has the turn, the next waits for it, then has it", async () => {
  const root = newRoot();
  const owner = await first(root);
  const waiting = await second(root);
  await owner.release();
  await waiting.over;
  const next = await first(root);
  assert.equal(owner.lost.aborted, false);
  await next.release();
  assert.deepEqual(readdirSync(join(root, "trees")), [], "nothing is left behind");
});

test("the root is made when it is missing", async () => {
  const root = join(newFolder(), "not/yet");
  await (await first(root)).release();
  assert.equal(existsSync(join(root, "trees")), true);
});

test("each tree has its own turn, and a link to the root is the root", async () => {
  const root = newRoot();
  const link = join(newFolder(), "link");
  symlinkSync(root, link);
  const one = await first(root, "1");
  const other = await first(root, "2");
  const waiting = await second(link, "1");
  await one.release();
  await waiting.over;
  await other.release();
});

test("those who wait hear what the owner tells, and those who come later what it keeps", {
  skip: !LINUX,
}, async () => {
  const root = newRoot();
  const owner = await first(root);
  const early = await second(root);
  const heard = lines(early, 3);
  owner.tell({ file: "a\nb" });
  owner.tell({ bytes: 1 }, true);
  owner.tell({ file: "ü" });
  assert.deepEqual(await heard, [{ file: "a\nb" }, { bytes: 1 }, { file: "ü" }]);
  const late = await second(root);
  const later = await second(root);
  assert.deepEqual(await lines(later, 2), [{ file: "a\nb" }, { file: "ü" }]);
  // Lines that came before anybody listened are not lost.
  assert.deepEqual(await lines(late, 2), [{ file: "a\nb" }, { file: "ü" }]);
  await owner.release();
  await Promise.all([early.over, late.over, later.over]);
});

test("the last line before the release is heard", { skip: !LINUX }, async () => {
  const root = newRoot();
  const owner = await first(root);
  const waiting = await second(root);
  const heard = lines(waiting, 1);
  owner.tell({ eager: true });
  await owner.release();
  assert.deepEqual(await heard, [{ eager: true }]);
  await waiting.over;
});

test("one that waits may leave; the owner and the others go on", async () => {
  const root = newRoot();
  const owner = await first(root);
  const leaves = await second(root);
  const stays = await second(root);
  leaves.leave();
  await leaves.over;
  owner.tell({ still: "here" });
  await owner.release();
  await stays.over;
});

test("a reader that never reads is cut off, and holds up nobody", { skip: !LINUX }, async () => {
  const root = newRoot();
  const owner = await first(root);
  const stuck = connect({ path: socketName(root, DIGEST) }).pause();
  await once(stuck, "connect");
  const waiting = await second(root);
  const heard = lines(waiting, 40);
  const line = { filler: "x".repeat(64 * 1024) };
  for (let count = 0; count < 40; count++) {
    owner.tell(line, true);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await heard).length, 40);
  // Cut off by the owner, who still has its turn.
  stuck.on("error", () => {}).resume();
  await once(stuck, "close");
  await owner.release();
  await waiting.over;
});

test("the kernel frees the turn of a killed process, and another takes it over", {
  skip: !LINUX,
}, async () => {
  const root = newRoot();
  const takers = new Takers();
  const victim = startProcess(takers, 0, { root, digest: DIGEST, hang: true });
  await takers.until(() => takers.of("has").includes(0));
  const heirs = [1, 2].map((who) => startProcess(takers, who, { root, digest: DIGEST }));
  await takers.until(() => takers.of("waits").length >= 2 && takers.of("line").length >= 2);
  assert.equal(existsSync(join(root, "done")), false);
  victim.kill("SIGKILL");
  await Promise.all(heirs.map((heir) => once(heir, "exit")));
  assert.deepEqual(
    heirs.map(({ exitCode }) => exitCode),
    [0, 0],
  );
  assert.equal(takers.of("works").length, 1, "one does the work");
  assert.equal(takers.of("clash").length, 0);
  assert.deepEqual(readdirSync(join(root, "trees")), []);
});

test("of eight threads that wait for a ninth, one takes over when it is terminated", {
  skip: !LINUX,
}, async () => {
  const root = newRoot();
  const takers = new Takers();
  const start = (who: number, hang: boolean) => {
    const worker = new Worker(TAKER, { workerData: { root, digest: DIGEST, hang } });
    after(() => worker.terminate());
    return worker.on("message", (what) => takers.hear(who, what));
  };
  const victim = start(0, true);
  await takers.until(() => takers.of("has").includes(0));
  const heirs = Array.from({ length: 8 }, (_, index) => start(index + 1, false));
  const ends = heirs.map((heir) => once(heir, "exit"));
  await takers.until(() => new Set(takers.of("waits")).size === 8);
  assert.deepEqual(takers.of("works"), []);
  await victim.terminate();
  await Promise.all(ends);
  assert.equal(takers.of("works").length, 1, "one does the work");
  assert.equal(takers.of("clash").length, 0, "one at a time");
  assert.equal(takers.of("ends").length, 8);
});

test("of many that find the lock of a dead one, one gets it, without any sockets", async () => {
  const root = newRoot();
  const file = foreignLock(root, { pid: 2 ** 22 + 1, startTicks: "1", socket: false });
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const script = `
    const { workerData, parentPort } = require("node:worker_threads");
    import(workerData.lock).then(({ takeLock }) => {
      for (let round = 0; round < ${ROUNDS}; round++) {
        Atomics.wait(workerData.gate, 0, round);
        const lock = takeLock(workerData.file, false);
        parentPort.postMessage(lock !== undefined);
        Atomics.wait(workerData.gate, 1, round);
        lock?.release();
        parentPort.postMessage("released");
      }
    });`;
  const lock = join(import.meta.dirname, "../../../adapter/runtime/weights/files/lock.ts");
  const workers = Array.from(
    { length: 4 },
    () => new Worker(script, { eval: true, workerData: { lock, file, gate } }),
  );
  after(() => workers.map((worker) => worker.terminate()));
  const exits = workers.map((worker) => once(worker, "exit"));
  for (let round = 0; round < ROUNDS; round++) {
    foreignLock(root, { pid: 2 ** 22 + 1, startTicks: "1", socket: false });
    const answers = Promise.all(workers.map((worker) => once(worker, "message")));
    Atomics.store(gate, 0, round + 1);
    Atomics.notify(gate, 0);
    const owners = (await answers).filter(([has]) => has);
    assert.equal(owners.length, 1);
    const released = Promise.all(workers.map((worker) => once(worker, "message")));
    Atomics.store(gate, 1, round + 1);
    Atomics.notify(gate, 1);
    await released;
  }
  await Promise.all(exits);
});

/** Of the race below. */
const ROUNDS = 100;

const lockFile = (root: string) => join(root, "trees", `${DIGEST}.lock`);

/** A lock of somebody else, as its file has it. */
function foreignLock(root: string, owner: object): string {
  const file = lockFile(root);
  writeFileSync(
    file,
    JSON.stringify({ token: "theirs", socket: true, since: "", ...thisProcess(), ...owner }),
  );
  return file;
}

const elsewhere = { bootId: "another-machine", host: "elsewhere", pid: 1 };

test("the lock file of another machine is waited for until it is released", async () => {
  const root = newRoot();
  const file = foreignLock(root, elsewhere);
  const waiting = await second(root);
  rmSync(file);
  await waiting.over;
  await (await first(root)).release();
});

test("what this machine's dead left behind is taken over at once", { skip: !LINUX }, async () => {
  const root = newRoot();
  // Its socket is ours now, so it is gone, whatever its pid says.
  foreignLock(root, { pid: process.pid });
  await (await first(root)).release();
  // Seen by its pid: no such process, and one that only has the same pid.
  for (const dead of [
    { pid: 2 ** 22 + 1, startTicks: "1", socket: false },
    { pid: process.ppid, startTicks: "1", socket: false },
  ]) {
    foreignLock(root, dead);
    await (await first(root)).release();
  }
  assert.deepEqual(readdirSync(join(root, "trees")), []);
});

test("a heartbeat that stops is taken over after sixty looks, not before", async (t: TestContext) => {
  const root = newRoot();
  const file = foreignLock(root, elsewhere);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const watch = watchLock(file, true);
  let over = false;
  void watch.over.then(() => (over = true));
  t.mock.timers.tick(250 * 60);
  // It lives: everything from the start.
  utimesSync(file, new Date(), new Date(Date.now() + 1000));
  t.mock.timers.tick(250 * 60);
  await Promise.resolve();
  assert.equal(over, false);
  assert.equal(existsSync(file), true);
  t.mock.timers.tick(250);
  await watch.over;
  assert.equal(existsSync(file), false);
});

test("an owner that runs on this machine is never taken over because of time", {
  skip: !LINUX,
}, (t: TestContext) => {
  const root = newRoot();
  const stat = readFileSync(`/proc/${process.ppid}/stat`, "latin1");
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  // Frozen, so without a heartbeat; and of no socket that we could judge it by.
  const file = foreignLock(root, { pid: process.ppid, startTicks, socket: false });
  t.mock.timers.enable({ apis: ["setInterval"] });
  const watch = watchLock(file, true);
  t.mock.timers.tick(250 * 500);
  assert.equal(existsSync(file), true);
  watch.leave();
});

test("without sockets, a lock of this very process is judged by its heartbeat", {
  skip: !LINUX,
}, (t: TestContext) => {
  const root = newRoot();
  const file = foreignLock(root, { socket: false });
  assert.equal(takeLock(file, false), undefined);
  t.mock.timers.enable({ apis: ["setInterval"] });
  watchLock(file, false);
  t.mock.timers.tick(250 * 61);
  assert.equal(existsSync(file), false, "its thread ended");
});

test("one that was killed while it took over holds up nobody for good", (t: TestContext) => {
  const root = newRoot();
  const file = foreignLock(root, { pid: 2 ** 22 + 1, startTicks: "1", socket: false });
  writeFileSync(`${file}.theirs`, "");
  assert.equal(takeLock(file, false), undefined);
  t.mock.timers.enable({ apis: ["setInterval"] });
  watchLock(file, false);
  t.mock.timers.tick(250 * 63);
  assert.deepEqual(readdirSync(join(root, "trees")), []);
});

test("the owner keeps its lock file fresh, and learns when it lost it", async (t: TestContext) => {
  const root = newRoot();
  t.mock.timers.enable({ apis: ["setInterval"] });
  const lock = takeLock(lockFile(root), true) as Lock;
  utimesSync(lockFile(root), new Date(0), new Date(0));
  t.mock.timers.tick(1000);
  assert.notEqual(statSync(lockFile(root)).mtimeMs, 0);
  // Another host took it for dead, and has its own there now.
  renameSync(lockFile(root), join(root, "taken"));
  foreignLock(root, elsewhere);
  t.mock.timers.tick(1000);
  assert.equal(lock.lost.aborted, true);
  lock.release();
  assert.equal(existsSync(lockFile(root)), true, "the lock of the other stays");
});

test("a lock file that nobody can read counts as somebody's", (t: TestContext) => {
  const root = newRoot();
  writeFileSync(lockFile(root), "");
  assert.equal(takeLock(lockFile(root), true), undefined);
  t.mock.timers.enable({ apis: ["setInterval"] });
  watchLock(lockFile(root), true);
  t.mock.timers.tick(250 * 61);
  assert.equal(existsSync(lockFile(root)), false);
});

test("in another network namespace the lock file decides", { skip: namespaceSkip() }, async () => {
  const root = newRoot();
  const owner = await first(root);
  // Containers on one volume: its own network and its own pids, so neither socket nor pid says anything.
  const seen = execFileSync(
    "unshare",
    ["--net", "--pid", "--fork", "--mount-proc", process.execPath, "--input-type=module", "-e", PEEK],
    {
      env: {
        ...process.env,
        ROOT: root,
        DIGEST,
        TURN: join(import.meta.dirname, "../../../adapter/runtime/weights/files/turn.ts"),
      },
    },
  );
  assert.equal(seen.toString(), "waits");
  await owner.release();
});

const PEEK = `
  const { takeTurn } = await import(process.env.TURN);
  const turn = await takeTurn(process.env.ROOT, process.env.DIGEST);
  process.stdout.write(turn.first ? "first" : "waits");
  process.exit();
`;

function namespaceSkip(): string | false {
  try {
    execFileSync("unshare", ["--net", "--pid", "--fork", "--mount-proc", "true"], { stdio: "pipe" });
    return false;
  } catch {
    return "no new namespaces here";
  }
}

test("a process is known by more than its pid", { skip: !LINUX }, async () => {
  const self = thisProcess();
  assert.equal(runs(self), true);
  assert.equal(runs({ pid: self.pid, startTicks: "1" }), false);
  assert.equal(self.host, hostname());
  // Killed, and never waited for: its parent became another program.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 1000"]);
  after(() => parent.kill("SIGKILL"));
  const [said] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(said.toString());
  const stat = () =>
    readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /, "")
      .split(" ");
  while (stat()[0] !== "Z") await new Promise((resolve) => setImmediate(resolve));
  assert.equal(runs({ pid, startTicks: stat()[19] as string }), false);
});

test("a tree has the users that run; markers of the dead go", async () => {
  const root = newRoot();
  assert.equal(liveUsers(root, DIGEST), 0);
  const end = useTree(root, DIGEST);
  const endToo = useTree(root, DIGEST);
  assert.equal(liveUsers(root, DIGEST), 2);
  assert.equal(liveUsers(root, "other"), 0);
  end();
  assert.equal(liveUsers(root, DIGEST), 1);
  endToo();
  assert.equal(liveUsers(root, DIGEST), 0);
});

test("a root that is read-only may be used all the same", (t) => {
  const mounted = mountTmpfs(1);
  if ("skip" in mounted) return t.skip(mounted.skip);
  execFileSync("mount", ["-o", "remount,ro", mounted.root]);
  useTree(mounted.root, DIGEST)();
  assert.equal(liveUsers(mounted.root, DIGEST), 0);
});

test("the marker of a killed process counts no more", { skip: !LINUX }, async () => {
  const root = newRoot();
  const script = `const { useTree } = await import(process.env.USERS); useTree(process.env.ROOT, "${DIGEST}"); process.stdout.write("marked"); setTimeout(() => {}, 2 ** 30);`;
  const users = join(import.meta.dirname, "../../../adapter/runtime/weights/files/users.ts");
  const child = fork("-e", [script], {
    execArgv: ["--input-type=module"],
    silent: true,
    env: { ...process.env, USERS: users, ROOT: root },
  });
  await once(child.stdout as NodeJS.ReadableStream, "data");
  assert.equal(liveUsers(root, DIGEST), 1);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(liveUsers(root, DIGEST), 0);
  assert.deepEqual(readdirSync(join(root, "trees", `${DIGEST}.users`)), []);
});

test("a marker of another machine counts while it is renewed", { skip: !LINUX }, () => {
  const root = newRoot();
  const folder = join(root, "trees", `${DIGEST}.users`);
  mkdirSync(folder);
  const marker = join(folder, `7-123-${"ab".repeat(16)}-4026531836-00112233`);
  writeFileSync(marker, "");
  assert.equal(liveUsers(root, DIGEST), 1);
  utimesSync(marker, new Date(), new Date(Date.now() - 2 * 3_600_000));
  assert.equal(liveUsers(root, DIGEST), 0);
  assert.equal(existsSync(marker), false);
});
