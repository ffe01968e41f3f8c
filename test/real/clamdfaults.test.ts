/** A real clamd that is stopped, killed and started again: every session has an answer, and no mail is lost. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logIn, logInAnew, quit } from "../stage/dialogue";
import { drawn, LONG, tellDraw, testOfDraw } from "../stage/draws";
import { startGateway, type Wishes } from "../stage/gateway";
import { Gone, Peer } from "../stage/peer";
import { until } from "../stage/waiting";
import { clamdParts, RealClamd } from "./clamd";
import { startDovecot } from "./dovecot";
import { infectedMail, isNotice } from "./infected";
import { mail } from "./mails";
import { lacking } from "./programs";
import { password, user } from "./server";
import { asIfAtOnce } from "./waiting";

const test = testOfDraw();

tellDraw("faults of clamd");

const skip = lacking("dovecot", ...clamdParts);
const REFUSED = "-ERR [SYS/TEMP] virus scanner not available";

const TEXT = "one line\r\n".repeat(20_000);
const CLEAN = mail("clean", TEXT);
const INFECTED = infectedMail();
const drop = [CLEAN, INFECTED];

/** The sample server, a gateway before it, and clamd. */
async function stage(t: TestContext, limits: NonNullable<Wishes["limits"]> = {}) {
  const clamd = await RealClamd.start(t);
  const server = await startDemo(t, { messages: drop });
  const wishes = { scan: true, clamd: { path: clamd.path }, limits };
  const gateway = await startGateway(server.port, wishes, { t });
  return { clamd, server, gateway };
}

async function logInto(port: number, t: TestContext): Promise<Peer> {
  const client = await connectGreeted(port, t);
  await logInAnew(client);
  return client;
}

/** What RETR 1 gives, as it must be. @returns whether it was the mail; else it was refused, or the connection closed */
async function clean(client: Peer): Promise<boolean> {
  const status = await client.line();
  if (status === REFUSED) return false;
  const body = await client
    .upTo("\r\n.\r\n")
    .catch((thrown) => (thrown instanceof Gone ? null : Promise.reject(thrown)));
  if (body === null) {
    assert.match(await client.rest(), /^(?:X-Virus-Scan: pending\r\n)*$/);
    return false;
  }
  const whole = asIfAtOnce(`${status}\r\n${body}`);
  assert.ok(whole.endsWith(`\r\n${CLEAN.toString("latin1")}.\r\n`), "it is another mail");
  return true;
}

test("V3: clamd is stopped for a while in the middle of scans", { skip }, async (t) => {
  const { clamd, gateway } = await stage(t, { pending: 200 });
  const clients = await Promise.all(Array.from({ length: 12 }, () => logInto(gateway.port, t)));
  clamd.hold();
  for (const client of clients) await client.say("RETR 1");
  for (const client of clients) assert.match(await client.peek(80), /^\+OK.*\r\n(X-Virus-Scan: pending\r\n)+/);
  clamd.go();
  for (const client of clients) assert.ok(await clean(client));
  for (const client of clients) await quit(client);
});

test("V1: clamd is stopped for good, and goes on later", { skip }, async (t) => {
  const { clamd, gateway } = await stage(t, { scan: 2000, ping: 2000 });
  const early = await until(() => logInto(gateway.port, t).catch(() => null), "a session");
  clamd.hold();
  await early.say("RETR 1");
  assert.equal(await clean(early), false);
  assert.equal(await (await Peer.connect(gateway.port, t)).rest(), `${REFUSED}\r\n`);
  clamd.go();
  // How soon it answers in time depends on the machine.
  await until(async () => {
    await early.say("RETR 1");
    return clean(early);
  }, "the mail");
  await until(() => logInto(gateway.port, t).catch(() => null), "a session");
});

test("V1: clamd is killed in the middle of scans, and started again", { skip }, async (t) => {
  const { clamd, gateway } = await stage(t);
  const clients = await Promise.all(Array.from({ length: 12 }, () => logInto(gateway.port, t)));
  clamd.hold();
  for (const client of clients) await client.say("RETR 1");
  await until(() => clamd.connections() >= 6, "no scan waits for another one");
  await clamd.kill();
  for (const client of clients) assert.equal(await clean(client), false);
  assert.equal(await (await Peer.connect(gateway.port, t)).rest(), `${REFUSED}\r\n`);
  await clamd.open();
  for (const client of clients) {
    await client.say("RETR 1");
    assert.ok(await clean(client));
    await quit(client);
  }
});

test("V1: what stands behind a mail whose scan was killed deletes nothing", { skip }, async (t) => {
  const clamd = await RealClamd.start(t);
  const server = await startDovecot(t, drop);
  const gateway = await startGateway(server.port, { scan: true, clamd: { path: clamd.path } }, { t });
  const log = async () => {
    const client = await connectGreeted(gateway.port, t);
    await logIn(client, user, password);
    return client;
  };
  const client = await log();
  clamd.hold();
  await client.say("RETR 1", "DELE 1", "QUIT");
  await until(() => clamd.connections() > 0, "no scan");
  await clamd.kill();
  assert.equal(await client.rest(), `${REFUSED}\r\n`);
  await clamd.open();
  const next = await until(() => log().catch(() => null), "a free maildrop");
  assert.equal(server.stored().length, drop.length);
  await next.say("RETR 1", "DELE 1", "QUIT");
  assert.ok(await clean(next));
  assert.match(await next.rest(), /^\+OK.*\r\n\+OK.*\r\n$/);
  await until(() => server.stored().length === drop.length - 1, "the deletion");
});

/** What may happen to clamd, again and again. */
const MISHAPS = [
  (clamd: RealClamd) => clamd.kill().then(() => clamd.open()),
  async (clamd: RealClamd) => {
    clamd.hold();
    await new Promise((resolve) => setTimeout(resolve, 300));
    clamd.go();
  },
] as const;

test("V1, V4: sessions while clamd is stopped, killed and started", { skip }, async (t) => {
  const { clamd, gateway } = await stage(t);
  const mishaps = drawn(
    Array.from({ length: 40 }, (_, index) => MISHAPS[index % 2] as (typeof MISHAPS)[number]),
    6,
    "mishaps",
  );
  let over = false;
  let got = 0;
  const visit = async () => {
    while (!over) {
      const client = await Peer.connect(gateway.port, t);
      const greeting = await client.line();
      if (greeting !== REFUSED) {
        await logInAnew(client);
        await client.say("RETR 1");
        if (await clean(client)) got++;
        if (!client.ended) {
          await client.say("RETR 2");
          const status = await client.line();
          if (status !== REFUSED) isNotice(`${status}\r\n${await client.upTo("\r\n.\r\n")}`, INFECTED);
          assert.equal(await client.ask("STAT"), `+OK 2 ${CLEAN.length + INFECTED.length}`);
          await quit(client);
        }
      }
      client.destroy();
    }
  };
  const visitors = Promise.all(Array.from({ length: LONG ? 12 : 4 }, visit));
  for (const mishap of mishaps) {
    await mishap(clamd);
    const before = got;
    await until(() => got > before, "it has not recovered");
  }
  over = true;
  await visitors;
});
