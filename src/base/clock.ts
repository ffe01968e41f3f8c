/**
 * One coarse clock for every deadline: a sweep four times a second over all that is watched, instead of a timer
 * for each socket. It runs only while something is watched.
 */

/** How often deadlines are looked at, in milliseconds: nothing ends sooner than its deadline, or much later. */
const SWEEP = 250;

/** The clock of all deadlines, in milliseconds; it does not jump when somebody sets the time of day. */
export function now(): number {
  return performance.now();
}

export interface Watched {
  /** Called at each sweep. @param at `now` of the sweep */
  sweep(at: number): void;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

export function watch(one: Watched): void {
  watched.add(one);
  timer ??= setInterval(sweepAll, SWEEP);
}

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
