/**
 * A clock for waits and upper bounds: it stands still while the machine has no processor for this thread, so that what it shows
 * does not depend on what else runs there.
 */

import { readFileSync } from "node:fs";

/** The time that this thread has waited for a processor, in milliseconds; 0 where the system does not tell. */
function queued(): number {
  try {
    // Its fields: the time on a processor, the time in the queue for one, the number of turns.
    return Number(readFileSync("/proc/self/schedstat", "latin1").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Milliseconds, as performance.now() but for the time in the queue. */
export function ownTime(): number {
  return performance.now() - queued();
}
