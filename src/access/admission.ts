/**
 * Access control, whoever decides: a program (acp.ts), or an HTTP service (authhttp.ts). Routing, throttle and log do not
 * know which it is.
 */

import { type HostPort, POP3S_PORT } from "../base/address";
import type { TlsMode } from "../config/settings";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { TlsFacts } from "../protocol/proxytlv";
import type { Denial, Route } from "../session/needs";

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

/** Decides about logins. */
export interface AccessControl {
  /**
   * Asks about a login.
   *
   * @param until gives up, with its reason
   * @returns the route with the answer, or why the login is denied
   * @throws the reason of `until`
   */
  admit(route: Route, about: AccessRequest, until: AbortSignal): Promise<Route | Denial>;
}

/** A server that access control has named; undefined: what the client asked for stays. */
interface NamedServer {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/**
 * The route to the server that access control has named. It is the administrator's word: the allow list and the check of
 * addresses do not apply.
 *
 * @param otherwise the TLS mode for a port that is named, unless that is 995
 */
export function routeTo(route: Route, { host, port }: NamedServer, otherwise: TlsMode): Route {
  if (host === undefined && port === undefined) return route;
  return {
    ...route,
    others: [],
    ...(host !== undefined && { host, guarded: false, selected: false }),
    ...(port !== undefined && { port, tls: port === POP3S_PORT ? "tls" : otherwise }),
  };
}
