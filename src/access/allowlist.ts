/**
 * The allow list: whether a client may select a server, by the entries of `-s`. The caller has checked that the host is
 * a name of letters, digits, ".", "-" and "_", or an address. Entries have IPv6 addresses in brackets.
 */

import { Minimatch } from "minimatch";
import { bracketed, POP3_PORT, POP3S_PORT } from "../base/address";
import type { ServerEntry } from "../config/servers";

/** What the allow list says of one server. */
export type ListVerdict = "refused" | "permitted" | "permitted if public or listed";

/** The ports of POP3 and of POP3 over TLS, which need no entry. */
export const POP3_PORTS: ReadonlySet<number> = new Set([POP3_PORT, POP3S_PORT]);

interface Matcher extends ServerEntry {
  matches(host: string): boolean;
}

/** The entries of `-s`, ready to match. */
export class AllowList {
  readonly #entries: readonly Matcher[];

  constructor(entries: readonly ServerEntry[]) {
    this.#entries = entries.map((entry) => ({ ...entry, matches: matcherOf(entry) }));
  }

  /**
   * Whether this host and port may be selected. An entry without wildcards permits the host whatever its addresses are.
   *
   * @param host as `parseHost` gives it
   */
  verdict(host: string, port: number): ListVerdict {
    const name = bracketed(host);
    const matching = this.#entries.filter(
      (entry) => (POP3_PORTS.has(port) || entry.port === port || entry.port === "*") && entry.matches(name),
    );
    if (matching.length === 0) return "refused";
    return matching.every((entry) => entry.wild) ? "permitted if public or listed" : "permitted";
  }

  /** Whether an entry matches an IP address. @param address without brackets */
  lists(address: string): boolean {
    return this.#entries.some((entry) => entry.matches(bracketed(address)));
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
