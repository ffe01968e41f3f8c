/**
 * Refused logins, and the delays that follow from them.
 *
 * A refusal counts for a pair: a client (`network` of its address) and a user name as the client gave it. Each refusal
 * of a pair within ten minutes of the last one doubles the pair's delay, up to a limit; a login that succeeds forgets
 * the pair. A client with refusals for more than five names has the delay of its last refusal as a whole, whatever name
 * it gives next.
 */

import { Recent } from "../base/recent";
import type { Limits } from "../config/settings";

/** How long a refusal is remembered, in milliseconds. */
const AGE = 10 * 60 * 1000;

/** The most pairs, and the most clients, that are remembered. */
const BOUND = 10_000;

/** Refusals for more names than this one delay the client as a whole. */
const NAMES = 5;

/** How often a delay doubles at most; more would only overflow. */
const DOUBLINGS = 30;

/** The refusals of a pair. */
interface RefusedPair {
  readonly count: number;
  /** When its delay is over. */
  readonly until: number;
}

/** The refusals of a client. */
interface RefusedClient {
  /** When each of the last pairs was refused last, oldest first. */
  readonly pairs: ReadonlyMap<string, number>;
  readonly until: number;
}

/** The refusals of all clients. Times are milliseconds of one clock. */
export class Refusals {
  readonly #pairs = new Recent<RefusedPair>(BOUND, AGE);
  readonly #clients = new Recent<RefusedClient>(BOUND, AGE);

  /** When the delay of a pair is over; null: it has no refusal. */
  pairUntil(pair: string, at: number): number | null {
    return this.#pairs.get(pair, at)?.until ?? null;
  }

  /** When the delay of a client as a whole is over; null: the client is not delayed as a whole. */
  clientUntil(client: string, at: number): number | null {
    const refused = this.#clients.get(client, at);
    if (!refused) return null;
    const recent = [...refused.pairs.values()].filter((last) => at - last < AGE);
    return recent.length > NAMES ? refused.until : null;
  }

  /** Counts a refusal. @param client "": there is no network @returns the delay that begins with it */
  add(
    client: string,
    pair: string,
    { refusal, refusalMost, least = 0 }: Pick<Limits, "refusal" | "refusalMost"> & { least?: number | undefined },
    at: number,
  ): number {
    const count = (this.#pairs.get(pair, at)?.count ?? 0) + 1;
    const delay = Math.max(Math.min(refusal * 2 ** Math.min(count - 1, DOUBLINGS), refusalMost), least);
    const until = at + delay;
    this.#pairs.set(pair, { count, until }, at);
    // Clients without a network can't be told apart, so none of them is delayed for the others.
    if (client === "") return delay;
    const pairs = new Map(this.#clients.get(client, at)?.pairs);
    pairs.delete(pair);
    pairs.set(pair, at);
    if (pairs.size > NAMES + 1) pairs.delete(pairs.keys().next().value as string);
    this.#clients.set(client, { pairs, until }, at);
    return delay;
  }

  /** Forgets a pair after a login. A client that is delayed as a whole stays so: one right password excuses no guesses. */
  forget(client: string, pair: string, at: number): void {
    this.#pairs.delete(pair);
    const refused = this.#clients.get(client, at);
    if (!refused?.pairs.has(pair) || this.clientUntil(client, at) !== null) return;
    const pairs = new Map(refused.pairs);
    pairs.delete(pair);
    this.#clients.set(client, { pairs, until: refused.until }, at);
  }
}
