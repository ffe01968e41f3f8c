/**
 * Waiting for servers: names that nobody knows. Elapsed time is the subject here;
 * what is measured is far from both the right and the wrong outcome.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startScripted } from "../stage/accepting";
import { connectGreeted, welcome } from "../stage/dialogue";
import { type Resolve, startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { until } from "../stage/waiting";

/** Logs in; gives the answer to PASS, and after how many milliseconds it came. */
async function logIn(t: TestContext, gateway: TestGateway, user = "joe"): Promise<{ answer: string; took: number }> {
  const client = await connectGreeted(gateway.port, t);
  await client.ask(`USER ${user}`);
  const began = performance.now();
  const answer = await client.ask("PASS p");
  return { answer, took: performance.now() - began };
}

/** A server on 127.0.0.1 that takes every login. */
const kind = (t: TestContext) => startScripted(t, (peer) => welcome(peer, "+OK fine"));

const named = (port: number): Wishes => ({ server: { host: "mail.example", port } });

test("B23: a crowd with dead names, hung up at once, leaves no queue and holds up no default server", async (t) => {
  const { port } = await kind(t);
  const dead: string[] = [];
  const resolve: Resolve = async (host) => {
    if (host === "mail.example") return ["127.0.0.1"];
    dead.push(host);
    return new Promise(() => {});
  };
  const gateway = await startGateway(0, { ...named(port), select: true, maxPerClient: 1000 }, { t, resolve });
  const crowd = await Promise.all(
    Array.from({ length: 80 }, async (_, index) => {
      const client = await connectGreeted(gateway.port, t);
      await client.ask(`USER joe@dead${index}.example`);
      await client.say("PASS p");
      return client;
    }),
  );
  const { lookups } = gateway.memory;
  await until(() => lookups.waiting === 78, "a queue");
  for (const client of crowd) client.reset();
  await gateway.ended(80);
  assert.deepEqual([lookups.waiting, dead.length], [0, 2]);
  const { answer, took } = await logIn(t, gateway);
  assert.equal(answer, "+OK fine");
  assert.ok(took < 5000, `${took} ms, not the limit of 10 s`);
});
