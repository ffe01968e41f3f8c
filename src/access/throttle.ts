/**
 * The throttle: refused logins are answered late. Each refusal of the same client within ten minutes of the last one
 * doubles the delay, up to a limit; a successful login ends the delay. A server behind the gateway sees one address for
 * all clients, so it can't throttle a single client itself.
 */

import { network } from "../base/address";
import { now } from "../base/clock";
import { Recent } from "../base/recent";
import type { Limits } from "../config/settings";

/** How long a refusal is remembered, in milliseconds. */
const AGE = 10 * 60 * 1000;

/** The most clients that are remembered. */
const CLIENTS = 10_000;

/** The refusals of all clients. */
export class Throttle {
  /** How often each client was refused. */
  readonly #refusals = new Recent<number>(CLIENTS, AGE);

  /**
   * Counts a refusal.
   *
   * @param address the client's address
   * @param at the time, by the clock of clock.ts
   * @returns how long the answer is to be held back, in milliseconds
   */
  add(address: string, { refusal, refusalMost }: Pick<Limits, "refusal" | "refusalMost">, at = now()): number {
    const client = network(address);
    const count = (this.#refusals.get(client, at) ?? 0) + 1;
    this.#refusals.set(client, count, at);
    return Math.min(refusal * 2 ** (count - 1), refusalMost);
  }

  /** Forgets a client's refusals, after a successful login. */
  forget(address: string): void {
    this.#refusals.delete(network(address));
  }
}
