/**
 * Random dialogues with AUTH through sessions in memory: in each the client, the server or both make mistakes. Each comes
 * from one number. POP3_FUZZ_SEED is the first; with POP3_FUZZ_SECONDS=0 only that one is played.
 */

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { LONG } from "../stage/draws";
import type { Report, Task } from "./auth/worker";

const { POP3_FUZZ_SECONDS: seconds, POP3_FUZZ_SEED: given } = process.env;

const COUNT = seconds === "0" ? 1 : LONG ? 40_000 : 600;

test("L7, L8, I1, G2: AUTH, whatever a client and a server say", async (t) => {
  const first = given === undefined ? randomInt(2 ** 31) : Number(given);
  const workerData: Task = { first, count: COUNT };
  const worker = new Worker(join(__dirname, "auth", "worker.js"), { workerData });
  const [{ reached, failed }] = (await once(worker, "message")) as [Report];
  await worker.terminate();
  if (failed !== null) assert.fail(failed);
  t.diagnostic(`${COUNT} dialogues, seeds ${first} to ${first + COUNT - 1}: ${JSON.stringify(reached)}`);
});
