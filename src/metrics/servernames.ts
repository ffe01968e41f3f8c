/**
 * The names of servers in metrics. Servers that an administrator named have their own; the others share one, so that no
 * client can make up labels. A program or a map may name any number of servers, so that there is a bound as well.
 */

import { POP3_PORT, POP3S_PORT, showHostPort } from "../base/address";
import type { Service } from "../config/settings";
import { namedServers } from "../config/tlsrules";
import type { Place, Route } from "../session/needs";

/** The most names. */
const BOUND = 200;

/** The names that servers have in common: those that clients chose, and those beyond the bound. */
export const CHOSEN = "chosen by clients";
export const OTHERS = "others";

/** The servers that have names. */
export class ServerNames {
  /** Those that the settings name, by host or by host and port. */
  readonly #listed = new Set<string>();
  readonly #known = new Set<string>();

  /** Adds the servers that a service names: its default servers, and the entries of its list without wildcards. */
  add(service: Pick<Service, "listen" | "servers" | "access">): void {
    for (const { host, port } of namedServers(service)) this.#list(host, port);
    for (const { pattern, wild, port } of service.access.selection?.servers ?? []) {
      if (!wild) this.#list(pattern.replace(/^\[(.*)\]$/, "$1"), port === "*" ? null : port);
    }
  }

  #list(host: string, port: number | null): void {
    for (const one of port === null ? [POP3_PORT, POP3S_PORT] : [port]) this.#listed.add(showHostPort(host, one));
  }

  /** The name of a server. @param selected whether a client has selected it */
  of({ host, port }: Pick<Place, "host" | "port">, { selected }: Pick<Route, "selected">): string {
    const name = showHostPort(host, port);
    if (selected && !this.#listed.has(name)) return CHOSEN;
    if (this.#known.has(name)) return name;
    if (this.#known.size >= BOUND) return OTHERS;
    this.#known.add(name);
    return name;
  }
}
