/**
 * The order in which the addresses of a server are tried (RFC 8305, 4), and what is known of addresses from earlier
 * sessions: one that has failed within the last five minutes is tried last, by all sessions.
 */

import { isIPv4 } from "node:net";
import { showHostPort } from "../base/address";
import { Recent } from "../base/recent";
import type { Outcome } from "./attempts";

/** How long it is known that an address has failed, in milliseconds, and of how many addresses. */
const AGE = 5 * 60 * 1000;
const BOUND = 1000;

/** The most addresses that one login tries. A name may have hundreds, and each silent one holds a descriptor. */
const TRIED = 8;

/** Places in the order: nothing is known, a later attempt was quicker, an attempt has failed. */
const SOUND = 0;
const SLOW = 1;
const FAILED = 2;

/** Faults of this machine that say nothing of the address: no descriptor, no memory, no port, no such source address. */
const OWN_FAULTS = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EADDRNOTAVAIL", "EADDRINUSE"]);

/** What is known of the addresses of servers. */
export class KnownAddresses {
  readonly #known = new Recent<number>(BOUND, AGE);

  /**
   * The addresses to try, in order: the families by turns, beginning with that of the first address; then those that
   * were slow, then those that have failed.
   */
  inOrder(addresses: readonly string[], port: number): readonly string[] {
    if (addresses.length < 2) return addresses;
    const place = (address: string) => this.#known.get(showHostPort(address, port)) ?? SOUND;
    const placed = interleaved([...new Set(addresses)]).map((address) => ({ address, place: place(address) }));
    placed.sort((one, other) => one.place - other.place);
    return placed.slice(0, TRIED).map(({ address }) => address);
  }

  /** Keeps what came of attempts. */
  note({ won, winner, failed, overtaken }: Outcome<unknown>, port: number): void {
    for (const address of overtaken) {
      const key = showHostPort(address, port);
      // Not a failure, but RFC 8305, 4 prefers the addresses that answer sooner.
      if (this.#known.get(key) !== FAILED) this.#known.set(key, SLOW);
    }
    for (const { address, fault } of failed) {
      if (!OWN_FAULTS.has(fault.code ?? "")) this.#known.set(showHostPort(address, port), FAILED);
    }
    if (won !== null) this.#known.delete(showHostPort(winner, port));
  }
}

function interleaved(addresses: readonly string[]): string[] {
  const first = isIPv4(addresses[0] as string);
  const one = addresses.filter((address) => isIPv4(address) === first);
  const other = addresses.filter((address) => isIPv4(address) !== first);
  const turns = Array.from({ length: Math.max(one.length, other.length) }, (_, turn) => [one[turn], other[turn]]);
  return turns.flat().filter((address) => address !== undefined);
}
