/**
 * From a route to a connection: the lookup of the server's name, the check of every address, and a connection to one of
 * the addresses that were checked. The gateway never connects to itself.
 */

import { networkInterfaces } from "node:os";
import { type HostPort, isAddress, parseHost, unmapped } from "../base/address";
import type { Limits, ServerSettings } from "../config/settings";
import type { Connection } from "../connection/connection";
import { replies } from "../protocol/replies";
import { type Denial, denial, type Route } from "../session/needs";
import type { ServerTls } from "../tls/servers";
import type { Lookups } from "./lookup";
import { dialTcp } from "./tcp";

/** The settings and services that dialling needs. */
interface DialTerms {
  readonly servers: ServerSettings;
  readonly limits: Limits;
  readonly lookups: Lookups;
  /** Where this gateway itself listens. */
  readonly listeners: readonly HostPort[];
  /** Why the address of a server that a client has selected may not be dialled; null if it may. */
  guard(address: string): string | null;
  /** TLS towards servers, made at the first call. */
  tls(): ServerTls;
}

/**
 * Connects to the server of a route.
 *
 * @param client the address on whose behalf the name is looked up
 * @param until aborts the lookup or the connection, with the signal's reason
 * @returns the connection, or why the login is denied: an address is not permitted
 * @throws Failure if the server is not reached; the reason of `until`
 */
export async function dial(
  { host, port, ...route }: Route,
  client: string,
  terms: DialTerms,
  until: AbortSignal,
): Promise<Connection | Denial> {
  const { lookups, limits, servers, listeners } = terms;
  const found = isAddress(host) ? [host] : await lookups.addresses(host, client, limits.lookup, until);
  const addresses = found.map((address) => parseHost(address) ?? address);
  for (const address of addresses) {
    const reply = route.selected ? replies.notPermitted : replies.misconfigured;
    if (isOwn(listeners, address, port)) return denial("own-address", "that is this gateway itself", reply);
    const reason = route.guarded ? terms.guard(address) : null;
    if (reason !== null) return denial("not-public", reason, reply);
  }
  const { source4, source6 } = servers;
  const tls = route.tls === "tls" ? { by: terms.tls(), server: { host, port } } : null;
  return dialTcp({ addresses, port, timeout: limits.connect, source4, source6, tls }, until);
}

/** Whether a connection to this address would reach one of the gateway's own listeners. */
function isOwn(all: readonly HostPort[], to: string, port: number): boolean {
  const listeners = all.filter((listener) => listener.port === port);
  if (listeners.length === 0) return false;
  const address = unmapped(to);
  if (listeners.some(({ host }) => host === address)) return true;
  if (!listeners.some(({ host }) => host === "::" || host === "0.0.0.0")) return false;
  if (/^(?:127\.|0\.0\.0\.0$|::1?$)/.test(address)) return true;
  return Object.values(networkInterfaces()).some((own) => own?.some((one) => one.address === address));
}
