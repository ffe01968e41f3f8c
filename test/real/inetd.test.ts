/**
 * The gateway behind real superservers: every way to be handed a client, and what becomes of the process.
 */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { IMPATIENT, threads, upstream } from "../listen/handing";
import { sampleMessages } from "../stage/demo";
import { fetchMail, logIn, quit } from "../stage/dialogue";
import { drawn, tellDraw } from "../stage/draws";
import { atEnd } from "../stage/ending";
import { Peer } from "../stage/peer";
import { MAIN } from "../stage/process";
import { until as holds } from "../stage/waiting";
import { lacking } from "./programs";
import { same } from "./same";
import { put, scratch } from "./scratch";
import { type Served, type Service, type Superserver, settled, superservers } from "./superservers";

const asRoot = process.getuid?.() === 0;

/** A syslog daemon; what it was told, without the time, and what the gateway must be told to find it. */
async function syslog(t: TestContext): Promise<{ told: string[]; options: string[] }> {
  const told: string[] = [];
  const socket = createSocket("udp4", (message) => told.push(message.toString("latin1")));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  atEnd(t, async () => void socket.close());
  return { told, options: ["--syslog", `udp://127.0.0.1:${socket.address().port}`] };
}

/** A connection whose greeting has been read. */
async function greeted(port: number, host: string): Promise<Peer> {
  const client = await Peer.connect({ port, host });
  assert.equal(await client.line(), "+OK POP3 server ready");
  return client;
}

/** Retrieves the sample maildrop as this user, octet for octet, and quits. */
async function retrieveAll(client: Peer, user: string): Promise<void> {
  await logIn(client, user, "demo");
  const mails = sampleMessages();
  for (const [index, mail] of mails.entries()) same(await fetchMail(client, index + 1), mail);
  await quit(client);
}

/** No thread of these processes is root, or can be. */
function assertOrdinary({ processes }: Served): void {
  const all = processes().flatMap(threads);
  assert.ok(all.length > 0);
  for (const { Uid, Gid, Groups, CapEff } of all) {
    for (const ids of [Uid, Gid, Groups]) assert.ok(ids !== "" && !ids.split(" ").includes("0"), ids);
    assert.match(CapEff, /^0+$/);
  }
}

/** Two clients at once, octet for octet; in the end nothing is left but who waits. */
async function sessions(t: TestContext, superserver: Superserver, host: Service["host"]): Promise<void> {
  const { told, options } = await syslog(t);
  const served = await superserver.serve(t, { host, argv: [MAIN, ...options, await upstream(t)] });
  const [first, second] = await Promise.all([greeted(served.port, host), greeted(served.port, host)]);
  assert.equal(served.processes().length, superserver.waits ? 1 : 2);
  if (asRoot) assertOrdinary(served);
  await Promise.all([retrieveAll(first, "joe"), retrieveAll(second, "ann")]);
  if (!superserver.waits) await settled(served.processes);
  assert.equal(served.processes().length, superserver.waits ? 1 : 0);
  await until(() => told.filter((line) => / close .*reason=quit .*retrieved=6 /.test(line)).length === 2, told);
  assert.ok(told.some((line) => new RegExp(` connect .*client=${host} port=\\d+ interface=${host}`).test(line)));
  // Severities of 3 and less are faults.
  for (const line of told) assert.ok(Number(/^<(\d+)>/.exec(line)?.[1]) % 8 > 3, line);
}

/**
 * A client that is gone before anybody looks has no address, and so no session; one that goes a moment later has said
 * what it has said. openbsd-inetd itself drops some of them.
 */
async function reset(t: TestContext, superserver: Superserver): Promise<void> {
  const host = "127.0.0.1";
  const { told, options } = await syslog(t);
  const served = await superserver.serve(t, { host, argv: [MAIN, ...options, await upstream(t)] });
  for (let count = 0; count < 3; count++) {
    const client = await Peer.connect({ port: served.port, host });
    void client.say("USER joe", "PASS demo", "DELE 1", "QUIT");
    client.reset();
  }
  await retrieveAll(await greeted(served.port, host), "ann");
  if (!superserver.waits) await settled(served.processes);
  await until(() => told.some((line) => / close .*user=ann/.test(line)), told);
  for (const line of told) assert.doesNotMatch(line, /client=""/);
  assert.equal(served.processes().length, superserver.waits ? 1 : 0);
}

/** Whatever the gateway dies of, its client hears POP3 or nothing. */
async function crash(t: TestContext, superserver: Superserver): Promise<void> {
  const host = "127.0.0.1";
  const fault = join(scratch(t), "fault.js");
  const act = `console.log("word"); console.error("word"); process.emitWarning("warning"); throw new Error("stack");`;
  put(fault, `process.on("SIGUSR2", () => { ${act} });\n`);
  const { told, options } = await syslog(t);
  const served = await superserver.serve(t, { host, argv: ["-r", fault, MAIN, ...options, await upstream(t)] });
  const client = await greeted(served.port, host);
  for (const pid of served.processes()) process.kill(pid, "SIGUSR2");
  await client.expectEnd();
  client.end();
  await settled(served.processes);
  assert.deepEqual(served.processes(), []);
  await until(() => told.some((line) => / crash code=internal reason=stack /.test(line)), told);
}

/** Who waits goes when nobody is there, and comes back with the next client, whenever that is. */
async function idle(t: TestContext, superserver: Superserver): Promise<void> {
  const host = "127.0.0.1";
  const served = await superserver.serve(t, { host, argv: [IMPATIENT, "--idle", "300", await upstream(t)] });
  const pids = new Set<number>();
  for (const user of ["joe", "ann"]) {
    const client = await greeted(served.port, host);
    for (const pid of served.processes()) pids.add(pid);
    // Not while somebody is there.
    await sleep(500);
    await retrieveAll(client, user);
    await settled(served.processes);
    assert.deepEqual(served.processes(), []);
  }
  assert.equal(pids.size, 2);
  // Around the moment when it goes.
  for (let count = 0; count < 8; count++) {
    const client = await greeted(served.port, host);
    await quit(client);
    await sleep(295 + count * 3);
  }
  await settled(served.processes);
}

/** What syslog is told may come a little later. */
async function until(isTold: () => boolean, told: readonly string[]): Promise<void> {
  await holds(isTold, () => told.join("\n"), { progress: () => told.length });
}

tellDraw("superservers");

type Play = (t: TestContext, superserver: Superserver) => Promise<void>;

/** systemd's sockets are served for life. */
const idling = superservers.filter(({ waits, name }) => waits && !name.startsWith("systemd"));

/** What is played, and by whom. */
const plays: readonly [string, readonly Superserver[], Play][] = [
  ["sessions over IPv4", drawn(superservers, 4, "IPv4"), (t, superserver) => sessions(t, superserver, "127.0.0.1")],
  ["sessions over IPv6", drawn(superservers, 1, "IPv6"), (t, superserver) => sessions(t, superserver, "::1")],
  ["a client that resets the connection at once", drawn(superservers, 1, "reset"), reset],
  ["a crash", drawn(superservers, 1, "crash"), crash],
  ["idle", drawn(idling, 1, "idle"), idle],
];

for (const superserver of superservers) {
  // They wait for processes more than they work.
  test(superserver.name, { skip: lacking(superserver.part), concurrency: 3, timeout: 300_000 }, async (t) => {
    const own = plays.filter(([, by]) => by.includes(superserver));
    await Promise.all(own.map(([name, , play]) => t.test(name, (t) => play(t, superserver))));
  });
}

test("no thread is root, seen above", {
  skip: !asRoot && "the tests do not run as root: there is none to give up",
}, () => {});
