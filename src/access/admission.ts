/**
 * Access control, whoever decides: a program (acp.ts), or an HTTP service (authhttp.ts). Routing, throttle and log do not
 * know which it is.
 */

import type { HostPort } from "../base/address";
import type { Until } from "../base/until";
import type { TlsMode } from "../config/settings";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { TlsFacts } from "../protocol/proxytlv";
import type { Denial, Place, Route } from "../session/needs";
import { POP3_PORTS } from "./allowlist";
import { placeOf } from "./routing";

/** What access control gets besides the route. */
export interface AccessRequest {
  /** The address and port that the client has connected to; "" and 0 where there is no network. */
  readonly interface: HostPort;
  /** The client's address; "" where there is no network. */
  readonly client: string;
  /** The client's port; 0 where there is no network. */
  readonly clientPort?: number;
  /** TLS of the client; null: it speaks none. */
  readonly tls?: TlsFacts | null;
  /** The PROXY header of the connection; absent: there was none. */
  readonly header?: ProxyHeader | undefined;
  /** The session's id. */
  readonly session: string;
}

/** What access control would be asked. */
export interface Question {
  /** The program, or the service's URL. */
  readonly who: string;
  /** What it gets, by name; latin1. */
  readonly parts: Readonly<Record<string, string>>;
  /** The names of those that nobody else may see. */
  readonly secrets: readonly string[];
}

/** Decides about logins. */
export interface AccessControl {
  /** What would be asked about a login; null: nothing, since such a login is denied without a question. */
  question(route: Route, about: AccessRequest): Question | null;
  /**
   * Asks about a login.
   *
   * @param until gives up, with its reason
   * @returns the route with the answer, or why the login is denied
   * @throws the reason of `until`
   */
  admit(route: Route, about: AccessRequest, until: Until): Promise<Route | Denial>;
}

/** A server that access control has named; undefined: what the client asked for stays. */
interface NamedServer {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly tls?: TlsMode | undefined;
}

/**
 * The route to the server that access control has named. It is the administrator's word: the allow list and the check of
 * addresses do not apply.
 *
 * @param otherwise the TLS mode of --server-tls
 * @param because who has named it
 */
export function routeTo(route: Route, named: NamedServer, otherwise: TlsMode, because: string): Route {
  const { host, port, tls } = named;
  if (host === undefined && port === undefined && tls === undefined) return route;
  const chosen = host === undefined ? {} : { guarded: false, selected: false };
  return { ...route, ...chosen, ...placeNamed(route, named, otherwise), others: [], because };
}

/**
 * What is not named stays; but a mode has its own port, unless the port is one that an administrator has chosen. A port
 * alone is one of the same server, which keeps a mode of its own.
 */
function placeNamed(route: Route, { host, port, tls }: NamedServer, otherwise: TlsMode): Place {
  const to = host ?? route.host;
  if (port === undefined && tls === undefined) {
    return { host: to, port: route.port, tls: route.tls, ownTls: route.ownTls };
  }
  const kept = tls !== undefined && POP3_PORTS.has(route.port) ? null : route.port;
  const mode = tls ?? (host === undefined ? route.ownTls : undefined);
  return placeOf({ host: to, port: port ?? kept, ...(mode && { tls: mode }) }, otherwise);
}
