/**
 * "A migration with equal UIDLs": who leaves mails on the server gets none of them again after the move.
 * popa3d and solid-pop3d, and a Dovecot in the place of Courier, are the old servers, Dovecot is the new one.
 */

import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { type OwnDovecot, startOwnDovecot } from "../dovecot";
import { mail, mails, stored } from "../mails";
import { mpop } from "../mpop";
import { popa3dParts, startPopa3d } from "../popa3d";
import { lacking, type Outcome, program, run } from "../programs";
import { same, sorted } from "../same";
import { put, scratch } from "../scratch";
import { password, type RealServer, user } from "../server";
import { solidParts, startSolid } from "../solidpop3d";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [command, retrieval, format, script, comparison, map] = recipe("A migration with equal UIDLs");
const MAP = "/etc/pop3.proxy/map";
const OLD = "old.example.org";
const NEW = "new.example.org";
const ACP = join(__dirname, "../../../../acp-examples/user-map");
const drop = mails.slice(0, 5);

/** Runs a block by the shell, where joe and his password are in the file `users`. */
async function shell(t: TestContext, block: string): Promise<Outcome> {
  const cwd = scratch(t);
  put(join(cwd, "users"), `${user} ${password}\n`);
  put(join(cwd, "uidl-missing"), script as string);
  return run(program("sh"), ["-c", block], { cwd });
}

/** What the recipe's script tells of two servers. */
async function compared(t: TestContext, old: RealServer, next: RealServer): Promise<string[]> {
  const words = { [OLD]: `127.0.0.1:${old.port}`, [NEW]: `127.0.0.1:${next.port}` };
  const { code, stdout, stderr } = await shell(t, replaced(comparison, words));
  assert.deepEqual([code, stderr], [0, ""]);
  return `${stdout}`.split("\n").filter((line) => line !== "");
}

/** A mail that is delivered to the new server. */
function deliver({ maildir }: OwnDovecot, name: string): Buffer {
  const octets = stored(mail(name, "a mail of the new server\r\n"));
  put(join(maildir, "new", `1900000000.${name}.test`), octets);
  return octets;
}

/** A client that leaves its mails there comes before and after the move, through one gateway. @param waiting new mails */
async function moves(t: TestContext, old: RealServer, next: OwnDovecot, ...waiting: Buffer[]): Promise<void> {
  const [home, mine] = [scratch(t), scratch(t)];
  const file = join(home, "map");
  put(file, "# nobody yet\n");
  const server = `127.0.0.1:${old.port}`;
  const words = { "-D ": "--listen 127.0.0.1:0 ", "/etc/pop3.proxy/user-map": ACP, [MAP]: file, [OLD]: server };
  const { port } = await startRecipe(t, replaced(command, words));
  same(sorted(await mpop(mine, port, "on")), sorted(drop.map(stored)));
  assert.equal((await mpop(mine, port, "on")).length, 0);

  put(`${file}.new`, replaced(map, { "joe@example.org": `${user}@127.0.0.1`, [NEW]: `127.0.0.1:${next.port}` }));
  renameSync(`${file}.new`, file);
  same(await mpop(mine, port, "on"), waiting);
  assert.equal(next.stored().length, drop.length + waiting.length);
  await next.saying(/Login: user=<joe>/);
  const late = deliver(next, "late");
  same(await mpop(mine, port, "on"), [late]);
}

for (const [name, launch, parts] of [
  ["popa3d", startPopa3d, popa3dParts],
  ["solid-pop3d", startSolid, solidParts],
] as const) {
  test(`mails are retrieved from ${name}`, { skip: lacking("dovecot", "mpop", "curl", ...parts) }, async (t) => {
    const [old, next] = [await launch(t, drop), await startOwnDovecot(t, [])];
    const early = deliver(next, "early");
    assert.equal((await compared(t, old, next)).length, drop.length);
    const words = { doveadm: `${program("doveadm")} -c ${next.settings}`, [OLD]: "127.0.0.1", "=110": `=${old.port}` };
    const { code, stderr } = await shell(t, replaced(retrieval, words));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(await compared(t, old, next), []);
    await moves(t, old, next, early);
  });
}

test("a Maildir is copied", { skip: lacking("dovecot", "mpop", "curl") }, async (t) => {
  const old = await startOwnDovecot(t, drop, "pop3_uidl_format = %f");
  const [next, wrong] = [await startOwnDovecot(t, [], format), await startOwnDovecot(t, [])];
  for (const { maildir } of [next, wrong]) {
    const { code, stderr } = await run(program("cp"), ["-a", join(old.maildir, "new"), maildir]);
    assert.equal(code, 0, stderr);
  }
  const missing = await compared(t, old, wrong);
  assert.equal(missing.length, drop.length);
  assert.match(`${missing[0]}`, /^joe: 1700000000\.M\d\.test is missing$/);
  assert.deepEqual(await compared(t, old, next), []);
  await moves(t, old, next);
});

test("a server that does not answer is not taken for an equal one", { skip: lacking("dovecot", "curl") }, async (t) => {
  const [old, next] = [await startOwnDovecot(t, drop), await startOwnDovecot(t, [], "", ["mary"])];
  const words = { [OLD]: `127.0.0.1:${old.port}`, [NEW]: `127.0.0.1:${next.port}` };
  const { stdout, stderr } = await shell(t, replaced(comparison, words));
  assert.equal(`${stdout}`, "joe: not compared\n");
  assert.match(stderr, /^curl: \(67\)/);
});
