/** "Many clients behind one address: Dovecot": a login that is refused delays nobody else, and users have enough sessions. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { checkInside } from "../../stage/checking";
import { connectGreeted, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import type { Peer } from "../../stage/peer";
import { type GatewayProcess, startProcess } from "../../stage/process";
import { until } from "../../stage/waiting";
import { type OwnDovecot, startOwnDovecot } from "../dovecot";
import { lacking, program, run } from "../programs";
import { inspect, password, user } from "../server";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [command, trusting, settings] = recipe("Many clients behind one address: Dovecot");
const trusted = replaced(trusting, { "192.0.2.10": "127.0.0.1" });

/** Dovecot with these settings, and a gateway in front of it. */
async function both(t: TestContext, settings = ""): Promise<[OwnDovecot, GatewayProcess]> {
  const server = await startOwnDovecot(t, [], settings);
  return [server, await startProcess([`127.0.0.1:${server.port}`], { t, inspect })];
}

/** Dovecot with these settings, and the gateway of the recipe's command. */
async function withXclient(t: TestContext, settings: string): Promise<[OwnDovecot, GatewayProcess]> {
  const server = await startOwnDovecot(t, [], settings);
  const to = { "-D": "--listen 127.0.0.1:0", "mail.example.org": `127.0.0.1:${server.port}` };
  return [server, await startRecipe(t, replaced(command, to))];
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

/** Logs in up to 12 times at once, from these addresses by turns. @returns the answer that is not positive */
async function refusal(t: TestContext, gateway: GatewayProcess, ...hosts: string[]): Promise<string | null> {
  const sessions: Peer[] = [];
  let answer = "+OK";
  while (answer.startsWith("+OK") && sessions.length < 12) {
    const client = await clientAt(hosts[sessions.length % hosts.length] as string, gateway, t);
    await client.ask(`USER ${user}`);
    answer = await client.ask(`PASS ${password}`);
    if (answer.startsWith("+OK")) sessions.push(client);
  }
  await Promise.all(sessions.map(quit));
  return answer.startsWith("+OK") ? null : answer;
}

test("Dovecot by itself takes all clients of the gateway for one", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await both(t);
  assert.match((await refusal(t, gateway, "127.0.0.6")) ?? "", /^-ERR .*mail_max_userip_connections=10/);
  assert.deepEqual(await delayed(server), []);
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), ["127.0.0.1"]);
});

test("login_trusted_networks alone does not change that", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await both(t, trusted);
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), ["127.0.0.1"]);
});

test("with XCLIENT each client counts for itself", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await withXclient(t, trusted);
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), ["127.0.0.5"]);
  assert.equal(await refusal(t, gateway, "127.0.0.6", "127.0.0.7"), null);
  assert.match((await refusal(t, gateway, "127.0.0.8")) ?? "", /^-ERR .*mail_max_userip_connections=10/);
  const { fields } = await gateway.logged("login");
  const login = new RegExp(` Login: .*, rip=127\\.0\\.0\\.6, .*, session=<${fields.session}>`);
  await until(
    () => login.test(server.said()),
    () => server.said(),
  );
  assert.doesNotMatch(server.said(), /Error/);
});

test("--check warns until Dovecot trusts the gateway", { skip: lacking("dovecot") }, async (t) => {
  for (const [settings, warning] of [
    ["", /^warning: .* does not offer XCLIENT.*: add 127\.0\.0\.1 to Dovecot's login_trusted_networks/m],
    [trusted, null],
  ] as const) {
    const server = await startOwnDovecot(t, [], settings);
    const { sound, said } = await checkInside("-D", "--xclient", `127.0.0.1:${server.port}`);
    assert.ok(sound, said);
    if (warning) assert.match(said, warning);
    else assert.doesNotMatch(said, /^warning: .* XCLIENT/m);
  }
});

test("the other settings end it, too", { skip: lacking("dovecot") }, async (t) => {
  const [server, gateway] = await both(t, settings);
  await refused(await clientAt("127.0.0.5", gateway, t));
  assert.deepEqual(await delayed(server), []);
  assert.equal(await refusal(t, gateway, "127.0.0.6"), null);
  assert.doesNotMatch(server.said(), /Error/);
});
