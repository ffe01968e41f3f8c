/**
 * The pace of the HTTP thread: it works for a part of the time, whatever its clients do, and sleeps for the rest. A
 * thread that sleeps does not accept either; the system lets clients wait.
 */

/** How often the share is looked at, in milliseconds, and the least work in that time that is followed by sleep. */
const SLICE = 20;
const LEAST = 8;

/** So many times as long as it has worked the thread sleeps. */
const REST = 6;

/** The longest sleep, in milliseconds: shorter than the limits of time for clients (http.ts). */
const LONGEST = 4000;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Keeps the pace of this thread while there are clients.
 *
 * @param isBusy whether there are
 * @returns to be called when one comes
 */
export function keepPace(isBusy: () => boolean): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    if (timer) return;
    let before = performance.eventLoopUtilization();
    timer = setInterval(() => {
      const { active } = performance.eventLoopUtilization(before);
      if (active >= LEAST) Atomics.wait(sleeper, 0, 0, Math.min(active * REST, LONGEST));
      before = performance.eventLoopUtilization();
      if (isBusy()) return;
      clearInterval(timer);
      timer = undefined;
    }, SLICE);
  };
}
