/**
 * The clock of all deadlines, and one coarse sweep over all objects that have deadlines: four times a second instead of
 * a timer for each socket. The sweep runs only while an object is watched.
 */

/** The interval of the sweep, in milliseconds: a deadline takes effect at most so late, and never early. */
const SWEEP = 250;

/** No deadline. */
export const NEVER = Number.POSITIVE_INFINITY;

/** A monotonic time in milliseconds: it does not jump when the time of day is set. */
export function now(): number {
  return performance.now();
}

/** An object that has deadlines. */
export interface Watched {
  /** Called at each sweep. @param at the time of the sweep, by `now` */
  sweep(at: number): void;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

/**
 * Calls the object's `sweep` four times a second, until `unwatch`. What had arrived by then is read before: a process
 * that stood still for a while, because the machine was busy or asleep, must not take a peer for a silent one.
 */
export function watch(one: Watched): void {
  watched.add(one);
  timer ??= setInterval(sweepAll, SWEEP);
}

/** Ends `watch`. */
export function unwatch(one: Watched): void {
  watched.delete(one);
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function sweepAll(): void {
  const at = now();
  setImmediate(() => {
    for (const one of watched) one.sweep(at);
  });
}
