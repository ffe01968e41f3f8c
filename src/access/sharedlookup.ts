/**
 * Lookups of the names of HTTP services. Each lookup occupies a thread until the system answers, so requests that want
 * the same name at the same time share one.
 */

import { type LookupOptions, lookup } from "node:dns";
import type { LookupFunction } from "node:net";

type Answered = Parameters<LookupFunction>[2];

/** Shares lookups that are under way. */
export class SharedLookup {
  readonly #waiting = new Map<string, Answered[]>();

  /** As `lookup` of node:dns; the option of a request. */
  readonly lookup: LookupFunction = (host, options, answered) => {
    const key = `${host} ${options.family} ${options.hints} ${options.all}`;
    const others = this.#waiting.get(key);
    if (others) {
      others.push(answered);
      return;
    }
    const all = [answered];
    this.#waiting.set(key, all);
    lookup(host, options as LookupOptions, (fault, addresses, family) => {
      this.#waiting.delete(key);
      for (const one of all) one(fault, addresses as string, family);
    });
  };
}
