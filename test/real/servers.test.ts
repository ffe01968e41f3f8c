/**
 * Real servers and a client of plain sockets: what the gateway hands on is what the server said, octet for octet.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Dialogue } from "./dialogue";
import { startDovecot } from "./dovecot";
import { startGateway } from "./gateway";
import { mails, stored, strange } from "./mails";
import { popa3dParts, startPopa3d } from "./popa3d";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { password, type RealServer, user } from "./server";
import { solidParts, startSolid } from "./solidpop3d";

const login = (port: number) => Dialogue.login(port, user, password);

/** Starts a server with these mails and a gateway in front of it. */
async function both(t: TestContext, launch: Launch, drop: readonly Buffer[]): Promise<[RealServer, number]> {
  const server = await launch(t, drop);
  return [server, await startGateway(t, server.port)];
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
      t.test("every response is the server's own", async (t) => {
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

      t.test("mails are what is stored", async (t) => {
        const [, port] = await both(t, launch, mails);
        const dialogue = await login(port);
        for (const [index, octets] of mails.entries()) same(await dialogue.mail(index + 1), octets);
        await dialogue.quit();
      }),

      t.test("QUIT deletes, RSET does not", async (t) => {
        const [server, port] = await both(t, launch, mails);
        const dialogue = await login(port);
        for (const command of ["DELE 1", "DELE 2", "RSET", "DELE 3", "DELE 4"]) {
          assert.match(await dialogue.ask(command), /^\+OK/);
        }
        assert.match(await dialogue.ask("RETR 3"), /^-ERR/);
        assert.equal(server.stored().length, mails.length);
        await dialogue.quit();
        const left = mails.filter((_, index) => index !== 2 && index !== 3);
        same(sorted(server.stored().map(bare)), sorted(left.map(stored)));
      }),

      t.test("a session that is lost deletes nothing", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 3));
        const dialogue = await login(port);
        assert.match(await dialogue.ask("DELE 1"), /^\+OK/);
        dialogue.socket.resetAndDestroy();
        await dialogue.end();
        const next = await loginWhenFree(port);
        assert.match(await next.ask("STAT"), /^\+OK 3 /);
        assert.equal(server.stored().length, 3);
        await next.quit();
      }),

      t.test("QUIT counts though the client is gone at once", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 3));
        const dialogue = await login(port);
        dialogue.send("DELE 1", "DELE 2", "QUIT");
        dialogue.socket.end();
        for (let wait = 0; server.stored().length !== 1 && wait < 1200; wait++) await sleep(25);
        same(server.stored().map(bare), mails.slice(2, 3).map(stored));
      }),

      t.test("commands in one segment are answered in order", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 3));
        const dialogue = await login(port);
        dialogue.send("RETR 1", "XFOO", "DELE 1", "RETR 1", "QUIT");
        const heard = await dialogue.end();
        const direct = await login(server.port);
        assert.match(heard, /^\+OK.*\r\n(?:.*\r\n)*\.\r\n-ERR unsupported command\r\n\+OK.*\r\n-ERR.*\r\n\+OK.*\r\n$/);
        assert.match(await direct.ask("STAT"), /^\+OK 2 /);
        await direct.quit();
      }),

      t.test("a wrong password is refused in the server's words", async (t) => {
        const [server, port] = await both(t, launch, mails.slice(0, 1));
        const texts = [];
        for (const each of [server.port, port]) {
          const dialogue = await Dialogue.open(each);
          assert.match(await dialogue.ask(`USER ${user}`), /^\+OK/);
          texts.push(await dialogue.ask("PASS wrong"));
          if (each === port) assert.equal(await dialogue.end(), "");
          else dialogue.socket.destroy();
        }
        assert.match(texts[0] as string, /^-ERR/);
        assert.equal(texts[1], texts[0]);
      }),
    ]);
  });
}

test("popa3d counts LAST", { skip: lacking(...popa3dParts) }, async (t) => {
  const [, port] = await both(t, startPopa3d, mails.slice(0, 3));
  const dialogue = await login(port);
  assert.equal(await dialogue.ask("LAST"), "+OK 0");
  await dialogue.mail(2);
  assert.equal(await dialogue.ask("LAST"), "+OK 2");
  assert.equal(await dialogue.ask("DELE 3"), "+OK");
  assert.equal(await dialogue.ask("LAST"), "+OK 3");
  assert.equal(await dialogue.ask("RSET"), "+OK");
  assert.equal(await dialogue.ask("LAST"), "+OK 0");
  await dialogue.quit();
});

test("two clients at once get their mails", { skip: lacking("dovecot") }, async (t) => {
  const [, port] = await both(t, startDovecot, mails);
  const sessions = await Promise.all([login(port), login(port)]);
  await Promise.all(
    sessions.map(async (dialogue) => {
      for (const [index, octets] of mails.entries()) same(await dialogue.mail(index + 1), octets);
      await dialogue.quit();
    }),
  );
});

test("CAPA, AUTH and the rest never reach the server", { skip: lacking("dovecot") }, async (t) => {
  const [, port] = await both(t, startDovecot, mails.slice(0, 1));
  const dialogue = await Dialogue.open(port);
  for (const command of ["CAPA", "AUTH PLAIN", "STLS"]) {
    assert.equal(await dialogue.ask(command), "-ERR unsupported command");
  }
  assert.match(await dialogue.ask(`USER ${user}`), /^\+OK/);
  assert.match(await dialogue.ask(`PASS ${password}`), /^\+OK/);
  assert.equal(await dialogue.ask("CAPA"), "-ERR unsupported command");
  await dialogue.quit();
});

/** One session with these commands: every response, whole, as it came. */
async function converse(port: number, commands: readonly string[]): Promise<Buffer[]> {
  const dialogue = await login(port);
  const heard: Buffer[] = [];
  for (const command of commands) heard.push(await dialogue.response(command));
  await dialogue.quit();
  return heard;
}

/** Servers lock a maildrop until they notice that a session is lost. */
async function loginWhenFree(port: number): Promise<Dialogue> {
  for (let wait = 0; wait < 600; wait++) {
    try {
      return await login(port);
    } catch {
      await sleep(50);
    }
  }
  return login(port);
}

/** A stored mail without the header lines that servers keep their notes in. */
function bare(octets: Buffer): Buffer {
  return Buffer.from(octets.toString("latin1").replace(/^(Status|X-UIDL): .*\n/gm, ""), "latin1");
}
