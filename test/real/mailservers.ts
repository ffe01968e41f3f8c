/**
 * Postfix and Exim, only unpacked: they listen on 127.0.0.1 and ::1, accept mails for example.org, and deliver none.
 * Their files are in a throw-away folder; accounts that they want are there for them alone.
 */

import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { accountParts, accounts } from "./accounts";
import { ordinary, program, type Setting, start, stop, unpacked } from "./programs";
import { folder, put, scratch } from "./scratch";

const EXIM = "exim4-daemon-light/usr/sbin/exim4";
const TEMPLATE = "exim4-config/etc/exim4/exim4.conf.template";

/** Where Debian writes the macros that come of its questions. */
const MACROS = "UPEX4CmacrosUPEX4C = 1\n";

/** What install.sh has to have unpacked. */
export const eximParts: readonly string[] = [EXIM, TEMPLATE, ...accountParts];
export const postfixParts: readonly string[] = ["postfix/usr/lib/postfix/sbin/master", ...accountParts];

/**
 * Starts Exim with Debian's settings.
 *
 * @param change of these settings
 * @returns its port
 */
export async function startExim(t: TestContext, change: (settings: string) => string): Promise<number> {
  const home = scratch(t);
  const port = await freePort();
  const macros = {
    DC_minimaldns: "1",
    MAIN_HARDCODE_PRIMARY_HOSTNAME: "mail.example.org",
    MAIN_PACKAGE_VERSION: "",
    MAIN_LOCAL_DOMAINS: "example.org",
    MAIN_RELAY_TO_DOMAINS: "",
    MAIN_RELAY_NETS: "192.0.2.0/24",
    ETC_MAILNAME: "example.org",
    LOCAL_DELIVERY: "mail_spool",
    DC_eximconfig_configtype: "internet",
    DCconfig_internet: "1",
    SPOOLDIR: join(home, "spool"),
    log_file_path: join(home, "%slog"),
  };
  const lines = Object.entries(macros).map(([name, value]) => `${name}=${value}\n`);
  const template = readFileSync(unpacked(TEMPLATE), "utf8").replaceAll("/etc/exim4", home);
  assert.ok(template.includes(MACROS));
  // What it had to make, it would give to its own account.
  folder(join(home, "spool"));
  // It obeys only a file of root's: where the tests are not run by root, it is run in a namespace in which they are.
  const file = join(home, "conf");
  writeFileSync(file, change(template.replace(MACROS, () => lines.join(""))), { mode: 0o600 });
  const own = ordinary.uid === undefined ? [program("unshare"), "--user", "--map-root-user"] : [];
  const listen = ["-bdf", "-oP", join(home, "pid"), "-oX", `<; [127.0.0.1]:${port} ; [::1]:${port}`];
  const env = Object.entries(accounts(home, { "Debian-exim": 65533 })).map(([name, value]) => `${name}=${value}`);
  const [command, ...argv] = [...own, program("env"), ...env, unpacked(EXIM), "-C", file, ...listen];
  await serving(t, port, command as string, argv, { cwd: home, asRoot: true });
  return port;
}

/** Starts Postfix with these lines in its main.cf and master.cf. @returns its port */
export async function startPostfix(t: TestContext, main: string, master: string): Promise<number> {
  const home = scratch(t);
  const port = await freePort();
  // Copies, since an ordinary user may not be able to read what root has unpacked.
  const place = join(home, "postfix");
  cpSync(unpacked("postfix/usr/lib/postfix"), place, { recursive: true });
  for (const name of ["data", "queue/pid", "queue/public", "queue/private", "queue/incoming", "queue/active"]) {
    folder(join(home, name));
  }
  const settings = `
compatibility_level = 3.6
queue_directory = ${home}/queue
data_directory = ${home}/data
daemon_directory = ${place}/sbin
shlib_directory = ${place}
meta_directory = ${home}
in_flow_delay = 0
maillog_file = ${home}/log
maillog_file_prefixes = ${home}
import_environment = MAIL_CONFIG LD_LIBRARY_PATH LD_PRELOAD UID_WRAPPER UID_WRAPPER_ROOT NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
inet_interfaces = 127.0.0.1, ::1
myhostname = mail.example.org
mydestination = example.org
mynetworks = 192.0.2.0/24
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
`;
  const services = `
127.0.0.1:${port} inet n - n - - smtpd
[::1]:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
  put(join(home, "main.cf"), settings + main);
  put(join(home, "master.cf"), services + master);
  // Its queue must belong to its own account, which may not be nobody.
  const uid = ordinary.uid ?? (process.getuid?.() as number);
  const own = accounts(home, { postfix: uid, postdrop: uid === 65532 ? 65531 : 65532, nobody: 65533 });
  const env = { ...own, LD_LIBRARY_PATH: place, MAIL_CONFIG: home };
  await serving(t, port, join(place, "sbin/master"), ["-c", home, "-d"], { cwd: home, env }, join(home, "log"));
  return port;
}

/** Starts a server, and waits until it greets. */
async function serving(
  t: TestContext,
  port: number,
  file: string,
  argv: readonly string[],
  setting: Setting,
  log?: string,
) {
  const child = start(file, argv, setting);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (octets) => (said += octets));
  atEnd(t, () => stop(child));
  const greets = async () => {
    assert.equal(child.exitCode, null, `it has ended: ${said}`);
    const client = await Peer.connect(port).catch(() => null);
    if (!client) return false;
    const greeting = await client.line().catch(() => "");
    client.destroy();
    return greeting.startsWith("220 ");
  };
  const logged = () => (log && existsSync(log) ? readFileSync(log, "latin1") : "");
  await until(greets, () => `${file} does not answer: ${said}${logged()}`, { every: 25 });
}

/** The answer of a mail server when a client at this address wants to send a mail. */
export async function answerTo(port: number, client: string, recipient: string): Promise<string> {
  const host = client.includes(":") ? "::1" : "127.0.0.1";
  const peer = await Peer.connect({ host, port, localAddress: client });
  const answer = async () => {
    let line = await peer.line();
    while (/^\d{3}-/.test(line)) line = await peer.line();
    return line;
  };
  assert.match(await answer(), /^220 /);
  let last = "";
  for (const line of ["EHLO client.example.org", "MAIL FROM:<joe@example.org>", `RCPT TO:<${recipient}>`]) {
    assert.doesNotMatch(last, /^[45]/);
    await peer.say(line);
    last = await answer();
  }
  await peer.say("QUIT");
  assert.match(await answer(), /^221 /);
  peer.destroy();
  return last;
}
