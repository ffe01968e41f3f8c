/**
 * One coarse clock for every deadline: a sweep four times a second over all that is watched, instead of a timer
 * for each socket. It runs only while something is watched.
 */

/** How often deadlines are looked at, in milliseconds: nothing ends sooner than its deadline, or much later. */
const SWEEP = 250;

export interface Watched {
  /** Called at each sweep. @param now milliseconds since the epoch */
  sweep(now: number): void;
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
  const now = Date.now();
  for (const one of watched) one.sweep(now);
}
