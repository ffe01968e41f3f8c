/**
 * curl and the POP3 library of Python in front of dovecot, under TLS from the first octet and after STLS. Both check the
 * certificate, know the authority, and ask for localhost.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { curl, curlAll } from "./curl";
import { startDovecot } from "./dovecot";
import { mails } from "./mails";
import { lacking, program, run } from "./programs";
import { same } from "./same";
import { folder, scratch } from "./scratch";
import { inspect, password, user } from "./server";

const test = testOfDraw();

/** A dovecot with all mails, a gateway with a listener of each kind, and the authority's file. */
async function both(t: TestContext, ...options: string[]): Promise<[number, number, string]> {
  const server = await startDovecot(t, mails);
  const argv = [...withCertificates(certified("ec")), ...options, `127.0.0.1:${server.port}`];
  const { ports } = await startProcess(argv, { t, listeners: ["/tls", "/starttls"], inspect });
  return [...(ports as [number, number]), authority()];
}

const login = ["--user", `${user}:${password}`];

test("curl under TLS", { skip: lacking("dovecot", "curl", "openssl"), concurrency: 4 }, async (t) => {
  const [tls, starttls, ca] = await both(t);
  const ways = [
    ["pop3s://", [`pop3s://localhost:${tls}/`]],
    ["--ssl-reqd", ["--ssl-reqd", `pop3://localhost:${starttls}/`]],
  ] as const;

  for (const [name, way] of ways) {
    const [url, ...options] = [...way].reverse() as [string, ...string[]];

    await t.test(`${name} retrieves every mail in one session`, async (t) => {
      same(await curlAll(t, mails.length, url, "--cacert", ca, ...options, ...login), mails);
    });

    await t.test(`${name} does not trust an authority that it was not told of`, async () => {
      const outcome = await curl(...login, ...options, url);
      assert.equal(outcome.code, 60, outcome.stderr);
    });
  }

  await t.test("is refused in clear on /starttls", async () => {
    const outcome = await curl(...login, `pop3://localhost:${starttls}/`);
    assert.notEqual(outcome.code, 0);
    assert.equal(outcome.stdout.length, 0);
  });
});

test("curl in clear where that is allowed", { skip: lacking("dovecot", "curl", "openssl") }, async (t) => {
  const [, starttls, ca] = await both(t, "--allow-cleartext-login");
  const expected = mails.map((mail, index) => `${index + 1} ${mail.length}\r\n`).join("");
  for (const options of [[], ["--ssl", "--cacert", ca]]) {
    const outcome = await curl(...login, ...options, `pop3://localhost:${starttls}/`);
    assert.equal(outcome.stdout.toString(), expected, outcome.stderr);
  }
});

/** Without its limit of 2 KB for a line. Lines come without their ends. */
const poplib = `
import poplib, ssl, sys
poplib._MAXLINE = 1 << 24
way, port, ca, user, password, inbox = sys.argv[1:]
trust = ssl.create_default_context(cafile=ca)
if way == "tls":
    pop = poplib.POP3_SSL("localhost", int(port), timeout=300, context=trust)
    assert "STLS" not in pop.capa()
else:
    pop = poplib.POP3("localhost", int(port), timeout=300)
    before = pop.capa()
    assert "STLS" in before and "USER" not in before, before
    pop.stls(context=trust)
    assert "STLS" not in pop.capa()
assert "USER" in pop.capa(), pop.capa()
pop.user(user)
pop.pass_(password)
assert "UIDL" in pop.capa() and "STLS" not in pop.capa(), pop.capa()
for number in range(1, pop.stat()[0] + 1):
    with open("%s/%03d" % (inbox, number), "wb") as mail:
        mail.write(b"".join(line + b"\\r\\n" for line in pop.retr(number)[1]))
pop.quit()
`;

test("poplib of Python under TLS", { skip: lacking("dovecot", "python3", "openssl") }, async (t) => {
  const [tls, starttls, ca] = await both(t, "--capa");
  for (const [way, port] of [
    ["tls", tls],
    ["starttls", starttls],
  ] as const) {
    await t.test(way, async (t) => {
      const inbox = join(scratch(t), "inbox");
      folder(inbox);
      const argv = ["-c", poplib, way, String(port), ca, user, password, inbox];
      const outcome = await run(program("python3"), argv, { cwd: inbox });
      assert.equal(outcome.stderr, "");
      assert.equal(outcome.code, 0);
      const names = readdirSync(inbox).sort();
      same(
        names.map((name) => readFileSync(join(inbox, name))),
        mails,
      );
    });
  }
});
