/** "Through ssh, with the gateway at the far end": fetchmail, mutt and neomutt, a real ssh between, and a real sshd. */

import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { authority, certified } from "../../stage/certificates";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { startTlsDovecot } from "../dovecot";
import { fetchmail } from "../fetchmail";
import { mail, plain, stored } from "../mails";
import { mutt } from "../mutt";
import { lacking, type Outcome, program, run } from "../programs";
import { same } from "../same";
import { put } from "../scratch";
import { password, user } from "../server";
import { type Sshd, sshdParts, startSshd } from "../sshd";
import { install, PLACE, replaced } from "./gateway";

const test = testOfDraw();

const [named, newKey, forced, short, muttrc] = recipe("Through ssh, with the gateway at the far end");
const account = { '"joe"': `"${user}"`, '"secret"': `"${password}"` };

interface Far extends Sshd {
  /** What replaces the gateway and its server in a recipe. */
  readonly words: Readonly<Record<string, string>>;
}

/** A machine with sshd and the gateway, and a user who has made the recipe's key for it. */
async function far(t: TestContext, mails: readonly Buffer[]): Promise<Far> {
  const server = await startTlsDovecot(t, certified("good"), mails);
  const sshd = await startSshd(t, "gateway.example.org", { SSL_CERT_FILE: authority() });
  const made = await shell(sshd, newKey);
  assert.equal(made.code, 0, made.stderr);
  const to = `--server-tls tls localhost:${server.tlsPort}`;
  return { ...sshd, words: { [PLACE]: install(sshd.home), "mail.example.org:995": to } };
}

/** Runs a command as the user. */
function shell({ home, env }: Sshd, command = ""): Promise<Outcome> {
  return run(program("sh"), ["-c", command], { cwd: home, env });
}

/** Lets the key in, with this before it. */
function authorize({ home }: Sshd, before: string): void {
  put(join(home, ".ssh/authorized_keys"), `${before}${readFileSync(join(home, ".ssh/pop3.pub"), "latin1")}`);
}

/** Fetches all mails by this fetchmailrc, and leaves them there. */
async function fetches(t: TestContext, { env, said }: Sshd, rc: string): Promise<void> {
  const fetched = await fetchmail(t, `${rc.trimEnd()} fetchall keep`, env);
  assert.equal(fetched.code, 0, fetched.stderr + said());
  same(fetched.mails, plain.map(stored));
}

test("fetchmail through ssh", {
  skip: lacking("dovecot", "fetchmail", "openssl", ...sshdParts),
}, async (t) => {
  const there = await far(t, plain);

  await t.test("the command named by the client", async (t) => {
    const own = join(there.home, ".ssh/id_ed25519");
    put(own, readFileSync(join(there.home, ".ssh/pop3")));
    authorize(there, "");
    await fetches(t, there, replaced(named, { ...there.words, ...account }));
    rmSync(own);
  });

  await t.test("the command bound to the key", async (t) => {
    authorize(there, `${replaced(forced, there.words).trimEnd()} `);
    await fetches(t, there, replaced(short, account));
    const other = await shell(there, "ssh -q -oBatchMode=yes -i ~/.ssh/pop3 gateway.example.org echo another");
    assert.equal(other.stdout.toString(), "+OK POP3 server ready\r\n", there.said());
  });
});

for (const name of ["mutt", "neomutt"]) {
  test(`${name} through ssh`, { skip: lacking("dovecot", "openssl", "script", name, ...sshdParts) }, async (t) => {
    const mails = ["alpha", "bravo"].map((subject) => mail(subject, `This is ${subject}.\r\n`));
    const there = await far(t, mails);
    authorize(there, `${replaced(forced, there.words).trimEnd()} `);
    // It connects again and again: its settings here let it look for new mail at any time.
    const [outcome, saved] = await mutt(t, name, "!", replaced(muttrc, { "//joe@": `//${user}@` }), there.env);
    const drawn = outcome.stdout.toString("latin1");
    for (const subject of ["alpha", "bravo"]) assert.ok(drawn.includes(`subject=${subject}.`), drawn + there.said());
    assert.match(`${saved}`, /^This is (alpha|bravo)\.\n/m);
    assert.equal(outcome.code, 0, drawn);
  });
}
