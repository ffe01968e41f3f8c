/**
 * fetchmail in front of dovecot, which refuses LAST, of popa3d, which knows it, and of servers with a bare LF. When CAPA is refused, fetchmail
 * connects again without it. It writes mails with LF.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { bareLf, startLfServer } from "./lfserver";
import { plain, stored } from "./mails";
import { popa3dParts, startPopa3d } from "./popa3d";
import { lacking, program, run } from "./programs";
import { same } from "./same";
import { folder, put, scratch } from "./scratch";
import { inspect, password, user } from "./server";

/** Runs fetchmail; the mails that it has delivered, in order, and the verbs of its last session. */
async function fetchmail(t: TestContext, port: number, options: string): Promise<[Buffer[], string]> {
  const home = scratch(t);
  const inbox = join(home, "inbox");
  folder(inbox);
  put(join(home, "deliver"), `cat >"${inbox}/$(printf %03d $(ls "${inbox}" | wc -l))"\n`);
  const account = `user "${user}" password "${password}" is "${user}" here`;
  const delivery = `mda "sh ${home}/deliver" pass8bits no rewrite ${options}`;
  const server = `poll 127.0.0.1 service ${port} protocol pop3 timeout 15`;
  put(join(home, "rc"), `set invisible\nset no bouncemail\n${server} ${account} sslproto "" ${delivery}\n`);
  const env = { HOME: home, FETCHMAILHOME: home };
  const outcome = await run(program("fetchmail"), ["-f", join(home, "rc"), "--nodetach", "-v"], { env, cwd: home });
  assert.equal(outcome.code, 0, outcome.stderr);
  const names = readdirSync(inbox).sort();
  const verbs: string[] = outcome.stdout.toString().match(/(?<=POP3> )\w+/g) ?? [];
  return [names.map((name) => readFileSync(join(inbox, name))), verbs.slice(verbs.lastIndexOf("USER")).join(" ")];
}

for (const [name, launch, parts, verbs] of [
  ["dovecot", startDovecot, ["dovecot"], /^USER PASS STAT LAST UIDL( LIST RETR)+ QUIT$/],
  ["popa3d", startPopa3d, popa3dParts, /^USER PASS STAT LAST( LIST RETR)+ QUIT$/],
] as const) {
  test(`fetchmail and ${name}`, { skip: lacking("fetchmail", ...parts) }, async (t) => {
    const server = await launch(t, plain);
    const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

    await t.test("fetches what is new and leaves it there", async (t) => {
      const [fetched, said] = await fetchmail(t, port, "keep");
      same(fetched, plain.map(stored));
      assert.match(said, verbs);
      assert.equal(server.stored().length, plain.length);
    });

    await t.test("fetches every mail and deletes it", async (t) => {
      const [fetched, said] = await fetchmail(t, port, "fetchall no keep");
      same(fetched, plain.map(stored));
      assert.match(said, /^USER PASS STAT( LIST RETR DELE)+ QUIT$/);
      assert.equal(server.stored().length, 0);
    });
  });
}

for (const lf of bareLf) {
  test(`B9: fetchmail and a server with a bare LF ${lf}`, { skip: lacking("fetchmail") }, async (t) => {
    const server = await startLfServer(t, plain, lf);
    const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });
    const [fetched, said] = await fetchmail(t, port, "fetchall no keep");
    same(fetched, plain.map(stored));
    assert.match(said, /^USER PASS STAT( LIST RETR DELE)+ QUIT$/);
    assert.equal(server.stored().length, 0);
  });
}
