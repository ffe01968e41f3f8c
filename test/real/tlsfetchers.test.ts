/**
 * mpop and fetchmail in front of dovecot, with their own defaults for TLS: both check the certificate. mpop's
 * authentication and fetchmail's sslproto, which had to be set for a gateway without CAPA and STLS, need no setting.
 * They write mails with LF.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { type Fetched, fetchmail } from "./fetchmail";
import { plain, stored } from "./mails";
import { lacking, program, run } from "./programs";
import { same, sorted } from "./same";
import { folder, put, scratch } from "./scratch";
import { inspect, password, type RealServer, user } from "./server";

const test = testOfDraw();

interface Both {
  readonly server: RealServer;
  /** The listener with TLS from the first octet, and the one with STLS. */
  readonly tls: number;
  readonly starttls: number;
  readonly ca: string;
}

async function both(t: TestContext): Promise<Both> {
  const server = await startDovecot(t, plain);
  const argv = [...withCertificates(certified("ec")), `127.0.0.1:${server.port}`];
  const { ports } = await startProcess(argv, { t, listeners: ["/tls", "/starttls"], inspect });
  const [tls, starttls] = ports as [number, number];
  return { server, tls, starttls, ca: authority() };
}

/** Runs mpop; its exit status, and the mails that it has delivered. */
async function mpop(t: TestContext, port: number, tls: string): Promise<[number | null, Buffer[], string]> {
  const home = scratch(t);
  const inbox = join(home, "inbox");
  for (const part of ["new", "cur", "tmp"]) folder(join(inbox, part));
  put(
    join(home, "rc"),
    `account default
host localhost
port ${port}
user ${user}
password "${password}"
${tls}
timeout 300
keep on
received_header off
uidls_file ${home}/uidls
delivery maildir ${inbox}
`,
  );
  const outcome = await run(program("mpop"), ["--file", join(home, "rc")], { env: { HOME: home }, cwd: home });
  const names = readdirSync(join(inbox, "new"));
  return [outcome.code, names.map((name) => readFileSync(join(inbox, "new", name))), outcome.stderr];
}

test("mpop under TLS", { skip: lacking("dovecot", "mpop", "openssl") }, async (t) => {
  const { tls, starttls, ca } = await both(t);
  for (const [name, port, settings] of [
    ["tls_starttls on", starttls, `tls on\ntls_starttls on\ntls_trust_file ${ca}`],
    ["tls_starttls off", tls, `tls on\ntls_starttls off\ntls_trust_file ${ca}`],
  ] as const) {
    await t.test(name, async (t) => {
      const [code, fetched, said] = await mpop(t, port, settings);
      assert.equal(code, 0, said);
      same(sorted(fetched), sorted(plain.map(stored)));
    });
  }
  await t.test("does not trust an authority that it was not told of", async (t) => {
    const [code, fetched] = await mpop(t, starttls, "tls on\ntls_starttls on");
    assert.notEqual(code, 0);
    assert.equal(fetched.length, 0);
  });
  await t.test("is refused in clear on /starttls", async (t) => {
    const [code, fetched] = await mpop(t, starttls, "tls off");
    assert.notEqual(code, 0);
    assert.equal(fetched.length, 0);
  });
});

/** Fetches with these options. */
function fetch(t: TestContext, port: number, options: string): Promise<Fetched> {
  const account = `user "${user}" password "${password}" is "${user}" here`;
  const server = `poll localhost service ${port} protocol pop3 timeout 300`;
  return fetchmail(t, `${server} ${account} keep fetchall ${options}`);
}

test("fetchmail under TLS", { skip: lacking("dovecot", "fetchmail", "openssl") }, async (t) => {
  const { tls, starttls, ca } = await both(t);
  for (const [name, port, options, verbs] of [
    ["its default sslproto", starttls, `sslcertfile ${ca}`, /^CAPA STLS CAPA USER PASS STAT( LIST RETR)+ QUIT$/],
    ["--ssl", tls, `ssl sslcertfile ${ca}`, /^CAPA USER PASS STAT( LIST RETR)+ QUIT$/],
  ] as const) {
    await t.test(name, async (t) => {
      const fetched = await fetch(t, port, options);
      assert.equal(fetched.code, 0, fetched.stderr);
      same(fetched.mails, plain.map(stored));
      assert.match(fetched.verbs.join(" "), verbs);
    });
  }
  await t.test("does not trust an authority that it was not told of", async (t) => {
    const { code, mails } = await fetch(t, starttls, "");
    assert.notEqual(code, 0);
    assert.equal(mails.length, 0);
  });
});
