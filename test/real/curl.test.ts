/**
 * curl in front of dovecot. It asks CAPA, and goes on with USER and PASS when that is refused.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startProcess } from "../stage/process";
import { curl, curlAll } from "./curl";
import { startDovecot } from "./dovecot";
import { mails, stored } from "./mails";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { inspect, password, user } from "./server";

const login = ["--user", `${user}:${password}`];

/** What it has written to standard output. */
async function said(port: number, path: string, ...options: string[]): Promise<Buffer> {
  const outcome = await curl(...login, ...options, `pop3://127.0.0.1:${port}/${path}`);
  assert.equal(outcome.stderr, "");
  assert.equal(outcome.code, 0);
  return outcome.stdout;
}

test("curl", { skip: lacking("dovecot", "curl") }, async (t) => {
  const server = await startDovecot(t, mails);
  const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

  await t.test("lists", async () => {
    const listing = (await said(port, "")).toString();
    assert.equal(listing, mails.map((mail, index) => `${index + 1} ${mail.length}\r\n`).join(""));
    same(await said(server.port, ""), Buffer.from(listing));
  });

  await t.test("lists unique ids", async () => {
    const listing = await said(port, "", "--request", "UIDL");
    assert.equal(listing.toString().match(/^\d+ \S+\r$/gm)?.length, mails.length);
    same(listing, await said(server.port, "", "--request", "UIDL"));
  });

  await t.test("retrieves every mail in one session", async (t) => {
    same(await curlAll(t, mails.length, `pop3://127.0.0.1:${port}/`, ...login), mails);
  });

  await t.test("retrieves the top of a mail", async () => {
    const top = (await said(port, "", "--request", "TOP 1 2")).toString();
    assert.match(top, /Message-ID: <dots@example\.org>\r\n\r\n\.\r\n\.\.\r\n$/);
  });

  await t.test("is told that there is no such mail", async () => {
    const outcome = await curl(...login, `pop3://127.0.0.1:${port}/${mails.length + 1}`);
    assert.notEqual(outcome.code, 0);
    assert.equal(outcome.stdout.length, 0);
  });

  await t.test("deletes", async () => {
    await said(port, "", "--head", "--request", "DELE 2");
    same(sorted(server.stored()), sorted(mails.map(stored).filter((_, index) => index !== 1)));
  });

  await t.test("has its password refused", async () => {
    const outcome = await curl("--user", `${user}:wrong`, `pop3://127.0.0.1:${port}/1`);
    assert.equal(outcome.code, 67);
  });
});
