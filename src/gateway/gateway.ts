/**
 * The gateway: access, TLS and the connections to servers, put together as a session needs them. A gateway is made from
 * the settings of one service and the files that they name. A reload makes a new gateway with the same memory; sessions
 * keep the gateway that they began with.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { Acp } from "../access/acp";
import type { AccessControl } from "../access/admission";
import { AuthHttp } from "../access/authhttp";
import { recordClient } from "../access/clientlog";
import { Routing } from "../access/routing";
import { unthrottled } from "../access/throttle";
import { type HostPort, showServer } from "../base/address";
import { isWithin } from "../base/cidr";
import { inWords } from "../base/faults";
import type { Warning } from "../base/warning";
import type { Service } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Emit } from "../log/events";
import type { Capabilities } from "../protocol/capability";
import { type Credentials, secretsOf } from "../protocol/credentials";
import { withoutSecrets } from "../protocol/quotation";
import { replies } from "../protocol/replies";
import { ClamdScanner } from "../scan/scanner";
import { tlsOfClient } from "../session/clienttls";
import {
  type Arrival,
  type Attempt,
  type Denial,
  type Dialled,
  type DialOrigin,
  denial,
  type Needs,
  type Route,
  type Visitor,
} from "../session/needs";
import { serve } from "../session/serve";
import { ClientTls } from "../tls/clients";
import { ServerTls } from "../tls/servers";
import { type DialTerms, dial } from "../upstream/dial";
import type { Memory } from "./memory";
import { headerFor, ownPlaces } from "./proxying";

/** The gateway of one service. */
export class Gateway implements Needs {
  readonly #routing: Routing;
  readonly #acp: AccessControl | null;
  readonly #clientTls: ClientTls | null;
  readonly scanner: ClamdScanner | null;
  #serverTls: ServerTls | null = null;

  /**
   * @param trace whether the dialogue is traced
   * @throws Error in one line, with the file, if a file can't be read or used
   */
  constructor(
    readonly service: Service,
    readonly memory: Memory,
    readonly emit: Emit,
    readonly trace = false,
  ) {
    const { clients, servers } = service;
    this.#routing = new Routing(service);
    this.#acp = controlOf(service, memory, emit);
    this.scanner = service.scan ? new ClamdScanner(service.scan, service.limits, memory, emit) : null;
    this.#clientTls = clients.certificates.length > 0 ? new ClientTls(clients) : null;
    // Files that the settings name are read now, before root is dropped.
    if ((servers.tls ?? "none") !== "none" || servers.ca !== undefined || servers.certificate) this.#tls();
  }

  /** A text for each certificate for clients: its file, its names, and its last day. */
  get certificates(): readonly string[] {
    return this.#clientTls?.names ?? [];
  }

  /** The warnings for the start. */
  get warnings(): readonly Warning[] {
    return [...(this.#clientTls?.warnings ?? []), ...(this.#serverTls?.warnings ?? [])];
  }

  /** The files that were read; a reload reads them again. */
  get files(): readonly string[] {
    return [...(this.#clientTls?.files ?? []), ...(this.#serverTls?.files ?? [])];
  }

  /** Serves a client that has connected. Never rejects. */
  serve(client: Connection, arrival: Arrival): Promise<void> {
    return serve(client, this, arrival);
  }

  async attempt({ clientAddress: address }: Visitor, user: string, until: AbortSignal): Promise<Attempt | Denial> {
    const { limits } = this.service;
    if (isWithin(address, limits.exempt)) return unthrottled();
    const attempt = await this.memory.throttle.attempt({ address, user }, limits, until);
    return attempt ?? denial("login-delay", "too many attempts to log in wait", replies.loginDelay);
  }

  route(credentials: Credentials, { defaultServers }: Arrival): Route | Denial {
    return this.#routing.route(credentials, defaultServers);
  }

  async admit(who: Visitor, route: Route, until: AbortSignal): Promise<Route | Denial> {
    if (!this.#acp) return route;
    const { client, arrival } = who;
    const { address: host, port } = client.local;
    const about = {
      interface: { host, port },
      client: who.clientAddress,
      clientPort: client.peer.port,
      tls: tlsOfClient(client, arrival),
      header: arrival.header,
      session: who.id,
    };
    return this.#acp.admit(route, about, until);
  }

  dial(who: DialOrigin, route: Route, until: AbortSignal): Promise<Dialled | Denial> {
    const { servers, limits } = this.service;
    const { memory } = this;
    const origin = { session: who.id };
    const terms: DialTerms = {
      servers,
      limits,
      lookups: memory.lookups,
      known: memory.addresses,
      listeners: ownPlaces(memory.listeners, who),
      header: headerFor(servers.sendProxy, who),
      guard: (address) => this.#routing.guard(address),
      tls: () => this.#tls(),
      commands: () => memory.commands,
      ssh: (host) => memory.ssh(host),
      // A command may tell the dialogue, as `socat -v` does.
      said: (line) => this.emit("viaSaid", { said: withoutSecrets(line, secretsOf(route)) }, origin),
      ended: (status) => this.emit("viaEnded", { status }, origin),
    };
    return dial(route, who.clientAddress, terms, until);
  }

  clientTls(raw: Duplex): TLSSocket {
    return (this.#clientTls as ClientTls).over(raw);
  }

  serverTls(raw: Duplex, { host, port }: Route): TLSSocket {
    return this.#tls().over(raw, { host, port });
  }

  async loggedIn(who: Visitor, route: Route): Promise<void> {
    const { clientAddress } = who;
    const { clientLog } = this.service.access;
    if (clientLog === undefined || clientAddress === "") return;
    const server = showServer(route.host, route.port);
    await recordClient(clientLog, clientAddress, route.user, server).catch((thrown: Error) => {
      const origin = { session: who.id, client: clientAddress };
      this.emit("clientLogFailed", { code: "client-log", reason: inWords(thrown) }, origin);
    });
  }

  pipelines(server: HostPort): boolean {
    return this.memory.pipelines(server);
  }

  learned(server: HostPort, capabilities: Capabilities): void {
    this.memory.learned(server, capabilities);
  }

  #tls(): ServerTls {
    this.#serverTls ??= new ServerTls(this.service.servers);
    return this.#serverTls;
  }
}

/** Who decides about logins; null: nobody. */
function controlOf({ access, servers }: Service, memory: Memory, emit: Emit): AccessControl | null {
  const otherwise = servers.tls ?? "none";
  if (access.authHttp) return new AuthHttp(access.authHttp, otherwise, memory, emit);
  return access.acp ? new Acp(access.acp, otherwise, memory, emit) : null;
}
