/**
 * A process that has no free descriptor: one client hears why, nothing else ends, and all is well when there are some.
 */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import { until } from "../stage/waiting";

const BOUND = 60;

/** Logs in. @returns what is answered */
async function logIn(client: Peer, user: string): Promise<string> {
  await client.ask(`USER ${user}`);
  return client.ask("PASS p");
}

/** Clients that take all descriptors that are left. @returns those who were let in */
async function crowd(port: number): Promise<Peer[]> {
  const clients: Peer[] = [];
  for (let count = 0; count < BOUND; count++) {
    const client = await Peer.connect(port);
    clients.push(client);
    if ((await client.line().catch(() => "")) === "") break;
  }
  return clients.slice(0, -1);
}

for (const [name, options, user, short, later] of [
  ["an acp", ["-a", "/bin/true", "127.0.0.1:1"], "joe", /access control not available/, /server not reachable/],
  ["the guard", ["-e"], "joe@127.0.0.9", /^-ERR \[AUTH\] server not permitted/, /^-ERR \[AUTH\] server not permitted/],
  ["a command", ["--via", "/bin/false", "mail.test"], "joe", /server not reachable/, /connection to server lost/],
  ["a server", ["127.0.0.1:1"], "joe", /server not reachable/, /server not reachable/],
] as const) {
  test(`R4: without a descriptor for ${name}`, { timeout: 300_000 }, async (t) => {
    const argv = ["--max-per-client", "100", ...options];
    const gateway = await startProcess(argv, { t, before: `ulimit -n ${BOUND}` });
    const [first, ...others] = await crowd(gateway.port);
    assert.ok(first && others.length > 10, `${others.length} were let in`);
    assert.match(await logIn(first, user), short);
    assert.equal(gateway.child.exitCode ?? gateway.child.signalCode, null, gateway.said());
    assert.equal(await others[0]?.ask("USER ann"), "+OK password required", "the others are still there");
    for (const client of [first, ...others]) client.destroy();
    const descriptors = () => readdirSync(`/proc/${gateway.pid}/fd`).length;
    await until(
      () => descriptors() <= BOUND - others.length,
      () => `${descriptors()} descriptors are open`,
      { progress: descriptors },
    );
    const next = await Peer.connect(gateway.port);
    await next.line();
    assert.match(await logIn(next, user), later);
    assert.doesNotMatch(gateway.said(), /internal fault|crash/);
    next.destroy();
  });
}
