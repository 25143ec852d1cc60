// nginx with a folder behind it: the cheapest server there is, so that a measurement shows the client. It serves ranges
// and If-Match and looks at no signature; `/bucket/key` is a file. Debian: apt-get install nginx-light.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "./radosgw.ts";

export interface NginxOptions {
  /** Absolute. */
  readonly folder: string;
  readonly tls?: boolean;
  /** Bytes per second of one connection. */
  readonly limitRate?: number;
}

export interface Nginx {
  readonly url: string;
  /** PEM of the certificate, to be trusted by the client; only with TLS. */
  readonly ca: string | undefined;
  close(): Promise<void>;
}

const START_LIMIT_MS = 10_000;
const POLL_MS = 20;

const run = promisify(execFile);

export async function startNginx(options: NginxOptions): Promise<Nginx | { readonly skipped: string }> {
  for (const command of ["nginx", ...(options.tls === true ? ["openssl"] : [])]) {
    if ((await run("which", [command]).catch(() => undefined)) === undefined)
      return { skipped: `not installed: ${command} (sudo apt-get install -y nginx-light openssl)` };
  }
  const work = mkdtempSync(join(tmpdir(), "nginx-"));
  mkdirSync(join(work, "logs"));
  const [port] = (await freePorts(1)) as [number];
  if (options.tls === true) await makeCertificate(work);
  writeFileSync(join(work, "nginx.conf"), configuration(work, port, options));
  const daemon = spawn("nginx", ["-p", work, "-c", join(work, "nginx.conf"), "-e", "logs/error.log"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const remove = () => {
    daemon.kill("SIGTERM");
    rmSync(work, { recursive: true, force: true });
  };
  process.once("exit", remove);
  const close = async () => {
    await stop(daemon);
    process.off("exit", remove);
    remove();
  };
  try {
    await listening(port, daemon);
  } catch (error) {
    await close();
    throw error;
  }
  const scheme = options.tls === true ? "https" : "http";
  const ca = options.tls === true ? readFileSync(join(work, "certificate.pem"), "utf8") : undefined;
  return { url: `${scheme}://localhost:${port}`, ca, close };
}

function configuration(work: string, port: number, { folder, tls, limitRate }: NginxOptions): string {
  const listen = tls === true ? "ssl" : "";
  // Its workers are nobody unless they are told otherwise, and a temporary folder is closed to nobody.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `
${user}
daemon off;
worker_processes 2;
pid ${work}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type binary/octet-stream;
  keepalive_timeout 5s;
  keepalive_requests 100000;
  client_body_temp_path ${work}/body;
  proxy_temp_path ${work}/proxy;
  fastcgi_temp_path ${work}/fastcgi;
  uwsgi_temp_path ${work}/uwsgi;
  scgi_temp_path ${work}/scgi;
  server {
    listen 127.0.0.1:${port} ${listen} reuseport backlog=1024;
    ${tls === true ? `ssl_certificate ${work}/certificate.pem; ssl_certificate_key ${work}/key.pem; ssl_protocols TLSv1.3;` : ""}
    root ${folder};
    ${limitRate === undefined ? "" : `limit_rate ${limitRate};`}
  }
}
`;
}

async function makeCertificate(work: string): Promise<void> {
  await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", join(work, "key.pem"), "-out", join(work, "certificate.pem")],
  ]);
}

async function listening(port: number, daemon: ChildProcess): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    if (daemon.exitCode !== null) throw new Error(`nginx has ended with ${daemon.exitCode}`);
    if (Date.now() > end) throw new Error(`nginx does not listen after ${START_LIMIT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  await exited;
}
