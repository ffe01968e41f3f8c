/**
 * mpop in front of dovecot, and of servers with a bare LF: CAPA (refused), USER PASS STAT LIST UIDL RETR DELE QUIT. It writes mails with LF.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { bareLf, startLfServer } from "./lfserver";
import { mails, stored } from "./mails";
import { mpop } from "./mpop";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { scratch } from "./scratch";
import { inspect } from "./server";

test("mpop", { skip: lacking("dovecot", "mpop") }, async (t) => {
  const server = await startDovecot(t, mails);
  const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

  await t.test("fetches every mail and leaves it there", async (t) => {
    same(sorted(await mpop(scratch(t), port, "on")), sorted(mails.map(stored)));
    assert.equal(server.stored().length, mails.length);
  });

  await t.test("fetches every mail and deletes it", async (t) => {
    same(sorted(await mpop(scratch(t), port, "off")), sorted(mails.map(stored)));
    assert.equal(server.stored().length, 0);
  });
});

for (const lf of bareLf) {
  test(`B9: mpop and a server with a bare LF ${lf}`, { skip: lacking("mpop") }, async (t) => {
    const server = await startLfServer(t, mails, lf);
    const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });
    same(sorted(await mpop(scratch(t), port, "off")), sorted(mails.map(stored)));
    assert.equal(server.stored().length, 0);
  });
}
