/**
 * A provider that rotates refresh tokens, and takes one that comes twice for theft: several processes of the gateway
 * have one store, and dovecot asks the provider for each token.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { quit } from "../stage/dialogue";
import { drawn, LONG, tellDraw, testOfDraw } from "../stage/draws";
import { Peer } from "../stage/peer";
import { type GatewayProcess, MAIN, startProcess } from "../stage/process";
import { type Accounts, accountsAt, authorized, gatewayPassword } from "./authorizing";
import { type OwnDovecot, startDovecot } from "./dovecot";
import { plain } from "./mails";
import { introspected, type Oidc, startOidc } from "./oidc";
import { lacking } from "./programs";
import { put, scratch } from "./scratch";
import { user } from "./server";
import { INETD, superservers } from "./superservers";
import { typing } from "./typing";

const test = testOfDraw();

const inspect = { secret: gatewayPassword };
const skip = lacking("dovecot");

/** How many log in at once at the daemons, and how many at processes of their own: each of these costs a second. */
const [LOGINS, PROCESSES] = LONG ? [50, 10] : [12, 2];

interface Stage {
  readonly oidc: Oidc;
  readonly dovecot: OwnDovecot;
  readonly accounts: Accounts;
}

/** An account that is authorized. @param life of its access token, in seconds */
async function stage(t: TestContext, life = 3600): Promise<Stage> {
  const oidc = await startOidc(t);
  oidc.life = life;
  // As many sessions of one user at once as there are.
  const settings = [...introspected(oidc, join(scratch(t), "oauth2"), put), "mail_max_userip_connections = 1000"];
  const dovecot = await startDovecot(t, plain.slice(0, 1), ...settings);
  const accounts = accountsAt(t, oidc, { flow: "code", secret: true, server: `127.0.0.1:${dovecot.port}` });
  await authorized(t, accounts);
  return { oidc, dovecot, accounts };
}

function gatewayOf(t: TestContext, { file }: Accounts): Promise<GatewayProcess> {
  return startProcess(["--oauth", file, "--exempt", "127.0.0.1", "--max-per-client", "100"], { t, inspect });
}

/** Logs in. @returns the answer to PASS, and the client */
async function logIn(t: TestContext, port: number, password = gatewayPassword): Promise<[answer: string, Peer]> {
  const client = await Peer.connect(port, t);
  assert.match(await client.line(), /^\+OK/);
  assert.match(await client.ask(`USER ${user}`), /^\+OK/);
  return [await client.ask(`PASS ${password}`), client];
}

async function logsIn(t: TestContext, port: number): Promise<void> {
  const [answer, client] = await logIn(t, port);
  assert.match(answer, /^\+OK/);
  await quit(client);
}

/** Waits until every token has ended that was issued with this life so far; the next ones live long. */
async function expired({ oidc }: Stage): Promise<void> {
  // The gateway uses a short one for half of its life.
  await pause((oidc.life / 2) * 1000 + 100);
  oidc.life = 3600;
}

tellDraw("numbers of logins");

/** A test of the long form: in the short one, test/oauth/login.test.ts has it with peers of the tests' own. */
const inLong: typeof test = LONG ? test : (((): void => {}) as unknown as typeof test);

test("one refresh for all logins at the moment of expiry", { skip: lacking("dovecot", INETD) }, async (t) => {
  const both = await stage(t, 1);
  const { oidc, accounts } = both;
  const gateways = await Promise.all([gatewayOf(t, accounts), gatewayOf(t, accounts)]);
  // Both have a token in memory, which ends.
  for (const { port } of gateways) await logsIn(t, port);
  const before = oidc.refreshes();
  await expired(both);
  const [nowait] = superservers;
  const argv = [MAIN, "--oauth", accounts.file, `127.0.0.1:${both.dovecot.port}`];
  const inetd = await nowait?.serve(t, { host: "127.0.0.1", argv });
  const ports = Array.from({ length: LOGINS }, (_, index) => gateways[index % 2]?.port as number);
  const own = Array.from({ length: PROCESSES }, () => inetd?.port as number);
  await Promise.all([...ports, ...own].map((port) => logsIn(t, port)));
  assert.equal(oidc.refreshes(), before + 1);
  // And again, each time with the refresh token of the time before.
  for (let time = 0; time < 2; time++) {
    await oidc.disable();
    for (const port of drawn([...gateways.map(({ port }) => port), inetd?.port as number], 2, "later"))
      await logsIn(t, port);
  }
  assert.deepEqual(oidc.refused, []);
});

inLong("a token that the server refuses is renewed once", { skip }, async (t) => {
  const { oidc, dovecot, accounts } = await stage(t);
  const gateway = await gatewayOf(t, accounts);
  await logsIn(t, gateway.port);
  assert.equal(oidc.refreshes(), 0);
  await oidc.disable();
  await Promise.all([1, 2, 3].map(() => logsIn(t, gateway.port)));
  assert.equal(oidc.refreshes(), 1);
  assert.deepEqual(oidc.refused, []);
  await dovecot.saying(/auth failed/);
  assert.ok(gateway.log.every(({ event }) => event !== "denied"));
});

inLong("a server that takes no token at all is asked twice, and its words are passed on", { skip }, async (t) => {
  const oidc = await startOidc(t);
  const dovecot = await startDovecot(t, [], "auth_mechanisms = plain xoauth2");
  const accounts = accountsAt(t, oidc, { flow: "code", secret: true, server: `127.0.0.1:${dovecot.port}` });
  await authorized(t, accounts);
  const gateway = await gatewayOf(t, accounts);
  const [answer] = await logIn(t, gateway.port);
  assert.match(answer, /^-ERR /);
  assert.equal(oidc.refreshes(), 1);
  const { fields } = await gateway.logged("denied");
  assert.equal(fields.code, "server-denied");
  assert.match(`${fields.reason}`, /refuses the token of provider example/);
});

inLong("an authorization that was withdrawn", { skip }, async (t) => {
  const { oidc, accounts } = await stage(t, 1);
  const gateway = await gatewayOf(t, accounts);
  await logsIn(t, gateway.port);
  await oidc.revoke();
  await oidc.disable();
  const [answer] = await logIn(t, gateway.port);
  assert.equal(answer, "-ERR [AUTH] authorization expired");
  const { level, fields } = await gateway.logged("denied");
  assert.equal(fields.code, "oauth-expired");
  const [, command] = /renew it by: (.*)$/.exec(`${fields.reason}`) ?? [];
  assert.equal(command, `pop3.proxy --oauth ${accounts.file} --authorize ${user}`);
  assert.equal(level, "warning");
  // What the log says helps, without a restart.
  oidc.life = 3600;
  await authorized(t, accounts);
  await logsIn(t, gateway.port);
});

inLong("a provider that is down", { skip }, async (t) => {
  const both = await stage(t, 1);
  const { oidc, accounts } = both;
  const gateway = await gatewayOf(t, accounts);
  await logsIn(t, gateway.port);
  await expired(both);
  await oidc.down();
  const [answer, client] = await logIn(t, gateway.port);
  assert.match(answer, /^-ERR \[SYS\/TEMP\] /);
  await client.expectEnd();
  const { fields } = await gateway.logged("denied");
  assert.equal(fields.code, "oauth-provider");
  assert.match(`${fields.reason}`, /provider example can't be asked: /);
  await oidc.up();
  await logsIn(t, gateway.port);
  assert.deepEqual(oidc.refused, []);
});

inLong("an account that is forgotten while it is in use", { skip: lacking("dovecot", "script") }, async (t) => {
  const { accounts } = await stage(t);
  const gateway = await gatewayOf(t, accounts);
  await logsIn(t, gateway.port);
  assert.equal(await typing(t, "--oauth", accounts.file, "--forget", user).ended(), 0);
  const [answer] = await logIn(t, gateway.port);
  assert.equal(answer, "-ERR [SYS/PERM] account is not authorized here");
  assert.equal((await gateway.logged("denied")).fields.code, "oauth-unauthorized");
});
