/** A bound on how much goes on at once. */

import { timeLimit } from "./timelimit";
import { Abort, type Until } from "./until";

/** Who waits for a place. */
interface Waiting {
  readonly who: string;
  ready(): void;
}

/** So many places; who finds none free waits. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<Waiting>();
  /** How many places each has. */
  readonly #taken = new Map<string, number>();

  /** @param each how many of them one may have, so that none who takes long has all; absent: all of them */
  constructor(
    count: number,
    private readonly each = count,
  ) {
    this.#free = count;
  }

  /**
   * Takes a place: who has the fewest comes first, then in the order of the calls.
   *
   * @param until gives up, with its reason
   * @param who takes it; absent: all count as one
   * @returns gives the place back; to be called once
   * @throws the reason of `until`
   */
  async take(until: Until, who = ""): Promise<() => void> {
    until.throwIfAborted();
    if (this.#free > 0 && this.#has(who) < this.each) this.#enter(who);
    else await this.#turn(until, who);
    return () => this.#give(who);
  }

  /** As `take`. @param within how long to wait, in milliseconds @returns null: none was free in time */
  async takeWithin(within: number, until: Until): Promise<(() => void) | null> {
    const over = new Abort();
    const gone = () => over.abort(until.reason);
    const endLimit = timeLimit(within, () => over.abort(null));
    until.addEventListener("abort", gone);
    if (until.aborted) gone();
    try {
      return await this.take(over);
    } catch (thrown) {
      if (thrown === null) return null;
      throw thrown;
    } finally {
      endLimit();
      until.removeEventListener("abort", gone);
    }
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  #has(who: string): number {
    return this.#taken.get(who) ?? 0;
  }

  #enter(who: string): void {
    this.#free--;
    this.#taken.set(who, this.#has(who) + 1);
  }

  #turn(until: Until, who: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.#waiting.delete(one);
        reject(until.reason);
      };
      const ready = () => {
        until.removeEventListener("abort", gone);
        resolve();
      };
      const one = { who, ready };
      this.#waiting.add(one);
      until.addEventListener("abort", gone);
    });
  }

  /** A place that somebody waits for is handed over, and is never free in between. */
  #give(who: string): void {
    this.#free++;
    const left = this.#has(who) - 1;
    if (left > 0) this.#taken.set(who, left);
    else this.#taken.delete(who);
    let next: Waiting | undefined;
    let fewest = this.each;
    for (const one of this.#waiting) {
      if (this.#has(one.who) >= fewest) continue;
      fewest = this.#has(one.who);
      next = one;
    }
    if (!next) return;
    this.#waiting.delete(next);
    this.#enter(next.who);
    next.ready();
  }
}
