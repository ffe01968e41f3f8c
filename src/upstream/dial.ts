/**
 * From a route to a connection: the lookup of the server's name, the check of every address, and a connection to the very
 * addresses that were checked. The gateway never connects to itself.
 */

import { isAddress, parseHost } from "../base/address";
import type { Limits, ServerSettings } from "../config/settings";
import type { Connection } from "../connection/connection";
import { replies } from "../protocol/replies";
import { type Denial, denial, type Route } from "../session/needs";
import type { ServerTls } from "../tls/servers";
import type { KnownAddresses } from "./addresses";
import type { Lookups } from "./lookup";
import { isOwn, type OwnPlace } from "./own";
import { dialTcp } from "./tcp";

/** What dialling rests on. */
export interface DialTerms {
  readonly servers: ServerSettings;
  readonly limits: Limits;
  readonly lookups: Lookups;
  readonly known: KnownAddresses;
  /** Where this gateway itself listens. */
  readonly listeners: readonly OwnPlace[];
  /** Why an address may not be dialled on a client's word; null if it may. */
  guard(address: string): string | null;
  /** TLS to servers, made when it is needed. */
  tls(): ServerTls;
}

/**
 * Connects to the server of a route.
 *
 * @param client the address on whose behalf the name is looked up
 * @param until gives up, with its reason
 * @throws the reason of `until`, or a Failure
 */
export async function dial(
  { host, port, ...route }: Route,
  client: string,
  terms: DialTerms,
  until: AbortSignal,
): Promise<Connection | Denial> {
  const { lookups, known, limits, servers, listeners } = terms;
  const wanted = { host, client, chosen: route.selected };
  const found = isAddress(host) ? [host] : await lookups.addresses(wanted, limits.lookup, until);
  const addresses = found.map((address) => parseHost(address) ?? address);
  for (const address of addresses) {
    const reply = route.selected ? replies.notPermitted : replies.misconfigured;
    if (await isOwn(listeners, address, port)) return denial("own-address", "that is this gateway itself", reply);
    const reason = route.guarded ? terms.guard(address) : null;
    if (reason !== null) return denial("not-public", reason, reply);
  }
  const { source4, source6 } = servers;
  const tls = route.tls === "tls" ? { by: terms.tls(), server: { host, port } } : null;
  return dialTcp({ addresses, port, timeout: limits.server, source4, source6, tls, known }, until);
}
