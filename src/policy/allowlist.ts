/**
 * The list of servers that clients may select: patterns in which `?` and `*` are special and nothing else, each
 * perhaps with a port (SPEC section 4). What is matched has been checked to be a host: letters, digits, ".", "-", "_",
 * or an address; an IPv6 address wears brackets.
 */

import { isIPv6 } from "node:net";
import { POP3_PORT, POP3S_PORT, parseHost, parsePort } from "../address";

interface Entry {
  readonly text: string;
  /** In lower case, without a final dot. */
  readonly pattern: string;
  /** The port that it permits besides those of POP3; "*": any. */
  readonly port: number | "*" | null;
  readonly wild: boolean;
  matches(host: string): boolean;
}

/** What the list says of one server. */
export type Answer = "refused" | "permitted" | "permitted if public or listed";

/** The ports of POP3 and of POP3 over TLS, which need no entry. */
export const POP3_PORTS: ReadonlySet<number> = new Set([POP3_PORT, POP3S_PORT]);

export class AllowList {
  readonly #entries: readonly Entry[];

  /** @param text comma-separated entries @throws Error if one can't be understood */
  constructor(text: string) {
    this.#entries = text
      .split(",")
      .map((entry) => entry.trim())
      .filter(Boolean)
      .map(parseEntry);
  }

  /** Whether this host and port may be selected. An entry without wildcards is the administrator's word. */
  answer(host: string, port: number): Answer {
    const name = bracketed(host);
    const fitting = this.#entries.filter(
      (entry) => (POP3_PORTS.has(port) || entry.port === port || entry.port === "*") && entry.matches(name),
    );
    if (fitting.length === 0) return "refused";
    return fitting.every((entry) => entry.wild) ? "permitted if public or listed" : "permitted";
  }

  /** Whether some entry matches an address as a number. */
  lists(address: string): boolean {
    return this.#entries.some((entry) => entry.matches(bracketed(address)));
  }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function parseEntry(text: string): Entry {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+|\*))?$/.exec(text);
  if (!parts) throw new Error(`not a server: ${text}${/:.*:/.test(text) ? " (an IPv6 address wears brackets)" : ""}`);
  const [, host = "", digits] = parts;
  const port = digits === undefined || digits === "*" ? (digits ?? null) : parsePort(digits);
  if (host === "" || (digits !== undefined && port === null)) throw new Error(`not a server: ${text}`);
  const wild = /[*?]/.test(host);
  const pattern = wild ? host.toLowerCase().replace(/(?<=.)\.$/, "") : exact(host);
  return { text, pattern, port: port as Entry["port"], wild, matches: matcher(pattern, wild) };
}

/** A name without wildcards in the form in which hosts are compared; one that can't be a host matches none. */
function exact(host: string): string {
  const six = /^\[(.*)\]$/.exec(host)?.[1];
  if (six !== undefined && isIPv6(six)) return bracketed(parseHost(six) as string);
  return parseHost(host) ?? host.toLowerCase();
}

function matcher(pattern: string, wild: boolean): (host: string) => boolean {
  if (!wild) return (host) => host === pattern;
  const { Minimatch } = require("minimatch") as typeof import("minimatch");
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
