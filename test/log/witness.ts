/**
 * A clock that another thread of this process keeps. Where the machine has no processor for the process, be it in the
 * system's queue, by a quota, or for a disk that is slow, the clock stands still as well; where only the event loop is
 * blocked, it goes on.
 */

import { Worker } from "node:worker_threads";

/** The time between two ticks, in milliseconds. */
const TICK = 10;

const KEEPER = `
const { workerData: ticks } = require("node:worker_threads");
const nothing = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  Atomics.wait(nothing, 0, 0, ${TICK});
  Atomics.add(ticks, 0, 1);
}`;

/** Starts the thread. @returns the milliseconds since then in which it could run */
export function witness(): () => number {
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  // Streams of its own: else Node would open standard output and error of this process, and make pipes non-blocking.
  new Worker(KEEPER, { eval: true, workerData: ticks, stdout: true, stderr: true }).unref();
  return () => Atomics.load(ticks, 0) * TICK;
}
