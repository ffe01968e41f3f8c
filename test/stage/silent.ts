/** A server that answers no connection: its process stands still, and the queue of its listener is full. */

import { once } from "node:events";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { atEnd } from "./ending";

/** The connections that Linux still accepts for a listener with a backlog of 1. */
const ACCEPTED = 2;

/** A thread that listens and then stops for good. */
const STANDING = `
const { createServer } = require("node:net");
const { parentPort, workerData } = require("node:worker_threads");
createServer().listen({ ...workerData, backlog: 1 }, () => {
  parentPort.postMessage("listening");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});`;

/** From now on until the end of the test, connections to this address and port get no answer, not even a refusal. */
export async function silence(t: TestContext, host: string, port: number): Promise<void> {
  const worker = new Worker(STANDING, { eval: true, workerData: { host, port } });
  atEnd(t, async () => void (await worker.terminate()));
  await once(worker, "message");
  const sockets = Array.from({ length: ACCEPTED + 3 }, () => connect({ host, port }).on("error", () => {}));
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.slice(0, ACCEPTED).map((socket) => once(socket, "connect")));
}
