/**
 * The house: puts policy and transport together as what a session asks for.
 */

import { type HostPort, showHostPort } from "./address";
import type { Config } from "./config";
import type { Connection } from "./connection";
import type { Log } from "./log";
import { Refusals } from "./policy/refusals";
import type { Capabilities } from "./protocol/capability";
import { texts } from "./protocol/response";
import { session } from "./session/session";
import type { Gateway, Login, Route, Visit } from "./session/visit";
import { dialTcp } from "./transport/tcp";

/** The port of POP3 (RFC 1939). */
const POP3_PORT = 110;

/** How long a server's answer to CAPA is believed, in milliseconds, and of how many servers it is kept. */
const CAPABILITIES_MEMORY = 60 * 60 * 1000;
const CAPABILITIES_BOUND = 1000;

export class House implements Gateway {
  /** Told of each client that has logged in. */
  onLogin: (downstream: Connection) => void = () => {};

  readonly #refusals: Refusals;
  readonly #capabilities = new Map<string, { capabilities: Capabilities; at: number }>();

  constructor(
    readonly config: Config,
    readonly log: Log,
  ) {
    this.#refusals = new Refusals(config.refusalDelay, config.refusalDelayLimit);
  }

  /** Serves a client that has connected; never rejects. */
  serve(downstream: Connection): Promise<void> {
    return session(downstream, this);
  }

  route(login: Login): Route | string {
    const { server } = this.config;
    if (!server) return texts.noServer;
    return { host: server.host, port: server.port ?? POP3_PORT, user: login.user, password: login.password };
  }

  dial(route: Route, until: AbortSignal): Promise<Connection> {
    return dialTcp(route.host, route.port, this.config.connectTimeout, until);
  }

  loggedIn(visit: Visit): void {
    this.onLogin(visit.downstream);
    this.#refusals.forget(visit.client);
  }

  refused(visit: Visit): number {
    return this.#refusals.add(visit.client);
  }

  capabilities(server: HostPort): Capabilities | undefined {
    const known = this.#capabilities.get(showHostPort(server.host, server.port ?? 0));
    return known && Date.now() - known.at < CAPABILITIES_MEMORY ? known.capabilities : undefined;
  }

  learned(server: HostPort, capabilities: Capabilities): void {
    const all = this.#capabilities;
    all.set(showHostPort(server.host, server.port ?? 0), { capabilities, at: Date.now() });
    if (all.size > CAPABILITIES_BOUND) all.delete(all.keys().next().value as string);
  }
}
