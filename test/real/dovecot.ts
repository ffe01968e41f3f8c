/**
 * Dovecot, run by the ordinary user: a passwd-file and a Maildir in a throw-away folder, on 127.0.0.1. Either without
 * TLS on one port; or so that it takes no login in clear, with STLS on one port and TLS from the first octet on another.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Certified } from "../stage/certificates";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { stored } from "./mails";
import { program, run, start, stop } from "./programs";
import { folder, put, scratch } from "./scratch";
import { password, type RealServer, user } from "./server";

export interface TlsServer extends RealServer {
  /** The port where TLS is spoken from the first octet; `port` has STLS. */
  readonly tlsPort: number;
  /** All that it has logged. */
  said(): string;
  /** Waits for a line of its log: each of its processes sends them to the one that writes them. */
  saying(line: RegExp): Promise<RegExpExecArray>;
}

/** One that is set up by a test. */
export interface OwnDovecot extends TlsServer {
  /** The file of its settings, for doveadm. */
  readonly settings: string;
  /** joe's Maildir. */
  readonly maildir: string;
}

const CLEAR = ["ssl = no", "disable_plaintext_auth = no"];

/** Without delays of logins, which depend on those before. */
export const UNDELAYED = ["service anvil {", "  unix_listener anvil-auth-penalty {", "    mode = 0", "  }", "}"];

/**
 * Starts dovecot with these mails, in this order, in joe's maildrop.
 *
 * @param settings further ones, which replace those that it has
 */
export function startDovecot(t: TestContext, mails: readonly Buffer[], ...settings: string[]): Promise<OwnDovecot> {
  return launch(t, 0, mails, [...CLEAR, ...UNDELAYED, ...settings]);
}

/**
 * Starts one that delays logins as it does by default.
 *
 * @param settings further ones, which replace those that it has
 * @param users with joe's password
 */
export function startOwnDovecot(
  t: TestContext,
  mails: readonly Buffer[],
  settings = "",
  users: readonly string[] = [user],
): Promise<OwnDovecot> {
  return launch(t, 0, mails, [...CLEAR, settings], users);
}

/**
 * Starts one that demands TLS.
 *
 * @param clients the authority whose certificates clients must show; without it, none is asked for
 * @param settings further ones, which replace those that it has
 */
export async function startTlsDovecot(
  t: TestContext,
  { certFile, keyFile }: Certified,
  mails: readonly Buffer[],
  { clients, settings = [] }: { clients?: string; settings?: readonly string[] } = {},
): Promise<OwnDovecot> {
  const demanded = clients
    ? [
        `ssl_ca = <${clients}`,
        "ssl_verify_client_cert = yes",
        "auth_ssl_require_client_cert = yes",
        "ssl_require_crl = no",
      ]
    : [];
  return launch(t, await freePort(), mails, [
    "ssl = required",
    `ssl_cert = <${certFile}`,
    `ssl_key = <${keyFile}`,
    ...demanded,
    ...UNDELAYED,
    ...settings,
  ]);
}

/** @param tlsPort where TLS is spoken from the first octet; 0: nowhere */
async function launch(
  t: TestContext,
  tlsPort: number,
  mails: readonly Buffer[],
  more: readonly string[],
  users: readonly string[] = [user],
): Promise<OwnDovecot> {
  const home = scratch(t);
  const port = await freePort();
  const [name, group] = await Promise.all(["-un", "-gn"].map((flag) => run(program("id"), [flag])));
  const [as, of] = [name, group].map((outcome) => `${outcome?.stdout}`.trim());
  const settings = join(home, "conf");
  put(settings, `${configuration(home, `${as}`, `${of}`, port, tlsPort)}${more.join("\n")}\n`);
  put(join(home, "users"), users.map((name) => `${name}:{PLAIN}${password}::::${home}/${name}::\n`).join(""));
  for (const part of ["new", "cur", "tmp"]) folder(join(home, user, "maildir", part));
  for (const [index, octets] of mails.entries()) {
    put(join(home, user, "maildir/new", `${1700000000 + index}.M${index}.test`), stored(octets));
  }
  const child = start(program("dovecot"), ["-F", "-c", settings], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (octets) => (said += octets));
  atEnd(t, () => stop(child, "SIGKILL"));
  const answering = () => {
    assert.equal(child.exitCode, null, `dovecot has ended: ${said}`);
    return answers(port);
  };
  await until(answering, () => `dovecot does not answer: ${said}`, { every: 25 });
  return {
    port,
    tlsPort,
    settings,
    maildir: join(home, user, "maildir"),
    said: () => said,
    saying: (line) =>
      until(
        () => line.exec(said),
        () => `no ${line} in the log of dovecot: ${said}`,
        { progress: () => said.length },
      ),
    stored: () =>
      ["new", "cur"]
        .map((part) => join(home, user, "maildir", part))
        .flatMap((path) => readdirSync(path).flatMap((file) => mailIn(join(path, file)))),
  };
}

/** The mail in a file; none if Dovecot has moved or removed the file meanwhile. */
function mailIn(file: string): Buffer[] {
  try {
    return [readFileSync(file)];
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw thrown;
  }
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
namespace inbox {
  inbox = yes
}
service anvil {
  chroot =
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
