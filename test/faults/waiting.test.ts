/**
 * Waiting for servers: silent, restarting and slow ones, and names that nobody knows. Elapsed time is the subject here;
 * what is measured is far from both the right and the wrong outcome.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Accepting, startScripted } from "../stage/accepting";
import { connectGreeted, welcome } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { type Resolve, startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { freePort } from "../stage/ports";
import { silence } from "../stage/silent";
import { ownTime } from "../stage/stopwatch";
import { until } from "../stage/waiting";

/** Logs in; gives the answer to PASS, and after how many milliseconds of this thread it came. */
async function logIn(t: TestContext, gateway: TestGateway, user = "joe"): Promise<{ answer: string; took: number }> {
  const client = await connectGreeted(gateway.port, t);
  await client.ask(`USER ${user}`);
  const began = ownTime();
  const answer = await client.ask("PASS p");
  return { answer, took: ownTime() - began };
}

/** A server on 127.0.0.1 that takes every login. */
const kind = (t: TestContext) => startScripted(t, (peer) => welcome(peer, "+OK fine"));

const named = (port: number): Wishes => ({ server: { host: "mail.example", port } });

test("B2: a name whose first address does not answer, in the first session and in the next", async (t) => {
  const { port } = await kind(t);
  await silence(t, "127.0.0.2", port);
  const addresses = ["127.0.0.2", "127.0.0.1"];
  const gateway = await startGateway(0, named(port), { t, resolve: async () => addresses });
  for (let session = 0; session < 2; session++) {
    const { answer, took } = await logIn(t, gateway);
    assert.equal(answer, "+OK fine");
    assert.ok(took < 5000, `${took} ms, not the limit of 30 s`);
    assert.deepEqual(gateway.memory.addresses.inOrder(addresses, port), ["127.0.0.1", "127.0.0.2"]);
  }
});

test("B2: a name whose first address refuses", async (t) => {
  const { port } = await kind(t);
  const gateway = await startGateway(0, named(port), { t, resolve: async () => ["127.0.0.2", "127.0.0.1"] });
  assert.equal((await logIn(t, gateway)).answer, "+OK fine");
});

test("B2: all addresses refuse, and the server is back 1.2 seconds later", async (t) => {
  const port = await freePort();
  const gateway = await startGateway(0, named(port), { t, resolve: async () => ["127.0.0.2", "127.0.0.1"] });
  const accepting = new Accepting(undefined, (peer) => void welcome(peer, "+OK fine").catch(() => {}));
  atEnd(t, () => accepting.close());
  const loggedIn = logIn(t, gateway);
  await pause(1200);
  await accepting.open(port);
  assert.equal((await loggedIn).answer, "+OK fine");
});

test("B2: a client that leaves while its server restarts ends the session", async (t) => {
  const port = await freePort();
  const gateway = await startGateway(port, {}, { t });
  const client = await connectGreeted(gateway.port, t);
  await client.ask("USER joe");
  await client.say("PASS p");
  await pause(100);
  client.reset();
  assert.deepEqual(await gateway.ended(), ["client closed the connection"]);
});

test("B4: a slow greeting is too late, unless --server-timeout allows it", async (t) => {
  // The first session is answered when it is over: a machine that stood still might take that for in time, too.
  const slow = await startScripted(t, async (peer) => {
    await (slow.peers.length === 1 ? peer.untilEnd() : pause(2500));
    await welcome(peer, "+OK fine");
  });
  const brief = await startGateway(slow.port, { serverTimeout: 1000 }, { t });
  assert.match((await logIn(t, brief)).answer, /^-ERR \[SYS\/TEMP\]/);
  assert.equal((await brief.logged("failure")).fields.code, "server-silent");
  const patient = await startGateway(slow.port, { serverTimeout: 60_000 }, { t });
  assert.equal((await logIn(t, patient)).answer, "+OK fine");
});

test("B23: a crowd with dead names, hung up at once, leaves no queue and holds up no default server", async (t) => {
  const { port } = await kind(t);
  const dead: string[] = [];
  const resolve: Resolve = async (host) => {
    if (host === "mail.example") return ["127.0.0.1"];
    dead.push(host);
    return new Promise(() => {});
  };
  // Longer than the test takes: who has to wait for a lookup of the crowd, waits in vain.
  const endless = { loginTimeout: 600_000, limits: { lookup: 600_000 } };
  const wishes = { ...named(port), ...endless, select: true, maxPerClient: 1000 };
  const gateway = await startGateway(0, wishes, { t, resolve });
  const crowd = await Promise.all(
    Array.from({ length: 80 }, async (_, index) => {
      const client = await connectGreeted(gateway.port, t);
      await client.ask(`USER joe@dead${index}.example`);
      await client.say("PASS p");
      return client;
    }),
  );
  const { lookups } = gateway.memory;
  await until(() => lookups.waiting === 78, "a queue", { progress: () => lookups.waiting });
  for (const client of crowd) client.reset();
  await gateway.ended(80);
  assert.deepEqual([lookups.waiting, dead.length], [0, 2]);
  assert.equal((await logIn(t, gateway)).answer, "+OK fine");
});
