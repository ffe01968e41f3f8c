/**
 * Which server a login goes to: the server that the client selects, or the default server (the manual's section "Server
 * Selection"). The addresses of a selected name are checked after the lookup (upstream/dial.ts), and only checked
 * addresses are dialled.
 */

import {
  bracketed,
  type HostPort,
  isPublic,
  POP3_PORT,
  POP3S_PORT,
  parseHostPort,
  showHostPort,
} from "../base/address";
import type { AccessSettings, ServerSettings, Service, TlsMode } from "../config/settings";
import { type Credentials, type ProxyLogin, splitProxy, splitServer, withoutProxy } from "../protocol/credentials";
import { replies } from "../protocol/replies";
import { type Denial, denial, NO_SERVER, type Place, type Route } from "../session/needs";
import { AllowList, type ListVerdict, POP3_PORTS } from "./allowlist";

/**
 * A server as it is dialled. Without a port it is 995 for the TLS mode "tls", else 110; port 995 always has "tls".
 *
 * @param serverTls the TLS mode of --server-tls; undefined: none
 */
export function placeOf({ host, port }: HostPort, serverTls: TlsMode | undefined): Place {
  const mode = serverTls ?? "none";
  const to = port ?? (mode === "tls" ? POP3S_PORT : POP3_PORT);
  return { host, port: to, tls: to === POP3S_PORT ? "tls" : mode };
}

/** The choice of servers by the settings of one service. */
export class Routing {
  readonly #servers: ServerSettings;
  readonly #access: AccessSettings;
  readonly #list: AllowList | null;

  constructor({ servers, access }: Service) {
    this.#servers = servers;
    this.#access = access;
    this.#list = access.selection?.servers ? new AllowList(access.selection.servers) : null;
  }

  /**
   * The server for this login, or why the login is denied.
   *
   * @param defaultServers of the listener; undefined: those of the settings
   */
  route(credentials: Credentials, defaultServers = this.#servers.defaultServers): Route | Denial {
    const { user, secret, mechanism } = credentials;
    const { selection, acp, authHttp } = this.#access;
    const { name, server } = selection ? splitServer(user, selection.delimiters) : { name: user, server: null };
    const login = { ...(acp ? splitProxy(name, secret) : withoutProxy(name, secret)), mechanism };
    if (login.user === "") return denial("no-user", "no user", replies.noUser);
    if (server !== null) return this.#selected(server, login);
    const [first, ...others] = defaultServers.map((one) => placeOf(one, this.#servers.tls));
    // An auth_http service is to name a server.
    const none = authHttp && placeOf({ host: NO_SERVER, port: null }, this.#servers.tls);
    if (!first && none) return { kind: "route", ...login, ...none, others, guarded: false, selected: false };
    if (!first) return denial("no-server", "no server selected", replies.noServer);
    return { kind: "route", ...login, ...first, others, guarded: false, selected: false };
  }

  /** Why the address of a server that a client has selected may not be dialled; null if it may. */
  guard(address: string): string | null {
    if (isPublic(address) || this.#list?.lists(address)) return null;
    return `${address} is not public; -s ${bracketed(address)} would permit it`;
  }

  #selected(text: string, login: ProxyLogin & Pick<Route, "mechanism">): Route | Denial {
    const server = parseHostPort(text);
    if (!server) return { ...denial("not-a-server", "not a server", replies.notPermitted), server: text };
    const { host, port, tls } = placeOf(server, this.#servers.tls);
    const verdict = this.#verdict(host, port);
    if (verdict === "refused") {
      return { ...denial("not-listed", "not on the list", replies.notPermitted), server: showHostPort(host, port) };
    }
    return { kind: "route", ...login, host, port, tls, others: [], guarded: verdict !== "permitted", selected: true };
  }

  /** Without a list any public server may be selected, on the ports of POP3. */
  #verdict(host: string, port: number): ListVerdict {
    if (this.#list) return this.#list.verdict(host, port);
    return POP3_PORTS.has(port) ? "permitted if public or listed" : "refused";
  }
}
