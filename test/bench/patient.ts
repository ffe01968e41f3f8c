/**
 * A client that asks NOOP again and again, in a thread of its own, lest it measures what keeps the other clients busy.
 */

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Client } from "./client";

/** Between an answer and the next NOOP, in milliseconds. */
const PAUSE = 2;

export class Patient {
  readonly #worker: Worker;

  /** Logs in at once. */
  constructor(port: number) {
    this.#worker = new Worker(__filename, { workerData: port });
  }

  /** How long each answer took since the last call, in milliseconds, in order of length. */
  async times(): Promise<readonly number[]> {
    const told = new Promise<number[]>((resolve) => this.#worker.once("message", resolve));
    this.#worker.postMessage(null);
    return (await told).sort((a, b) => a - b);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

async function ask(port: number): Promise<void> {
  let times: number[] = [];
  parentPort?.on("message", () => {
    parentPort?.postMessage(times);
    times = [];
  });
  const client = new Client(port);
  await client.logIn("patient");
  while (true) {
    const began = performance.now();
    await client.ask("NOOP");
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

if (!isMainThread) void ask(workerData as number);
