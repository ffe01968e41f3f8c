/**
 * The clock of all deadlines, and one coarse sweep over all that has one: four times a second instead of a timer for
 * each socket. The sweep runs only while something is watched.
 */

/** How often deadlines are looked at, in milliseconds: nothing ends before its deadline, nor much later. */
const SWEEP = 250;

/** The deadline of what has none. */
export const NEVER = Number.POSITIVE_INFINITY;

/** The time in milliseconds. It does not jump when somebody sets the time of day. */
export function now(): number {
  return performance.now();
}

/** Something that has deadlines. */
export interface Watched {
  /** Called at each sweep. @param at the time of the sweep, by `now` */
  sweep(at: number): void;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

/** Calls `sweep` from now on, until `unwatch`. */
export function watch(one: Watched): void {
  watched.add(one);
  timer ??= setInterval(sweepAll, SWEEP);
}

/** The end of `watch`. */
export function unwatch(one: Watched): void {
  watched.delete(one);
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function sweepAll(): void {
  const at = now();
  for (const one of watched) one.sweep(at);
}
