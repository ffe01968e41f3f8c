/**
 * Waiting for what must come. A busy machine is slow, so no wait has a limit for all of it: a wait fails when nothing
 * has come for a while. The time in which this thread had no processor does not count: what would come is often made by
 * this thread itself, such as the answers of a gateway inside the test's process.
 */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { ownTime } from "./stopwatch";

/** How long nothing may come before a wait fails, in milliseconds. */
export const PATIENCE = 30_000;

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
 * @throws AssertionError if there was neither a find nor progress for as long as PATIENCE
 */
export async function until<Found>(
  find: () => Found | Promise<Found>,
  what: string | (() => unknown) = () => find,
  { progress = () => 0, every = 5 }: Waiting = {},
): Promise<Exclude<Found, Nothing>> {
  let last = progress();
  for (let since = ownTime(); ; ) {
    const looked = performance.now();
    const found = await find();
    if (found !== null && found !== undefined && found !== false) return found as Exclude<Found, Nothing>;
    const now = progress();
    const time = ownTime();
    if (now !== last) since = time;
    last = now;
    if (time - since >= PATIENCE) break;
    // What takes long to look at, or has not come for long, is looked at less often: waits do not use up the processor.
    await pause(every + Math.min(4 * (performance.now() - looked) + (time - since) / 20, 250));
  }
  assert.fail(`waited in vain: ${String(typeof what === "string" ? what : what()).slice(-4000)}`);
}

/**
 * Calls back when nothing has come for a while.
 *
 * @param patience how long that is, in milliseconds
 * @returns is to be called when something has come
 */
export function whenLate(late: () => void, patience = PATIENCE): () => void {
  const end = ownTime() + patience;
  const look = () => {
    const left = end - ownTime();
    if (left > 0) timer = setTimeout(look, left);
    else late();
  };
  let timer = setTimeout(look, patience);
  return () => clearTimeout(timer);
}
