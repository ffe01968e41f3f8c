/**
 * Refused logins are answered late: each refusal of the same client within ten minutes doubles the delay, up to a limit;
 * a login that succeeds ends it. So a server that sees only the gateway's address need not lock everybody out.
 */

import { network } from "../base/address";
import { now } from "../base/clock";
import { Recent } from "../base/recent";
import type { Limits } from "../config/settings";

/** How long a refusal is remembered, in milliseconds. */
const AGE = 10 * 60 * 1000;

/** The most clients that are remembered. */
const CLIENTS = 10_000;

export class Throttle {
  /** How often each client was refused. */
  readonly #refusals = new Recent<number>(CLIENTS, AGE);

  /** Notes a refusal. @returns how long its answer is to be held back, in milliseconds */
  add(address: string, { refusal, refusalMost }: Pick<Limits, "refusal" | "refusalMost">, at = now()): number {
    const client = network(address);
    const count = (this.#refusals.get(client, at) ?? 0) + 1;
    this.#refusals.set(client, count, at);
    return Math.min(refusal * 2 ** (count - 1), refusalMost);
  }

  /** Notes a login that succeeded. */
  forget(address: string): void {
    this.#refusals.delete(network(address));
  }
}
