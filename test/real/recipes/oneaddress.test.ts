/** "Many clients behind one address: Dovecot": a login that is refused delays nobody else, and users have enough sessions. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connectGreeted, quit } from "../../stage/dialogue";
import { recipe } from "../../stage/manual";
import type { Peer } from "../../stage/peer";
import { type GatewayProcess, startProcess } from "../../stage/process";
import { type OwnDovecot, startOwnDovecot } from "../dovecot";
import { lacking, program, run } from "../programs";
import { inspect, password, user } from "../server";

const [settings] = recipe("Many clients behind one address: Dovecot");

/** Dovecot with these settings, and a gateway in front of it. */
async function both(t: TestContext, settings = ""): Promise<[OwnDovecot, GatewayProcess]> {
  const server = await startOwnDovecot(t, [], settings);
  return [server, await startProcess([`127.0.0.1:${server.port}`], { t, inspect })];
}

/** The addresses whose logins Dovecot delays. */
async function delayed({ settings }: OwnDovecot): Promise<string[]> {
  const { code, stdout, stderr } = await run(program("doveadm"), ["-c", settings, "-f", "tab", "penalty"]);
  assert.equal(code, 0, stderr);
  const [, ...rows] = `${stdout}`.trim().split("\n");
  return rows.map((row) => row.split("\t")[0] as string);
}

/** A client at an address of its own. */
function clientAt(host: string, { port }: GatewayProcess, t: TestContext): Promise<Peer> {
  return connectGreeted({ host: "127.0.0.1", port, localAddress: host }, t);
}

async function refused(client: Peer): Promise<void> {
  await client.ask(`USER ${user}`);
  assert.match(await client.ask("PASS wrong"), /^-ERR \[AUTH\]/);
  await client.expectEnd();
}

/** Logs in up to 12 times at once. @returns the answer that is not positive */
async function refusal(t: TestContext, gateway: GatewayProcess): Promise<string | null> {
  const sessions: Peer[] = [];
  let answer = "+OK";
  while (answer.startsWith("+OK") && sessions.length < 12) {
    const client = await clientAt("127.0.0.6", gateway, t);
    await client.ask(`USER ${user}`);
    answer = await client.ask(`PASS ${password}`);
    if (answer.startsWith("+OK")) sessions.push(client);
  }
  await Promise.all(sessions.map(quit));
  return answer.startsWith("+OK") ? null : answer;
}

test("Dovecot by itself takes all clients of the gateway for one", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await both(t);
  assert.match((await refusal(t, gateway)) ?? "", /^-ERR .*mail_max_userip_connections=10/);
  assert.deepEqual(await delayed(server), []);
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), ["127.0.0.1"]);
});

test("login_trusted_networks does not change that", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await both(t, "login_trusted_networks = 127.0.0.1");
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), ["127.0.0.1"]);
});

test("the recipe's settings end it", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await both(t, settings);
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), []);
  assert.equal(await refusal(t, gateway), null);
  assert.doesNotMatch(server.said(), /Error/);
});
