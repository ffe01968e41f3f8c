/** The settings of V8's heap for a process that serves many clients. */

import { setFlagsFromString } from "node:v8";

/**
 * Keeps the young generation as it is at the start. V8 doubles it while objects survive in it, as those of new sessions
 * do, up to three times 16 MB, and never gives that back: with 3000 idle sessions it is a third of the memory of each,
 * and short sessions cost the same CPU (`npm run bench`). One thread collects it, which also costs less CPU than two.
 *
 * To be called when the code cache has been read: V8 refuses a cache that was made with other flags.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--no-parallel-scavenge");
}
