/**
 * The list of servers that clients may select (`-s`): comma-separated patterns of hosts, in which `?` and `*` are
 * wildcards and no other character is special, each perhaps with a port and a TLS mode. access/allowlist.ts matches
 * them.
 */

import { isIPv6 } from "node:net";
import { parseHost, parsePort } from "../base/address";
import { quote, withoutPassword } from "../base/quote";
import { refuseClearPop3s, splitMode, type TlsMode } from "./tlsmodes";

/** One entry of the list. */
export interface ServerEntry {
  /** In lower case, without a final dot; an IPv6 address in brackets and in the form in which hosts are compared. */
  readonly pattern: string;
  /** Whether the pattern has wildcards. A host that an entry without them permits may have any addresses. */
  readonly wild: boolean;
  /** The port that the entry permits besides those of POP3; "*": any; null: none. */
  readonly port: number | "*" | null;
  /** How TLS comes into connections to the servers that the entry permits; absent: as for all servers. */
  readonly tls?: TlsMode;
}

/** Parses the list. @param text comma-separated entries; empty ones are skipped @throws Error in one line */
export function parseServers(text: string): readonly ServerEntry[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map(parseEntry);
}

function parseEntry(text: string): ServerEntry {
  const { place, tls } = splitMode(text);
  const parts = /^(\[[^\]]*\]|[^:/]*)(?::([0-9]+|\*))?$/.exec(place);
  const shown = quote(withoutPassword(text));
  if (!parts)
    throw new Error(`not a server: ${shown}${/:.*:/.test(text) ? " (write an IPv6 address in brackets)" : ""}`);
  const [, host = "", digits] = parts;
  const port = digits === undefined ? null : digits === "*" ? "*" : parsePort(digits);
  if (host === "" || (digits !== undefined && port === null)) throw new Error(`not a server: ${shown}`);
  refuseClearPop3s(quote(text), port, tls);
  const wild = /[*?]/.test(host);
  const pattern = wild ? host.toLowerCase().replace(/(?<=.)\.$/, "") : exact(host);
  return { pattern, wild, port, ...(tls && { tls }) };
}

/** A name without wildcards in the form in which hosts are compared; one that can't be a host matches none. */
function exact(host: string): string {
  const six = /^\[(.*)\]$/.exec(host)?.[1];
  if (six !== undefined && isIPv6(six)) return `[${parseHost(six)}]`;
  return parseHost(host) ?? host.toLowerCase();
}
