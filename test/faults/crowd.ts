/**
 * A process with a gateway, a sample server, and crowds of clients that log in, idle and leave: `crowd.js size`. It
 * writes to stdout how large its heap was, as JSON. A process of its own, since the test runner follows every promise
 * and socket of a test, which takes time and some of the heap.
 */

import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createDemoServer } from "../../src/demo/server";
import { connectGreeted, logIn } from "../stage/dialogue";
import { startGateway } from "../stage/gateway";
import type { Peer } from "../stage/peer";

/** The heap in octets: before the crowd came, while it was there, and after it. */
export interface Heaps {
  readonly before: number;
  readonly held: number;
  readonly after: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The heap when no more of it is freed: on a busy machine the last sockets close late. */
async function heap(): Promise<number> {
  for (let last = Number.POSITIVE_INFINITY; ; ) {
    for (let i = 0; i < 2; i++) {
      await pause(50);
      collect();
    }
    const used = process.memoryUsage().heapUsed;
    if (used > last - 10_000) return used;
    last = used;
  }
}

async function main(size: number): Promise<void> {
  const demo = createDemoServer();
  const gateway = await startGateway(await demo.listen(), { maxSessions: 5000, maxPerClient: 5000 });
  const join = async (index: number) => {
    const client = await connectGreeted(gateway.port);
    // A maildrop has one session.
    await logIn(client, `user${index % 900}.${Math.floor(index / 900)}`, "demo");
    return client;
  };
  const crowd = async (size: number) => {
    const peers: Peer[] = [];
    for (let i = 0; i < size; i += 50) {
      peers.push(...(await Promise.all(Array.from({ length: 50 }, (_, j) => join(i + j)))));
    }
    const held = await heap();
    await Promise.all(peers.map((peer) => peer.ask("QUIT").then(() => peer.end())));
    await Promise.all(peers.map((peer) => peer.expectClose()));
    await gateway.logged("close", gateway.log.filter(({ event }) => event === "connect").length);
    gateway.log.length = 0;
    return held;
  };
  await crowd(size / 4);
  const before = await heap();
  const held = await crowd(size);
  const after = await heap();
  await gateway.close();
  await demo.close();
  process.stdout.write(JSON.stringify({ before, held, after } satisfies Heaps));
}

void main(Number(process.argv[2]));
