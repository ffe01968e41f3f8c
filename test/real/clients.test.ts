/** The POP3 libraries of Python and Perl in front of dovecot, and of servers with a bare LF. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { bareLf, startLfServer } from "./lfserver";
import { fetchBy, netpop3, poplib } from "./libraries";
import { mails, stored } from "./mails";
import { lacking } from "./programs";
import { same } from "./same";
import { inspect } from "./server";

for (const [name, script, written] of [
  ["poplib of Python", poplib(), mails],
  ["Net::POP3 of Perl", netpop3(), mails.map(stored)],
] as const) {
  test(name, { skip: lacking("dovecot", script[0]) }, async (t) => {
    const server = await startDovecot(t, mails);
    const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

    await t.test("fetches every mail and leaves it there", async (t) => {
      same(await fetchBy(t, script, port, false), written);
      assert.equal(server.stored().length, mails.length);
    });

    await t.test("fetches every mail and deletes it", async (t) => {
      same(await fetchBy(t, script, port, true), written);
      assert.equal(server.stored().length, 0);
    });
  });

  for (const lf of bareLf) {
    test(`B9: ${name} and a server with a bare LF ${lf}`, { skip: lacking(script[0]) }, async (t) => {
      const server = await startLfServer(t, mails, lf);
      const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });
      same(await fetchBy(t, script, port, false), written);
      assert.equal(server.stored().length, mails.length);
      same(await fetchBy(t, script, port, true), written);
      assert.equal(server.stored().length, 0);
    });
  }
}
