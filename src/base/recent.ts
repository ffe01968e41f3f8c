/**
 * A map that keeps what is recent: so many entries at most, each for so long at most. Whoever fills it, a client or a
 * server, can't make it grow.
 */

import { now } from "./clock";

export class Recent<Value> {
  /** In the order in which they were set, oldest first. */
  readonly #entries = new Map<string, { readonly value: Value; readonly at: number }>();

  /**
   * @param bound the most entries; with one more, the one that was set longest ago goes
   * @param age how long an entry is kept, in milliseconds; Infinity: as long as there is room
   */
  constructor(
    private readonly bound: number,
    private readonly age: number,
  ) {}

  /** @param at the time, by the clock of clock.ts */
  get(key: string, at = now()): Value | undefined {
    const entry = this.#entries.get(key);
    if (!entry || at - entry.at < this.age) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** @param at the time, by the clock of clock.ts */
  set(key: string, value: Value, at = now()): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, at });
    if (this.#entries.size > this.bound) this.#entries.delete(this.#entries.keys().next().value as string);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
