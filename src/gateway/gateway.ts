/**
 * The gateway: puts policy and transport together as what a session asks for. What the greeting does not need is loaded
 * at its first use: under inetd, where each session is a process, that is half of the time to the greeting.
 */

import type { Acp } from "../access/acp";
import { Routing } from "../access/routing";
import { Throttle } from "../access/throttle";
import { type HostPort, isAddress, isPublic, POP3_PORT, parseHost, showHostPort, unmapped } from "../base/address";
import { now } from "../base/clock";
import { type Config, maySpeakTls, type TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Log } from "../log/line";
import type { Capabilities } from "../protocol/capability";
import { texts } from "../protocol/response";
import { session } from "../session/serve";
import type { Credentials, Denial, Needs, Route, Session } from "../session/session";
import type { Certificates } from "../tls/clients";
import type { ServerTls } from "../tls/servers";
import type { Lookups, Resolve } from "../upstream/lookup";

/** How long a server's answer to CAPA is believed, in milliseconds, and of how many servers it is kept. */
const CAPABILITIES_MEMORY = 60 * 60 * 1000;
const CAPABILITIES_BOUND = 1000;

/** How long a client's handshake may take, in milliseconds, within the time for its login. */
const HANDSHAKE = 30_000;

export class Gateway implements Needs {
  /** Told of each client that has logged in. */
  onLogin: (downstream: Connection) => void = () => {};
  /** Where this gateway itself listens. */
  listeners: readonly HostPort[] = [];

  readonly #routing: Routing;
  #access: Acp | null = null;
  #lookups: Lookups | null = null;
  readonly #throttle: Throttle;
  readonly #certificates: Certificates | null;
  #serverTls: ServerTls | null = null;
  readonly #capabilities = new Map<string, { capabilities: Capabilities; at: number }>();

  /** @throws Error in one line if a list can't be understood, or a file can't be read or used */
  constructor(
    readonly config: Config,
    readonly log: Log,
    private readonly resolve?: Resolve,
  ) {
    this.#routing = new Routing(config);
    this.#throttle = new Throttle(config.refusalDelay, config.refusalDelayLimit);
    this.#certificates = config.certificates.length > 0 ? openCertificates(config) : null;
    const { serverTls, serverCa, serverCert } = config;
    if ((serverTls ?? "none") !== "none" || serverCa !== null || serverCert !== null) this.#tls();
  }

  /** What is worth a warning at the start. */
  get warnings(): readonly string[] {
    return this.#certificates?.warnings ?? [];
  }

  /** The files that `reload` reads. */
  get reloaded(): readonly string[] {
    return this.#certificates?.files ?? [];
  }

  /** Reads the certificates for clients again. @throws Error in one line if they can't be used; the old ones stay */
  reload(): void {
    this.#certificates?.reload();
  }

  /**
   * Loads what sessions load at their first need, while that surely can be: a process without a free descriptor reads
   * no file, and Node may not try again. For processes that serve more than one client.
   */
  prepare(): void {
    isPublic("192.0.2.1");
    require("../session/login");
    require("../upstream/lookup");
    require("../upstream/tcp");
    if (this.config.acp) require("../access/acp");
    if (this.config.clientLog !== null) require("../access/clientlog");
    if (maySpeakTls(this.config)) require("../tls/servers");
  }

  /** Serves a client that has connected; never rejects. */
  serve(downstream: Connection, tls: TlsMode = "none"): Promise<void> {
    return session(downstream, this, tls);
  }

  /** Ends what still runs on behalf of sessions. */
  close(): void {
    this.#access?.close();
  }

  route(login: Credentials): Route | Denial {
    return this.#routing.route(login);
  }

  async admit(session: Session, route: Route, until: AbortSignal): Promise<Route | Denial> {
    const { acp } = this.config;
    if (!acp) return route;
    const { local, peer } = session.downstream;
    const about = { interface: { host: local.address, port: local.port }, client: peer.address, session: session.id };
    const { Acp: Loaded } = require("../access/acp") as typeof import("../access/acp.js");
    this.#access ??= new Loaded(this.config, this.log);
    return this.#access.admit(acp, route, about, until);
  }

  async dial(session: Session, route: Route, until: AbortSignal): Promise<Connection | Denial> {
    const { host, port } = route;
    const found = isAddress(host) ? [host] : await this.#lookUp(host, session.client, until);
    const addresses = found.map((address) => parseHost(address) ?? address);
    for (const address of addresses) {
      const reason = this.#isOwn(address, port) ? "that is this gateway itself" : this.#guard(route, address);
      if (reason) return { reply: route.selected ? texts.notPermitted : texts.misconfigured, reason };
    }
    const { connectTimeout: timeout, source4, source6 } = this.config;
    const tls = route.tls === "tls" ? { by: this.#tls(), server: { host, port } } : null;
    const { dialTcp } = require("../upstream/tcp") as typeof import("../upstream/tcp.js");
    return dialTcp({ addresses, port, timeout, source4, source6, tls }, until);
  }

  async secureClient(downstream: Connection): Promise<void> {
    const certificates = this.#certificates as Certificates;
    const { deadline } = downstream;
    downstream.deadline = Math.min(deadline, now() + HANDSHAKE);
    await downstream.startTls((raw) => certificates.over(raw));
    downstream.deadline = deadline;
  }

  async secureServer(upstream: Connection, { host, port }: Route): Promise<void> {
    const tls = this.#tls();
    await upstream.startTls((raw) => tls.over(raw, { host, port }));
  }

  async loggedIn(session: Session, route: Route): Promise<void> {
    this.onLogin(session.downstream);
    this.#throttle.forget(session.client);
    const { clientLog } = this.config;
    if (clientLog === null || session.client === "") return;
    const server = route.port === POP3_PORT ? route.host : showHostPort(route.host, route.port);
    const { recordClient } = require("../access/clientlog") as typeof import("../access/clientlog.js");
    await recordClient(clientLog, session.client, route.user, server).catch((thrown: Error) =>
      session.log("err", "client-log", { reason: thrown.message }),
    );
  }

  refused(session: Session): number {
    return this.#throttle.add(session.client);
  }

  capabilities(server: HostPort): Capabilities | undefined {
    const known = this.#capabilities.get(showHostPort(server.host, server.port ?? POP3_PORT));
    return known && Date.now() - known.at < CAPABILITIES_MEMORY ? known.capabilities : undefined;
  }

  learned(server: HostPort, capabilities: Capabilities): void {
    const all = this.#capabilities;
    all.set(showHostPort(server.host, server.port ?? POP3_PORT), { capabilities, at: Date.now() });
    if (all.size > CAPABILITIES_BOUND) all.delete(all.keys().next().value as string);
  }

  #tls(): ServerTls {
    const { ServerTls: Loaded } = require("../tls/servers") as typeof import("../tls/servers.js");
    this.#serverTls ??= new Loaded(this.config);
    return this.#serverTls;
  }

  #guard(route: Route, address: string): string | null {
    return route.guarded ? this.#routing.guard(address) : null;
  }

  #lookUp(host: string, client: string, until: AbortSignal): Promise<readonly string[]> {
    const { Lookups: Loaded, systemResolve } = require("../upstream/lookup") as typeof import("../upstream/lookup.js");
    this.#lookups ??= new Loaded(this.resolve ?? systemResolve, this.config.lookupTimeout);
    return this.#lookups.addresses(host, client, until);
  }

  /** Whether a connection to this address would come back to us. */
  #isOwn(to: string, port: number): boolean {
    const listeners = this.listeners.filter((listener) => listener.port === port);
    if (listeners.length === 0) return false;
    const address = unmapped(to);
    if (listeners.some(({ host }) => host === address)) return true;
    if (!listeners.some(({ host }) => host === "::" || host === "0.0.0.0")) return false;
    if (/^(?:127\.|0\.0\.0\.0$|::1?$)/.test(address)) return true;
    const { networkInterfaces } = require("node:os") as typeof import("node:os");
    return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
  }
}

/** Loaded only where it is used, as all that has to do with TLS: node:tls costs some milliseconds. */
function openCertificates(config: Config): Certificates {
  const { Certificates: Loaded } = require("../tls/clients") as typeof import("../tls/clients.js");
  return new Loaded(config);
}
