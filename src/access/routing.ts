/**
 * Where a login may go: the server that the client selects, or the default server (SPEC section 4). The addresses that
 * a selected name stands for are checked later, when they are known, and those very addresses are dialled.
 */

import { type HostPort, isPublic, POP3_PORT, POP3S_PORT, parseHostPort, showHostPort } from "../base/address";
import { parseServers } from "../config/servers";
import type { Config, TlsMode } from "../config/settings";
import { type ProxyLogin, splitProxy, splitServer } from "../protocol/credentials";
import { texts } from "../protocol/response";
import type { Credentials, Denial, Route } from "../session/session";
import { AllowList, type ListVerdict, POP3_PORTS } from "./allowlist";

/** A server as it is dialled: the port that is meant if none is given, and TLS as it goes with it. */
export function placeOf(
  { host, port }: HostPort,
  serverTls: TlsMode | null,
): { host: string; port: number; tls: TlsMode } {
  const mode = serverTls ?? "none";
  const to = port ?? (mode === "tls" ? POP3S_PORT : POP3_PORT);
  return { host, port: to, tls: to === POP3S_PORT ? "tls" : mode };
}

export class Routing {
  readonly #config: Config;
  readonly #list: AllowList | null;

  /** @throws Error if the list of servers can't be understood */
  constructor(config: Config) {
    this.#config = config;
    this.#list = config.servers === null ? null : new AllowList(parseServers(config.servers));
  }

  /** The server for this login, or why there is none. */
  route(login: Credentials): Route | Denial {
    const { select, delimiters, acp, server } = this.#config;
    const chosen = select ? splitServer(login.user, delimiters) : { name: login.user, server: null };
    const parts: ProxyLogin = acp
      ? splitProxy(chosen.name, login.password)
      : { proxyUser: "", proxyPassword: "", user: chosen.name, password: login.password };
    if (parts.user === "") return { reply: texts.noUser, reason: "no user" };
    if (chosen.server !== null) return this.#selected(chosen.server, parts);
    if (!server) return { reply: texts.noServer, reason: "no server selected" };
    return { ...parts, ...placeOf(server, this.#config.serverTls), guarded: false, selected: false };
  }

  /** Why an address may not be dialled on a client's word; null if it may. */
  guard(address: string): string | null {
    if (isPublic(address) || this.#list?.lists(address)) return null;
    const entry = address.includes(":") ? `[${address}]` : address;
    return `${address} is not public; -s ${entry} would permit it`;
  }

  #selected(text: string, parts: ProxyLogin): Route | Denial {
    const server = parseHostPort(text);
    if (!server) return { reply: texts.notPermitted, reason: "not a server", server: text };
    const { port, tls } = placeOf(server, this.#config.serverTls);
    const answer = this.#answer(server, port);
    if (answer === "refused") {
      return { reply: texts.notPermitted, reason: "not on the list", server: showHostPort(server.host, port) };
    }
    return { ...parts, host: server.host, port, tls, guarded: answer !== "permitted", selected: true };
  }

  /** Without a list any public server may be selected, on the ports of POP3. */
  #answer({ host }: HostPort, port: number): ListVerdict {
    if (this.#list) return this.#list.verdict(host, port);
    return POP3_PORTS.has(port) ? "permitted if public or listed" : "refused";
  }
}
