/**
 * A process that has no free descriptor: one client hears why, nothing else ends, and all is well when there are some.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch, MAIN } from "../listen/handing";
import { Peer } from "../stage/peer";

const BOUND = 60;

/** Starts a daemon that may have only so many descriptors. */
async function start(t: TestContext, ...argv: string[]): Promise<{ port: number; said(): string; alive(): boolean }> {
  const options = ["-d", "--max-per-client", "100", "-DD", "127.0.0.1:0", ...argv];
  const script = `ulimit -n ${BOUND}; exec "$0" "$@"`;
  const { said, child } = launch(t, "/bin/sh", ["-c", script, process.execPath, MAIN, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const port = () => / listen interface=\S+ port=(\d+)/.exec(said())?.[1];
  for (let wait = 0; !port() && wait < 500; wait++) await pause(10);
  return { port: Number(port()), said, alive: () => child.exitCode === null && child.signalCode === null };
}

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
  ["a server", ["127.0.0.1:1"], "joe", /server not reachable/, /server not reachable/],
] as const) {
  test(`R4: without a descriptor for ${name}`, { timeout: 30_000 }, async (t) => {
    const gateway = await start(t, ...options);
    const [first, ...others] = await crowd(gateway.port);
    assert.ok(first && others.length > 10, `${others.length} were let in`);
    assert.match(await logIn(first, user), short);
    assert.ok(gateway.alive(), gateway.said());
    assert.equal(await others[0]?.ask("USER ann"), "+OK password required", "the others are still there");
    for (const client of [first, ...others]) client.socket.destroy();
    await pause(100);
    const next = await Peer.connect(gateway.port);
    await next.line();
    assert.match(await logIn(next, user), later);
    assert.doesNotMatch(gateway.said(), /internal fault|crash/);
    next.socket.destroy();
  });
}
