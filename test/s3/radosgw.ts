// A real S3 server on this machine: Ceph's radosgw with one monitor and one object store in memory, from nothing in a
// temporary folder, on ports that were free. Debian: apt-get install radosgw ceph-mon ceph-osd ceph-common.
// Source: docs.ceph.com/en/latest/dev/dev_cluster_deployment, docs.ceph.com/en/latest/install/manual-deployment.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Radosgw {
  readonly url: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Ends all daemons and removes their folder. Also happens when this process exits. */
  close(): Promise<void>;
}

const COMMANDS = ["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool"];
const PACKAGES = "radosgw ceph-mon ceph-osd ceph-common";
/** The first answer of radosgw comes after its pools have been made. */
const START_LIMIT_MS = 120_000;
const POLL_MS = 100;
/** What the object store in memory may hold, in bytes. */
const STORE_BYTES = 6 * 1024 ** 3;

const run = promisify(execFile);

export async function startRadosgw(): Promise<Radosgw | { readonly skipped: string }> {
  const missing: string[] = [];
  for (const command of COMMANDS) await run("which", [command]).catch(() => missing.push(command));
  if (missing.length > 0) {
    return { skipped: `not installed: ${missing.join(", ")} (sudo apt-get install -y ${PACKAGES})` };
  }
  const folder = mkdtempSync(join(tmpdir(), "radosgw-"));
  const daemons: ChildProcess[] = [];
  const remove = () => {
    for (const daemon of daemons) daemon.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", remove);
  const close = async () => {
    await Promise.all(daemons.toReversed().map(stop));
    process.off("exit", remove);
    remove();
  };
  try {
    return { ...(await deploy(folder, daemons)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function deploy(folder: string, daemons: ChildProcess[]): Promise<Omit<Radosgw, "close">> {
  const [port, monitorV2, monitorV1] = (await freePorts(3)) as [number, number, number];
  for (const name of ["mon", "osd", "log", "run", "rgw"]) mkdirSync(join(folder, name));
  const id = randomUUID();
  const conf = join(folder, "ceph.conf");
  const address = `[v2:127.0.0.1:${monitorV2},v1:127.0.0.1:${monitorV1}]`;
  writeFileSync(conf, configuration(folder, id, address, port));
  const tool = async (command: string, ...args: string[]) =>
    (await run(command, [...args, "--conf", conf])).stdout.trim();
  const daemon = (command: string, ...args: string[]) => {
    const log = openSync(join(folder, "log", `${command}.out`), "a");
    daemons.push(spawn(command, ["-f", ...args, "--conf", conf], { stdio: ["ignore", log, log] }));
  };

  const monmap = join(folder, "monmap");
  await run("monmaptool", ["--create", "--addv", "a", address, "--fsid", id, monmap]);
  const keys = await writeKeyrings(folder);
  await tool("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", join(folder, "mon.keyring"));
  daemon("ceph-mon", "-i", "a");
  const uuid = randomUUID();
  writeFileSync(join(folder, "osd.json"), JSON.stringify({ cephx_secret: keys.osd }));
  await tool("ceph", "--connect-timeout", "60", "osd", "new", uuid, "-i", join(folder, "osd.json"));
  await tool("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", uuid);
  daemon("ceph-osd", "-i", "0");
  daemon("radosgw", "-n", "client.rgw.main");
  const url = `http://127.0.0.1:${port}`;
  await answering(url, daemons, folder);

  const credentials = { accessKeyId: "COLDFRAMETEST", secretAccessKey: randomUUID() };
  await tool(
    "radosgw-admin",
    ...["user", "create", "--uid=test", "--display-name=test"],
    `--access-key=${credentials.accessKeyId}`,
    `--secret-key=${credentials.secretAccessKey}`,
  );
  return { url, region: "us-east-1", credentials };
}

/** With cephx: without it radosgw asks its monitor for a secret for ever. */
function configuration(folder: string, id: string, address: string, port: number): string {
  return `
[global]
fsid = ${id}
mon host = ${address}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
run dir = ${folder}/run
log file = ${folder}/log/$name.log
admin socket = ${folder}/run/$name.asok
pid file = ${folder}/run/$name.pid
keyring = ${folder}/admin.keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
[mon.a]
mon data = ${folder}/mon
[osd.0]
osd data = ${folder}/osd
keyring = ${folder}/osd.keyring
osd objectstore = memstore
memstore device bytes = ${STORE_BYTES}
memstore page set = false
osd max object size = 256M
[client.rgw.main]
keyring = ${folder}/rgw.keyring
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable usage log = false
rgw enable ops log = false
`;
}

async function writeKeyrings(folder: string): Promise<{ osd: string }> {
  const owners = {
    mon: { name: "mon.", caps: { mon: "allow *" } },
    admin: { name: "client.admin", caps: { mon: "allow *", osd: "allow *", mgr: "allow *" } },
    rgw: { name: "client.rgw.main", caps: { mon: "allow rw", osd: "allow rwx" } },
  };
  const sections = await Promise.all(
    Object.entries(owners).map(async ([file, { name, caps }]) => {
      const lines = Object.entries(caps).map(([of, what]) => `caps ${of} = "${what}"`);
      const section = `[${name}]\nkey = ${await newKey()}\n${lines.join("\n")}\n`;
      if (file !== "mon") writeFileSync(join(folder, `${file}.keyring`), section);
      return section;
    }),
  );
  // The monitor is born knowing all of them; osd.0 is told to it with its secret.
  writeFileSync(join(folder, "mon.keyring"), sections.join(""));
  const osd = await newKey();
  writeFileSync(join(folder, "osd.keyring"), `[osd.0]\nkey = ${osd}\n`);
  return { osd };
}

async function newKey(): Promise<string> {
  return (await run("ceph-authtool", ["--gen-print-key"])).stdout.trim();
}

async function answering(url: string, daemons: readonly ChildProcess[], folder: string): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    const dead = daemons.find(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
    if (dead !== undefined) throw new Error(`${dead.spawnfile} has ended: see ${join(folder, "log")}`);
    if (Date.now() > end) throw new Error(`radosgw does not answer after ${START_LIMIT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = new Promise((resolve) => daemon.once("exit", resolve));
  // Nothing here is worth saving.
  daemon.kill("SIGKILL");
  await exited;
}

/** Different ones; each was free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject).listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
