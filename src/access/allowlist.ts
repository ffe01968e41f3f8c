/**
 * The allow list: whether a client may select a server, by the entries of `-s`. The caller has checked that the host is
 * a name of letters, digits, ".", "-" and "_", or an address. Entries have IPv6 addresses in brackets.
 */

import { Minimatch } from "minimatch";
import { bracketed, POP3_PORT, POP3S_PORT } from "../base/address";
import type { ServerEntry } from "../config/servers";

/** The ports of POP3 and of POP3 over TLS, which need no entry. */
export const POP3_PORTS: ReadonlySet<number> = new Set([POP3_PORT, POP3S_PORT]);

/** An entry that is ready to match. */
interface Matcher {
  readonly entry: ServerEntry;
  matches(host: string): boolean;
}

/** The entries of `-s`, ready to match. */
export class AllowList {
  readonly #matchers: readonly Matcher[];

  constructor(entries: readonly ServerEntry[]) {
    this.#matchers = entries.map((entry) => ({ entry, matches: matcherOf(entry) }));
  }

  /**
   * The entry that permits a host: the first one without wildcards, which permits it whatever its addresses are, else
   * the first one with wildcards; null: none does.
   *
   * @param host as `parseHost` gives it
   * @param portFor the port that would be dialled if this entry permits the host
   */
  permitting(host: string, portFor: (entry: ServerEntry) => number): ServerEntry | null {
    const name = bracketed(host);
    let wild: ServerEntry | null = null;
    for (const { entry, matches } of this.#matchers) {
      if ((entry.wild && wild) || !matches(name)) continue;
      const port = portFor(entry);
      if (!POP3_PORTS.has(port) && entry.port !== port && entry.port !== "*") continue;
      if (!entry.wild) return entry;
      wild = entry;
    }
    return wild;
  }

  /** Whether an entry matches a host, on whatever port. @param host as `parseHost` gives it */
  lists(host: string): boolean {
    return this.#matchers.some(({ matches }) => matches(bracketed(host)));
  }
}

function matcherOf({ pattern, wild }: ServerEntry): (host: string) => boolean {
  if (!wild) return (host) => host === pattern;
  // The options switch off all of minimatch's syntax but wildcards, brackets and backslashes; these are escaped.
  const glob = new Minimatch(pattern.replace(/[\\[\]]/g, "\\$&"), {
    dot: true,
    nobrace: true,
    nocase: true,
    nocomment: true,
    noext: true,
    noglobstar: true,
    nonegate: true,
    optimizationLevel: 0,
    platform: "linux",
    preserveMultipleSlashes: true,
  });
  return (host) => glob.match(host);
}
