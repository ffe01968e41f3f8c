/**
 * Whether a client may select a server: the entries of `-s`, matched. What is matched has been checked to be a host
 * before: letters, digits, ".", "-", "_", or an address; an IPv6 address is written in brackets here.
 */

import { Minimatch } from "minimatch";
import { POP3_PORT, POP3S_PORT } from "../base/address";
import type { ServerEntry } from "../config/servers";

/** What the list says of one server. */
export type ListVerdict = "refused" | "permitted" | "permitted if public or listed";

/** The ports of POP3 and of POP3 over TLS, which need no entry. */
export const POP3_PORTS: ReadonlySet<number> = new Set([POP3_PORT, POP3S_PORT]);

interface Matcher extends ServerEntry {
  matches(host: string): boolean;
}

export class AllowList {
  readonly #entries: readonly Matcher[];

  constructor(entries: readonly ServerEntry[]) {
    this.#entries = entries.map((entry) => ({ ...entry, matches: matcherOf(entry) }));
  }

  /** Whether this host and port may be selected. An entry without wildcards is the administrator's word. */
  verdict(host: string, port: number): ListVerdict {
    const name = bracketed(host);
    const matching = this.#entries.filter(
      (entry) => (POP3_PORTS.has(port) || entry.port === port || entry.port === "*") && entry.matches(name),
    );
    if (matching.length === 0) return "refused";
    return matching.every((entry) => entry.wild) ? "permitted if public or listed" : "permitted";
  }

  /** Whether some entry matches an address as a number. */
  lists(address: string): boolean {
    return this.#entries.some((entry) => entry.matches(bracketed(address)));
  }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function matcherOf({ pattern, wild }: ServerEntry): (host: string) => boolean {
  if (!wild) return (host) => host === pattern;
  // Brackets and backslashes can't be switched off, the rest can.
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
