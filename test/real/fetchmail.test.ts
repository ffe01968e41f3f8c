/**
 * fetchmail in front of dovecot, which refuses LAST, of popa3d, which knows it, and of servers with a bare LF. When CAPA is refused, fetchmail
 * connects again without it.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { bareLf, startLfServer } from "./lfserver";
import { plain, stored } from "./mails";
import { popa3dParts, startPopa3d } from "./popa3d";
import { lacking } from "./programs";
import { same } from "./same";
import { inspect, password, user } from "./server";

const test = testOfDraw();

/** Fetches with these options; the mails, and the verbs of the last session. */
async function fetch(t: TestContext, port: number, options: string): Promise<[readonly Buffer[], string]> {
  const account = `user "${user}" password "${password}" is "${user}" here`;
  const server = `poll 127.0.0.1 service ${port} protocol pop3 timeout 300`;
  const { code, stderr, mails, verbs } = await fetchmail(t, `${server} ${account} sslproto "" ${options}`);
  assert.equal(code, 0, stderr);
  return [mails, verbs.slice(verbs.lastIndexOf("USER")).join(" ")];
}

for (const [name, launch, parts, verbs] of [
  ["dovecot", startDovecot, ["dovecot"], /^USER PASS STAT LAST UIDL( LIST RETR)+ QUIT$/],
  ["popa3d", startPopa3d, popa3dParts, /^USER PASS STAT LAST( LIST RETR)+ QUIT$/],
] as const) {
  test(`fetchmail and ${name}`, { skip: lacking("fetchmail", ...parts) }, async (t) => {
    const server = await launch(t, plain);
    const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

    await t.test("fetches what is new and leaves it there", async (t) => {
      const [fetched, said] = await fetch(t, port, "keep");
      same(fetched, plain.map(stored));
      assert.match(said, verbs);
      assert.equal(server.stored().length, plain.length);
    });

    await t.test("fetches every mail and deletes it", async (t) => {
      const [fetched, said] = await fetch(t, port, "fetchall no keep");
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
    const [fetched, said] = await fetch(t, port, "fetchall no keep");
    same(fetched, plain.map(stored));
    assert.match(said, /^USER PASS STAT( LIST RETR DELE)+ QUIT$/);
    assert.equal(server.stored().length, 0);
  });
}
