/**
 * Dovecot that takes no login in clear: POP3 with STLS on one port of 127.0.0.1, POP3 under TLS on another. Else as in
 * dovecot.ts: run by the ordinary user, a passwd-file and a Maildir in a throw-away folder.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Certificate } from "./certificates";
import { atEnd } from "./ending";
import { stored } from "./mails";
import { program, run, start, stop } from "./programs";
import { folder, put, scratch } from "./scratch";
import { freePort, password, type RealServer, user } from "./server";

export interface TlsServer extends RealServer {
  /** The port where TLS is spoken from the first octet; `port` has STLS. */
  readonly tlsPort: number;
  /** All that it has logged. */
  said(): string;
}

/**
 * Starts dovecot with this certificate and these mails, in this order.
 * @param clients the authority whose certificates clients must show; without it, none is asked for
 */
export async function startTlsDovecot(
  t: TestContext,
  certificate: Certificate,
  mails: readonly Buffer[],
  clients?: string,
): Promise<TlsServer> {
  const home = scratch(t);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const [name, group] = await Promise.all(["-un", "-gn"].map((flag) => run(program("id"), [flag])));
  const [as, of] = [name, group].map((outcome) => outcome?.stdout.toString().trim());
  const ssl = [`ssl_cert = <${certificate.cert}`, `ssl_key = <${certificate.key}`];
  if (clients) ssl.push(`ssl_ca = <${clients}`, "ssl_verify_client_cert = yes", "auth_ssl_require_client_cert = yes");
  if (clients) ssl.push("ssl_require_crl = no");
  put(join(home, "conf"), `${configuration(home, `${as}`, `${of}`, port, tlsPort)}${ssl.join("\n")}\n`);
  put(join(home, "users"), `${user}:{PLAIN}${password}::::${home}/${user}::\n`);
  for (const part of ["new", "cur", "tmp"]) folder(join(home, user, "maildir", part));
  for (const [index, octets] of mails.entries()) {
    put(join(home, user, "maildir/new", `${1700000000 + index}.M${index}.test`), stored(octets));
  }
  const child = start(program("dovecot"), ["-F", "-c", join(home, "conf")], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (octets) => (said += octets));
  atEnd(t, () => stop(child, "SIGKILL"));
  for (let wait = 0; !(await answers(port)); wait++) {
    assert.ok(wait < 200 && child.exitCode === null, `dovecot does not answer: ${said}`);
    await sleep(25);
  }
  return {
    port,
    tlsPort,
    said: () => said,
    stored: () =>
      ["new", "cur"]
        .map((part) => join(home, user, "maildir", part))
        .flatMap((path) => readdirSync(path).map((file) => readFileSync(join(path, file)))),
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("data", () => socket.destroy());
  });
}

/** Everything that dovecot would do as root is left out: its own users, chroot, and other folders than `home`. */
function configuration(home: string, name: string, group: string, port: number, tlsPort: number): string {
  return `
protocols = pop3
listen = 127.0.0.1
base_dir = ${home}/run
state_dir = ${home}/state
log_path = /dev/stderr
default_internal_user = ${name}
default_internal_group = ${group}
default_login_user = ${name}
default_vsz_limit = 0
ssl = required
auth_failure_delay = 0
auth_mechanisms = plain
first_valid_uid = 0
mail_location = maildir:~/maildir
passdb {
  driver = passwd-file
  args = ${home}/users
}
userdb {
  driver = passwd-file
  args = ${home}/users
  override_fields = uid=${name} gid=${group}
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = ${tlsPort}
    ssl = yes
  }
}
service stats {
  chroot =
}
`;
}
