/**
 * mpop in front of dovecot, and of servers with a bare LF: CAPA (refused), USER PASS STAT LIST UIDL RETR DELE QUIT. It writes mails with LF.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { bareLf, startLfServer } from "./lfserver";
import { mails, stored } from "./mails";
import { lacking, program, run } from "./programs";
import { same, sorted } from "./same";
import { folder, put, scratch } from "./scratch";
import { inspect, password, user } from "./server";

/** Runs mpop; the mails that it has delivered. */
async function mpop(t: TestContext, port: number, keep: "on" | "off"): Promise<Buffer[]> {
  const home = scratch(t);
  const inbox = join(home, "inbox");
  for (const part of ["new", "cur", "tmp"]) folder(join(inbox, part));
  put(
    join(home, "rc"),
    `account default
host 127.0.0.1
port ${port}
user ${user}
password "${password}"
auth user
tls off
timeout 15
keep ${keep}
received_header off
uidls_file ${home}/uidls
delivery maildir ${inbox}
`,
  );
  const outcome = await run(program("mpop"), ["--file", join(home, "rc")], { env: { HOME: home }, cwd: home });
  assert.equal(outcome.code, 0, outcome.stderr);
  return readdirSync(join(inbox, "new")).map((name) => readFileSync(join(inbox, "new", name)));
}

test("mpop", { skip: lacking("dovecot", "mpop") }, async (t) => {
  const server = await startDovecot(t, mails);
  const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

  await t.test("fetches every mail and leaves it there", async (t) => {
    same(sorted(await mpop(t, port, "on")), sorted(mails.map(stored)));
    assert.equal(server.stored().length, mails.length);
  });

  await t.test("fetches every mail and deletes it", async (t) => {
    same(sorted(await mpop(t, port, "off")), sorted(mails.map(stored)));
    assert.equal(server.stored().length, 0);
  });
});

for (const lf of bareLf) {
  test(`B9: mpop and a server with a bare LF ${lf}`, { skip: lacking("mpop") }, async (t) => {
    const server = await startLfServer(t, mails, lf);
    const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });
    same(sorted(await mpop(t, port, "off")), sorted(mails.map(stored)));
    assert.equal(server.stored().length, 0);
  });
}
