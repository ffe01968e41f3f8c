/**
 * A map of recent entries, bounded in number and age, so that clients and servers can't make it grow.
 */

import { now } from "./clock";

/** A bounded map. */
export class Recent<Value> {
  /** In the order in which they were set, oldest first. */
  readonly #entries = new Map<string, { readonly value: Value; readonly at: number }>();

  /**
   * @param bound the most entries; with one more, the entry that was set longest ago is deleted
   * @param age how long an entry is kept, in milliseconds; Infinity: until `bound` deletes it
   */
  constructor(
    private readonly bound: number,
    private readonly age: number,
  ) {}

  /** The value of a key; undefined: none, or too old. @param at the time, by the clock of clock.ts */
  get(key: string, at = now()): Value | undefined {
    const entry = this.#entries.get(key);
    if (!entry || at - entry.at < this.age) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** Sets the value of a key. @param at the time, by the clock of clock.ts */
  set(key: string, value: Value, at = now()): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, at });
    if (this.#entries.size > this.bound) this.#entries.delete(this.#entries.keys().next().value as string);
  }

  /** Deletes a key. */
  delete(key: string): void {
    this.#entries.delete(key);
  }
}
