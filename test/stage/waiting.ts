/**
 * Waiting for what must come. A busy machine is slow, so no wait has a limit for all of it: a wait fails when nothing
 * has come for a while. The time in which this thread had no processor does not count: what would come is often made by
 * this thread itself, such as the answers of a gateway inside the test's process. Nor does the time in which processes
 * that the test has started work, or wait for a processor: many of them that start at once say nothing for long.
 */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { descendantsOf, occupied } from "./processes";
import { ownTime } from "./stopwatch";

/** How long nothing may come before a wait fails, in milliseconds. */
export const PATIENCE = 30_000;

/** How long the processes of the test are then looked at, and what shows that they work, both in milliseconds. */
const LOOK = 10_000;
const WORK = 1000;

export interface Waiting {
  /** What differs from look to look as long as something still comes: a counter, or a text that grows. */
  readonly progress?: () => number | string;
  /** The time between two looks, in milliseconds. */
  readonly every?: number;
}

/** What is not found yet. */
type Nothing = null | undefined | false;

/**
 * Waits until `find` gives something.
 *
 * @param what is missing, for the failure's message
 * @throws AssertionError if there was neither a find nor progress for as long as PATIENCE, and no process works
 */
export async function until<Found>(
  find: () => Found | Promise<Found>,
  what: string | (() => unknown) = () => find,
  { progress = () => 0, every = 5 }: Waiting = {},
): Promise<Exclude<Found, Nothing>> {
  let last = progress();
  let isIdle = false;
  for (let since = ownTime(); ; ) {
    const looked = performance.now();
    const found = await find();
    if (found !== null && found !== undefined && found !== false) return found as Exclude<Found, Nothing>;
    const now = progress();
    const time = ownTime();
    if (now !== last) [since, isIdle] = [time, false];
    last = now;
    if (time - since >= PATIENCE) {
      if (isIdle) break;
      isIdle = !(await working());
      if (!isIdle) since = ownTime();
    }
    // What takes long to look at, or has not come for long, is looked at less often: waits do not use up the processor.
    await pause(every + Math.min(4 * (performance.now() - looked) + (time - since) / 20, 250));
  }
  assert.fail(`waited in vain: ${String(typeof what === "string" ? what : what()).slice(-4000)}`);
}

/**
 * Calls back when nothing has come for a while, and no process of the test works.
 *
 * @param patience how long that is, in milliseconds
 * @returns is to be called when something has come
 */
export function whenLate(late: () => void, patience = PATIENCE): () => void {
  let over = false;
  let end = ownTime() + patience;
  const look = async () => {
    if (end <= ownTime()) {
      const works = await working();
      if (over) return;
      if (!works) return late();
      end = ownTime() + patience;
    }
    timer = setTimeout(look, end - ownTime());
  };
  let timer = setTimeout(look, patience);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/** Whether the processes that this one has started work: they have a processor, or wait for one. Looks for a while. */
async function working(): Promise<boolean> {
  const now = () => new Map(descendantsOf(process.pid).map((pid) => [pid, occupied(pid)]));
  const before = now();
  await pause(LOOK);
  const gains = [...now()].map(([pid, time]) => Math.max(0, time - (before.get(pid) ?? 0)));
  return gains.reduce((sum, gain) => sum + gain, 0) >= WORK;
}
