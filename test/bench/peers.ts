/** The relays that a bench puts beside the gateway, where they are installed: HAProxy in TCP mode, and nginx mail. */

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { measured, type Started } from "./processes";

const MAIL_MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so";

/** HAProxy with one thread; null: it is not installed. */
export async function startHaproxy(upstream: number): Promise<Started | null> {
  if (spawnSync("haproxy", ["-v"]).error) return null;
  const port = await freePort();
  const times = "timeout connect 5s\ntimeout client 600s\ntimeout server 600s";
  const listen = `listen relay\nbind 127.0.0.1:${port}\nserver upstream 127.0.0.1:${upstream}`;
  const lines = `global\nnbthread 1\nmaxconn 7500\ndefaults\nmode tcp\n${times}\n${listen}\n`;
  return startPeer("haproxy", ["-db", "-f", configOf("haproxy.cfg", lines)], port);
}

/** nginx mail, one process, which also answers its own auth_http; null: it is not installed. */
export async function startNginx(upstream: number): Promise<Started | null> {
  if (spawnSync("nginx", ["-v"]).error || !existsSync(MAIL_MODULE)) return null;
  const port = await freePort();
  const auth = await freePort();
  const to = `add_header Auth-Server 127.0.0.1; add_header Auth-Port ${upstream};`;
  const answer = `location / { add_header Auth-Status OK; ${to} return 200 ''; }`;
  const home = mkdtempSync(join(tmpdir(), "bench-nginx-"));
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${home}/${name};`,
  );
  const lines = [
    `load_module ${MAIL_MODULE};`,
    "daemon off; master_process off; error_log /dev/null crit;",
    `pid ${home}/pid;`,
    "events { worker_connections 16000; multi_accept on; }",
    `http { access_log off; ${paths.join(" ")} server { listen 127.0.0.1:${auth}; ${answer} } }`,
    `mail { auth_http 127.0.0.1:${auth}/; pop3_auth plain; timeout 600s;`,
    `server { listen 127.0.0.1:${port}; protocol pop3; proxy on; } }`,
  ];
  return startPeer("nginx", ["-c", configOf("nginx.conf", lines.join("\n"))], port);
}

function configOf(name: string, text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "bench-")), name);
  writeFileSync(file, text);
  return file;
}

async function startPeer(program: string, argv: readonly string[], port: number): Promise<Started> {
  const child = spawn(program, argv, { stdio: "ignore" });
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => {
        socket.destroy();
        resolve(true);
      }).on("error", () => resolve(false));
    });
  await until(listens, `${program} does not listen`, { every: 25 });
  return measured(child, port);
}
