/**
 * The clock of all deadlines. An object is looked at when its earliest deadline may have passed, and not before: idle
 * sessions cost nothing. One timer serves all objects.
 */

/** The interval of the timer, in milliseconds: a deadline takes effect at most so late, and never early. */
const TICK = 250;

/** No deadline. */
export const NEVER = Number.POSITIVE_INFINITY;

/** A monotonic time in milliseconds: it does not jump when the time of day is set. */
export function now(): number {
  return performance.now();
}

/** An object that has deadlines. */
export abstract class Watched {
  /** The tick at which it is looked at; NEVER: at none; -NEVER: at none any more. */
  #tick = NEVER;

  /** Acts on the deadlines that have passed. @param at the time, by `now` @returns the earliest one that is to come */
  abstract sweep(at: number): number;

  /** To be called when a deadline is set: `sweep` is called soon after it, or earlier. */
  protected watch(deadline: number): void {
    // A later deadline waits until the object is looked at: most are set anew many times before they pass.
    if (deadline >= this.#tick * TICK) return;
    this.#leave();
    timer ??= begin();
    this.#tick = Math.max(Math.ceil(deadline / TICK), next);
    const others = ticks.get(this.#tick);
    if (others) others.add(this);
    else ticks.set(this.#tick, new Set([this]));
  }

  /** From now on no deadline counts any more. */
  protected unwatch(): void {
    this.#leave();
    this.#tick = -NEVER;
  }

  #leave(): void {
    const others = ticks.get(this.#tick);
    others?.delete(this);
    if (others?.size === 0) ticks.delete(this.#tick);
  }

  /** Looks at the objects of all ticks up to this time. @param at by `now` */
  static sweep(at: number): void {
    while (next * TICK <= at) {
      const tick = next++;
      const due = ticks.get(tick);
      if (!due) continue;
      ticks.delete(tick);
      for (const one of due) {
        // Another one's sweep may have closed it.
        if (one.#tick !== tick) continue;
        one.#tick = NEVER;
        one.watch(one.sweep(at));
      }
    }
  }
}

/** The objects of each tick, by its number since the start of `now`. */
const ticks = new Map<number, Set<Watched>>();
/** The first tick that has not passed. */
let next = 0;
let timer: NodeJS.Timeout | undefined;

function begin(): NodeJS.Timeout {
  next = Math.floor(now() / TICK);
  return setInterval(sweep, TICK);
}

/**
 * What had arrived by then is read before: a process that stood still for a while, because the machine was busy or
 * asleep, must not take a peer for a silent one.
 */
function sweep(): void {
  const at = now();
  setImmediate(() => {
    Watched.sweep(at);
    if (ticks.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
}
