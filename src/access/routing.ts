/**
 * Which server a login goes to: the server that the client selects, that of the user map, or the default server (the
 * manual's sections "Server Selection" and "User Map"). The addresses of a selected name are checked after the lookup
 * (upstream/dial.ts), and only checked addresses are dialled.
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
import type { ServerEntry } from "../config/servers";
import type { AccessSettings, ServerAddress, ServerSettings, Service, TlsMode } from "../config/settings";
import { showEntry } from "../config/values";
import { type Credentials, type ProxyLogin, splitProxy, splitServer, withoutProxy } from "../protocol/credentials";
import { replies } from "../protocol/replies";
import { type Denial, denial, NO_SERVER, type Place, type Route } from "../session/needs";
import { AllowList, POP3_PORTS } from "./allowlist";
import { loginAt, type MapLine, type UserMap } from "./usermap";

/**
 * A server as it is dialled. Without a port it is 995 for the TLS mode "tls", else 110; port 995 always has "tls".
 *
 * @param serverTls the TLS mode of --server-tls, for a server without one of its own; undefined: none
 */
export function placeOf({ host, port, tls }: ServerAddress, serverTls: TlsMode | undefined): Place {
  const mode = tls ?? serverTls ?? "none";
  const to = port ?? (mode === "tls" ? POP3S_PORT : POP3_PORT);
  return { host, port: to, tls: to === POP3S_PORT ? "tls" : mode, ownTls: tls };
}

/** The parts of a login. */
export interface SplitLogin extends ProxyLogin {
  /** The server that the client has selected, as it was given; null: none. */
  readonly server: string | null;
}

/** The accounts that log in with tokens. */
export interface Accounts {
  /** Where an account is, and who issues its tokens; null: it is none. */
  find(name: string): { readonly provider: string; readonly server: ServerAddress; readonly because: string } | null;
}

/** A login as the client gave it. */
type Login = ProxyLogin & Pick<Route, "mechanism">;

/** The choice of servers by the settings of one service. */
export class Routing {
  readonly #servers: ServerSettings;
  readonly #access: AccessSettings;
  readonly #list: AllowList | null;
  readonly #map: UserMap | null;
  readonly #accounts: Accounts | null;

  /**
   * @param map the user map that the settings name
   * @param accounts that log in with tokens; null: none do
   */
  constructor({ servers, access }: Service, map: UserMap | null = null, accounts: Accounts | null = null) {
    this.#map = map;
    this.#accounts = accounts;
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
    // Field by field here and below: V8 takes microseconds to spread one object into another.
    const { server, proxyUser, proxyPassword, user, secret } = this.split(credentials);
    const login = { proxyUser, proxyPassword, user, secret, mechanism: credentials.mechanism };
    if (login.user === "") return denial("no-user", "no user", replies.noUser);
    const account = this.#account(credentials, login);
    if (account) return account;
    if (server !== null) return this.#selected(server, login);
    const line = this.#map?.find(login.user);
    if (line) return this.#mapped(line, login);
    const [first, ...others] = this.#places(defaultServers);
    const unmapped = this.#map ? `no line of ${this.#map.file} matches: ` : "";
    if (first) return defaultRoute(login, first, others, `${unmapped}the default server`);
    if (!this.#access.authHttp) return denial("no-server", `${unmapped}no server selected`, replies.noServer);
    const none = placeOf({ host: NO_SERVER, port: null }, this.#servers.tls);
    return defaultRoute(login, none, [], `${unmapped}the answer of access control`);
  }

  /** How a name and a password are split into their parts. */
  split(credentials: Credentials): SplitLogin {
    const { selection, delimiters, acp } = this.#access;
    const given = credentials.user;
    const { name, server } = selection ? splitServer(given, delimiters) : { name: given, server: null };
    const login = acp ? splitProxy(name, credentials.secret) : withoutProxy(name, credentials.secret);
    const { proxyUser, proxyPassword, user, secret } = login;
    return { server, proxyUser, proxyPassword, user, secret };
  }

  /**
   * The route of a login with a token. The name counts as a whole, as far as it is for the server: an address of mail is
   * no selection of a server then. null: it is another login.
   */
  #account(credentials: Credentials, login: Login): Route | null {
    if (!this.#accounts) return null;
    const { user: given, secret } = credentials;
    const user = this.#access.acp ? splitProxy(given, secret).user : given;
    const found = this.#accounts.find(user);
    if (!found) return null;
    const { provider, server, because } = found;
    const route = defaultRoute({ ...login, user }, placeOf(server, undefined), [], because);
    return { ...route, account: { name: user, provider } };
  }

  #places(servers: readonly ServerAddress[]): Place[] {
    return servers.map((one) => placeOf(one, this.#servers.tls));
  }

  /** The user map is the administrator's word: neither the list nor the check of addresses applies. */
  #mapped({ line, servers, login: template }: MapLine, login: Login): Route | Denial {
    const [first, ...others] = this.#places(servers);
    const because = `line ${line} of ${this.#map?.file}`;
    const { user: givenUser } = login;
    const user = template === undefined ? givenUser : loginAt(template, givenUser, this.#access.delimiters);
    if (user === "") return denial("no-user", `${because} gives no user name`, replies.noUser);
    const to = { ...(first as Place), others, guarded: false, selected: false, because };
    return { kind: "route", ...login, user, givenUser, ...to };
  }

  /** Why the address of a server that a client has selected may not be dialled; null if it may. */
  guard(address: string): string | null {
    if (isPublic(address) || this.#list?.lists(address)) return null;
    return `${address} is not public; -s ${bracketed(address)} would permit it`;
  }

  #selected(text: string, login: Login): Route | Denial {
    const server = parseHostPort(text);
    if (!server) return { ...denial("not-a-server", "not a server", replies.notPermitted), server: text };
    const permitted = this.#permitted(server);
    if (!permitted) {
      const { host, port } = placeOf(server, this.#servers.tls);
      const reason = this.#list?.lists(host) === false ? "not on the list" : notOnPort(host, port);
      return { ...denial("not-listed", reason, replies.notPermitted), server: showHostPort(host, port) };
    }
    return { kind: "route", ...login, ...permitted, others: [], selected: true };
  }

  /** How a selected server is dialled; null: it is not permitted. */
  #permitted(server: HostPort): (Place & Pick<Route, "guarded" | "because" | "entry">) | null {
    const { tls } = this.#servers;
    if (!this.#list) {
      // Without a list any public server may be selected, on the ports of POP3.
      const place = placeOf(server, tls);
      return POP3_PORTS.has(place.port) ? { ...place, guarded: true, because: "no list: any public server" } : null;
    }
    const placed = (entry: ServerEntry) => placeOf({ ...server, ...(entry.tls && { tls: entry.tls }) }, tls);
    const entry = this.#list.permitting(server.host, (one) => placed(one).port);
    if (!entry) return null;
    return { ...placed(entry), entry, guarded: entry.wild, because: `the entry ${showEntry(entry)} of the list` };
  }
}

/** Why a server is not permitted whose host is on the list, or needs to be on none. */
function notOnPort(host: string, port: number): string {
  return `port ${port} is not on the list; -s ${showHostPort(host, port)} would permit it`;
}

/** The route of most logins. */
function defaultRoute(
  login: Login,
  { host, port, tls, ownTls }: Place,
  others: readonly Place[],
  because: string,
): Route {
  const { proxyUser, proxyPassword, user, secret, mechanism } = login;
  return {
    kind: "route",
    proxyUser,
    proxyPassword,
    user,
    secret,
    mechanism,
    host,
    port,
    tls,
    ownTls,
    others,
    guarded: false,
    selected: false,
    because,
  };
}
