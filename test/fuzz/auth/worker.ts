/** Plays dialogues in a thread of its own: the test runner's hooks would take half of the time. */

import { parentPort, workerData } from "node:worker_threads";
import { type Outcome, play } from "./play";

/** What a worker plays. */
export interface Task {
  readonly first: number;
  readonly count: number;
}

/** How far its dialogues came, and what was wrong with the first that was not in order. */
export interface Report {
  readonly reached: Readonly<Record<Outcome["reached"], number>>;
  readonly failed: string | null;
}

/** So many at once. */
const AT_ONCE = 40;

/** What plays one dialogue again. */
const repeat = (seed: number) => `POP3_FUZZ_SECONDS=0 POP3_FUZZ_SEED=${seed} node --test build/test/fuzz/auth.test.js`;

async function playAll({ first, count }: Task): Promise<void> {
  const reached = { nothing: 0, credentials: 0, server: 0, login: 0 };
  const under = new Set<number>();
  let next = first;
  let failed: string | null = null;
  const crashed = (thrown: unknown) => {
    const seeds = [...under].map(repeat).join("\n");
    failed ??= `${thrown instanceof Error ? thrown.stack : thrown}\nin one of\n${seeds}`;
  };
  process.on("unhandledRejection", crashed).on("uncaughtException", crashed);
  const one = async () => {
    while (next < first + count && failed === null) {
      const seed = next++;
      under.add(seed);
      const { reached: how, faults, told } = await play(seed);
      under.delete(seed);
      reached[how]++;
      if (faults.length > 0) failed ??= `${repeat(seed)}\n${faults.join("\n")}\n${told()}`;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  parentPort?.postMessage({ reached, failed } satisfies Report);
}

void playAll(workerData as Task);
