/**
 * Real servers and a client of plain sockets: what the gateway hands on is what the server said, octet for octet.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connectGreeted, fetchMail, logIn, quit, response } from "../stage/dialogue";
import type { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { startDovecot } from "./dovecot";
import { mails, stored, strange } from "./mails";
import { popa3dParts, startPopa3d } from "./popa3d";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { inspect, password, type RealServer, user } from "./server";
import { solidParts, startSolid } from "./solidpop3d";

/** A session in TRANSACTION. */
async function login(port: number): Promise<Peer> {
  const client = await connectGreeted(port);
  await logIn(client, user, password);
  return client;
}

/** Starts a server with these mails and a gateway in front of it. */
async function both(t: TestContext, launch: Launch, drop: readonly Buffer[]): Promise<[RealServer, number]> {
  const server = await launch(t, drop);
  return [server, (await startProcess([`127.0.0.1:${server.port}`], { t, inspect })).port];
}

type Launch = (t: TestContext, drop: readonly Buffer[]) => Promise<RealServer>;

const makes: readonly [string, Launch, readonly string[]][] = [
  ["dovecot", startDovecot, ["dovecot"]],
  ["popa3d", startPopa3d, popa3dParts],
  ["solid-pop3d", startSolid, solidParts],
];

for (const [name, launch, parts] of makes) {
  const drop = [...mails, ...strange];

  // They wait more than they work: for the gateway that delays a refusal, for popa3d that sleeps while it loads.
  test(name, { skip: lacking(...parts), concurrency: 4 }, async (t) => {
    await Promise.all([
      t.test("I4, I5: every response is the server's own", async (t) => {
        const [server, port] = await both(t, launch, drop);
        const commands = [
          "STAT",
          "LIST",
          "LIST 3",
          "UIDL",
          "UIDL 2",
          "LAST",
          "NOOP",
          "RSET",
          "LIST 99",
          "RETR 99",
          "DELE 99",
        ];
        const fetches = drop.flatMap((_, index) => [`RETR ${index + 1}`, `TOP ${index + 1} 3`]);
        const direct = await converse(server.port, [...commands, ...fetches]);
        same(await converse(port, [...commands, ...fetches]), direct);
      }),

      t.test("I6: mails are what is stored", async (t) => {
        const [, port] = await both(t, launch, mails);
        const client = await login(port);
        for (const [index, octets] of mails.entries()) same(await fetchMail(client, index + 1), octets);
        await quit(client);
      }),

      t.test("QUIT deletes, RSET does not", async (t) => {
        const [server, port] = await both(t, launch, mails);
        const client = await login(port);
        for (const command of ["DELE 1", "DELE 2", "RSET", "DELE 3", "DELE 4"]) {
          assert.match(await client.ask(command), /^\+OK/);
        }
        assert.match(await client.ask("RETR 3"), /^-ERR/);
        assert.equal(server.stored().length, mails.length);
        await quit(client);
        const left = mails.filter((_, index) => index !== 2 && index !== 3);
        same(sorted(server.stored().map(bare)), sorted(left.map(stored)));
      }),

      t.test("I11: a session that is lost deletes nothing", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 3));
        const client = await login(port);
        assert.match(await client.ask("DELE 1"), /^\+OK/);
        client.reset();
        await client.expectClose();
        const next = await loginWhenFree(port);
        assert.match(await next.ask("STAT"), /^\+OK 3 /);
        assert.equal(server.stored().length, 3);
        await quit(next);
      }),

      t.test("I18: QUIT counts though the client is gone at once", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 3));
        const client = await login(port);
        await client.say("DELE 1", "DELE 2", "QUIT");
        client.end();
        await until(() => server.stored().length === 1, "the deletion");
        same(server.stored().map(bare), mails.slice(2, 3).map(stored));
      }),

      t.test("I7: commands in one segment are answered in order", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 3));
        const client = await login(port);
        await client.say("RETR 1", "XFOO", "DELE 1", "RETR 1", "QUIT");
        const heard = await client.rest();
        client.end();
        const direct = await login(server.port);
        assert.match(heard, /^\+OK.*\r\n(?:.*\r\n)*\.\r\n-ERR unsupported command\r\n\+OK.*\r\n-ERR.*\r\n\+OK.*\r\n$/);
        assert.match(await direct.ask("STAT"), /^\+OK 2 /);
        await quit(direct);
      }),

      t.test("L3: a wrong password is refused in the server's words", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 1));
        const texts = [];
        for (const each of [server.port, port]) {
          const client = await connectGreeted(each);
          assert.match(await client.ask(`USER ${user}`), /^\+OK/);
          texts.push(await client.ask("PASS wrong"));
          if (each === port) await client.expectEnd();
          client.destroy();
        }
        assert.match(texts[0] as string, /^-ERR/);
        assert.equal(texts[1], texts[0]);
      }),
    ]);
  });
}

test("popa3d counts LAST", { skip: lacking(...popa3dParts) }, async (t) => {
  const [, port] = await both(t, startPopa3d, mails.slice(0, 3));
  const client = await login(port);
  assert.equal(await client.ask("LAST"), "+OK 0");
  await fetchMail(client, 2);
  assert.equal(await client.ask("LAST"), "+OK 2");
  assert.equal(await client.ask("DELE 3"), "+OK");
  assert.equal(await client.ask("LAST"), "+OK 3");
  assert.equal(await client.ask("RSET"), "+OK");
  assert.equal(await client.ask("LAST"), "+OK 0");
  await quit(client);
});

test("two clients at once get their mails", { skip: lacking("dovecot") }, async (t) => {
  const [, port] = await both(t, startDovecot, mails);
  const sessions = await Promise.all([login(port), login(port)]);
  await Promise.all(
    sessions.map(async (client) => {
      for (const [index, octets] of mails.entries()) same(await fetchMail(client, index + 1), octets);
      await quit(client);
    }),
  );
});

test("L1: CAPA, AUTH and the rest never reach the server", { skip: lacking("dovecot") }, async (t) => {
  const [, port] = await both(t, startDovecot, mails.slice(0, 1));
  const client = await connectGreeted(port);
  for (const command of ["CAPA", "AUTH PLAIN", "STLS"]) {
    assert.equal(await client.ask(command), "-ERR unsupported command");
  }
  assert.match(await client.ask(`USER ${user}`), /^\+OK/);
  assert.match(await client.ask(`PASS ${password}`), /^\+OK/);
  assert.equal(await client.ask("CAPA"), "-ERR unsupported command");
  await quit(client);
});

/** One session with these commands: every response, whole, as it came. */
async function converse(port: number, commands: readonly string[]): Promise<Buffer[]> {
  const client = await login(port);
  const heard: Buffer[] = [];
  for (const command of commands) heard.push(Buffer.from(await response(client, command), "latin1"));
  await quit(client);
  return heard;
}

/** Servers lock a maildrop until they notice that a session is lost. */
async function loginWhenFree(port: number): Promise<Peer> {
  return until(() => login(port).catch(() => null), "a free maildrop", { every: 50 });
}

/** A stored mail without the header lines that servers keep their notes in. */
function bare(octets: Buffer): Buffer {
  return Buffer.from(octets.toString("latin1").replace(/^(Status|X-UIDL): .*\n/gm, ""), "latin1");
}
