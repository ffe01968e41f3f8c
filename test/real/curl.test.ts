/**
 * curl in front of dovecot. It asks CAPA, and goes on with USER and PASS when that is refused.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { mails, stored } from "./mails";
import { lacking, program, run } from "./programs";
import { same, sorted } from "./same";
import { scratch } from "./scratch";
import { inspect, password, user } from "./server";

/** Runs curl; what it has written to standard output. */
async function curl(port: number, path: string, ...options: string[]): Promise<Buffer> {
  const argv = ["--silent", "--show-error", "--max-time", "15", "--user", `${user}:${password}`, ...options];
  const outcome = await run(program("curl"), [...argv, `pop3://127.0.0.1:${port}/${path}`]);
  assert.equal(outcome.stderr, "");
  assert.equal(outcome.code, 0);
  return outcome.stdout;
}

test("curl", { skip: lacking("dovecot", "curl") }, async (t) => {
  const server = await startDovecot(t, mails);
  const { port } = await startProcess([`127.0.0.1:${server.port}`], { t, inspect });

  await t.test("lists", async () => {
    const listing = (await curl(port, "")).toString();
    assert.equal(listing, mails.map((mail, index) => `${index + 1} ${mail.length}\r\n`).join(""));
    same(await curl(server.port, ""), Buffer.from(listing));
  });

  await t.test("lists unique ids", async () => {
    const listing = await curl(port, "", "--request", "UIDL");
    assert.equal(listing.toString().match(/^\d+ \S+\r$/gm)?.length, mails.length);
    same(listing, await curl(server.port, "", "--request", "UIDL"));
  });

  await t.test("retrieves every mail in one session", async (t) => {
    const folder = scratch(t);
    await curl(port, `[1-${mails.length}]`, "--output", join(folder, "#1"));
    const got = mails.map((_, index) => readFileSync(join(folder, String(index + 1))));
    same(got, mails);
  });

  await t.test("retrieves the top of a mail", async () => {
    const top = (await curl(port, "", "--request", "TOP 1 2")).toString();
    assert.match(top, /Message-ID: <dots@example\.org>\r\n\r\n\.\r\n\.\.\r\n$/);
  });

  await t.test("is told that there is no such mail", async () => {
    const argv = ["--silent", "--max-time", "15", "--user", `${user}:${password}`];
    const outcome = await run(program("curl"), [...argv, `pop3://127.0.0.1:${port}/${mails.length + 1}`]);
    assert.notEqual(outcome.code, 0);
    assert.equal(outcome.stdout.length, 0);
  });

  await t.test("deletes", async () => {
    await curl(port, "", "--head", "--request", "DELE 2");
    same(sorted(server.stored()), sorted(mails.map(stored).filter((_, index) => index !== 1)));
  });

  await t.test("has its password refused", async () => {
    const argv = ["--silent", "--max-time", "15", "--user", `${user}:wrong`, `pop3://127.0.0.1:${port}/1`];
    const outcome = await run(program("curl"), argv);
    assert.equal(outcome.code, 67);
  });
});
