/**
 * Many clients, greedy clients, and clients that leave in a hurry.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, connectLoggedIn, logIn as loggedIn } from "../stage/dialogue";
import { LONG } from "../stage/draws";
import { startBetween, startGateway, type TestGateway } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { launch } from "../stage/process";
import { until } from "../stage/waiting";
import type { Heaps } from "./crowd";

/** A crowd, and the octets that may be left of it: what is made once, and what is less than a session could leave. */
const CROWD = LONG ? 2000 : 200;
const LEFT = 300_000 + 850 * CROWD;

async function logIn(gateway: TestGateway, user: string): Promise<Peer> {
  const client = await connectGreeted(gateway.port);
  await loggedIn(client, user, "demo");
  return client;
}

/** How many connections to this port of 127.0.0.1 somebody still holds at the side of the server. */
function socketsOf(port: number): number {
  const rows = readFileSync("/proc/self/net/tcp", "latin1").split("\n").slice(1);
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = rows.flatMap((row) => {
    const [, at, , state, , , , , , inode = "0"] = row.trim().split(/ +/);
    return at?.endsWith(local) && state !== "0A" && inode !== "0" ? [inode] : [];
  });
  // A table that changes while it is read shows some of its rows twice.
  return new Set(inodes).size;
}

test("R4: idle sockets are capped, the oldest gives way, and users still get in", async (t) => {
  const { port } = await startDemo(t);
  const gateway = await startGateway(port, { maxSessions: 50, maxPerClient: 10_000 }, { t });
  const user = await logIn(gateway, "first");
  const idlers: Peer[] = [];
  for (let i = 0; i < 250; i++) idlers.push(await Peer.connect(gateway.port));
  const late = await logIn(gateway, "late");
  assert.match(await late.ask("NOOP"), /^\+OK/);
  assert.match(await user.ask("NOOP"), /^\+OK/, "who has logged in keeps its place");
  const held = socketsOf(gateway.port);
  assert.ok(held >= 50 && held <= 50 + 100 + 1, `${held} sockets are held`);
  await idlers[0]?.untilEnd();
  assert.match(idlers[0]?.heard ?? "", /^\+OK [^\n]+\n-ERR \[SYS\/TEMP\] too many sessions, try again later\r\n$/);
  for (const peer of [user, late, ...idlers]) peer.destroy();
});

test("R4: when all have logged in, a newcomer is refused", async (t) => {
  const { port } = await startDemo(t);
  const gateway = await startGateway(port, { maxSessions: 2 }, { t });
  const users = [await logIn(gateway, "a"), await logIn(gateway, "b")];
  const late = await Peer.connect(gateway.port);
  assert.equal(await late.line(), "-ERR [SYS/TEMP] too many sessions, try again later");
  await late.expectEnd();
  late.end();
  await users[0]?.ask("QUIT");
  users[0]?.end();
  await users[0]?.expectClose();
  // Its place is free when the gateway, too, has seen the close.
  const next = await until(async () => {
    const client = await Peer.connect(gateway.port, t);
    if ((await client.line()).startsWith("+OK")) return client;
    client.destroy();
    return null;
  }, "a free place");
  await loggedIn(next, "c", "demo");
  for (const peer of [late, next, ...users]) peer.destroy();
});

test("R5: one client address has only so many sessions", async (t) => {
  const { port } = await startDemo(t);
  const gateway = await startGateway(port, { maxPerClient: 2 }, { t });
  const users = [await logIn(gateway, "a"), await logIn(gateway, "b")];
  const third = await Peer.connect(gateway.port);
  assert.equal(await third.line(), "-ERR [SYS/TEMP] too many sessions from your address");
  await third.expectEnd();
  for (const peer of [third, ...users]) peer.destroy();
});

test(`R4: ${CROWD} idle sessions are held and released without a leak`, { timeout: 300_000 }, async (t) => {
  const argv = [join(__dirname, "crowd.js"), `${CROWD}`];
  const { child, ended, said } = launch(t, process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  child.stdout?.on("data", (chunk: Buffer) => (told += chunk));
  await until(() => child.exitCode !== null || child.signalCode !== null, "the end of the crowd", {
    progress: () => readFileSync(`/proc/${child.pid}/stat`, "latin1"),
    every: 50,
  });
  assert.equal(await ended(), 0, said());
  const { before, held, after } = JSON.parse(told) as Heaps;
  assert.ok(held > before, "the crowd is seen");
  assert.ok(after - before < LEFT, `heap before ${before}, held ${held}, after ${after}`);
});

test("R6: pipelined commands that are not permitted do not pile up", async (t) => {
  const [gateway] = await startBetween(t);
  const client = await Peer.connect(gateway.port);
  await client.line();
  await client.write("XFOO\r\n".repeat(100_000));
  await client.untilEnd();
  client.end();
  assert.equal(client.heard.match(/-ERR unsupported command\r\n/g)?.length, 5);
  assert.equal(client.heard.match(/-ERR too many unsupported commands\r\n$/g)?.length, 1);
});

test("I18: DELE and QUIT with a reset right behind them, answers under way: the server gets both", {
  timeout: 300_000,
}, async (t) => {
  const [gateway, accepting] = await startBetween(t, { maxPerClient: 1000 });
  const rounds = LONG ? 200 : 40;
  const one = async () => {
    const [client, server] = await connectLoggedIn(gateway.port, accepting);
    await client.say("DELE 1");
    assert.equal(await server.line(), "DELE 1");
    // The answer and the reset meet at the gateway.
    void server.say("+OK deleted");
    await client.say("QUIT");
    client.reset();
    assert.equal(await server.line(), "QUIT");
    await server.say("+OK bye");
    await server.expectEnd();
  };
  for (let i = 0; i < rounds; i++) await one();
  assert.equal(gateway.log.filter(({ event, fields }) => event === "close" && fields.reason === "quit").length, rounds);
});
