/**
 * getmail in front of dovecot: USER PASS UIDL LIST RETR DELE QUIT. It writes mails with LF.
 *
 * Each mail goes to a command that ends when getmail waits for it: for one that ended before, it would wait in vain.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { plain, stored } from "./mails";
import { lacking, program, run } from "./programs";
import { same, sorted } from "./same";
import { folder, put, scratch } from "./scratch";
import { inspect, password, user } from "./server";

const test = testOfDraw();

/** Shell words that end some time after the parent sleeps: between its fork and its wait it does nothing else. */
const untilAwaited = "until grep -q ^State:.S /proc/$PPID/status; do sleep 0.1; done; sleep 0.1";

/** Runs getmail; the mails that it has delivered. */
async function getmail(t: TestContext, port: number, remove: boolean): Promise<Buffer[]> {
  const home = scratch(t);
  const inbox = join(home, "inbox");
  folder(inbox);
  put(
    join(home, "rc"),
    `[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = ${port}
username = ${user}
password = ${password}
timeout = 300
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >$(mktemp ${inbox}/XXXXXX); ${untilAwaited}")
allow_root_commands = true
[options]
delete = ${remove}
read_all = true
delivered_to = false
received = false
`,
  );
  const argv = ["--getmaildir", home, "--rcfile", join(home, "rc")];
  const outcome = await run(program("getmail"), argv, { env: { HOME: home }, cwd: home });
  assert.equal(outcome.code, 0, outcome.stderr);
  return readdirSync(inbox).map((name) => readFileSync(join(inbox, name)));
}

test("getmail", { skip: lacking("dovecot", "getmail") }, async (t) => {
  const server = await startDovecot(t, plain);
  const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

  await t.test("fetches every mail and leaves it there", async (t) => {
    same(sorted(await getmail(t, port, false)), sorted(plain.map(stored)));
    assert.equal(server.stored().length, plain.length);
  });

  await t.test("fetches every mail and deletes it", async (t) => {
    same(sorted(await getmail(t, port, true)), sorted(plain.map(stored)));
    assert.equal(server.stored().length, 0);
  });
});
