/** A bound on how much goes on at once. */

import { timeLimit } from "./timelimit";
import { Abort, type Until } from "./until";

/** So many places; who finds none free waits. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Takes a place, in the order of the calls.
   *
   * @param until gives up, with its reason
   * @returns gives the place back; to be called once
   * @throws the reason of `until`
   */
  async take(until: Until): Promise<() => void> {
    until.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(until);
    return () => this.#give();
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

  #turn(until: Until): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.#waiting.delete(ready);
        reject(until.reason);
      };
      const ready = () => {
        until.removeEventListener("abort", gone);
        resolve();
      };
      this.#waiting.add(ready);
      until.addEventListener("abort", gone);
    });
  }

  /** A place that somebody waits for is handed over, and is never free in between. */
  #give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
    } else {
      this.#waiting.delete(next);
      next();
    }
  }
}
