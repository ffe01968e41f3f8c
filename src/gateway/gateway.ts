/**
 * The gateway: access, TLS and the connections to servers, put together as a session needs them. A gateway is made from
 * the settings of one service and the files that they name. A reload makes a new gateway with the same memory; sessions
 * keep the gateway that they began with.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { AccessControl, Question } from "../access/admission";
import { AuthHttp } from "../access/authhttp";
import { recordClient } from "../access/clientlog";
import type { HttpAnswer } from "../access/requests";
import { Routing, type SplitLogin } from "../access/routing";
import { unthrottled } from "../access/throttle";
import type { UserMap } from "../access/usermap";
import { type HostPort, showServer } from "../base/address";
import { isWithin } from "../base/cidr";
import { inWords } from "../base/faults";
import { Abort, type Until } from "../base/until";
import type { Warning } from "../base/warning";
import type { OauthSettings } from "../config/oauthsettings";
import type { Service } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Emit } from "../log/events";
import type { Counters } from "../metrics/counters";
import { countHandshake } from "../metrics/handshakes";
import { RENEWAL_RESULTS } from "../oauth/renewals";
import type { Capabilities } from "../protocol/capability";
import { type Credentials, secretsOf } from "../protocol/credentials";
import { withoutSecrets } from "../protocol/quotation";
import { replies } from "../protocol/replies";
import { ClamdScanner } from "../scan/scanner";
import {
  type Arrival,
  type Attempt,
  type Denial,
  type Dialled,
  type DialOrigin,
  denial,
  type Needs,
  type Place,
  type Route,
  type Visitor,
} from "../session/needs";
import { serve } from "../session/serve";
import { ClientTls } from "../tls/clients";
import type { CertificateEnd } from "../tls/dates";
import { ServerTls } from "../tls/servers";
import { type DialTerms, dial, type JudgedAddress, judgedAddresses } from "../upstream/dial";
import { askedAbout, type Caller, controlOf } from "./control";
import type { Memory } from "./memory";
import { headerFor, ownPlacesFor } from "./proxying";
import { TokenLogins, type TokenOrigin } from "./tokens";

/** What is in files that the settings of a service name. */
interface NamedFiles {
  readonly map?: UserMap | null;
  readonly oauth?: OauthSettings | null;
}

/** The gateway of one service. */
export class Gateway implements Needs {
  readonly #routing: Routing;
  readonly #control: AccessControl | null;
  readonly #clientTls: ClientTls | null;
  readonly scanner: ClamdScanner | null;
  /** The user map; null: there is none. */
  readonly map: UserMap | null;
  #serverTls: ServerTls | null = null;
  /** The logins with tokens of OAuth; null: there are none. */
  readonly tokens: TokenLogins | null;
  /** Writes an event to the log, with the name of the service, if it has one. */
  readonly emit: Emit;

  /**
   * @param log writes an event to the log
   * @param trace whether the dialogue is traced
   * @param named what is in the files that the settings name
   * @throws Error in one line, with the file, if a file can't be read or used
   */
  constructor(
    readonly service: Service,
    readonly memory: Memory,
    log: Emit,
    readonly trace = false,
    { map = null, oauth = null }: NamedFiles = {},
  ) {
    const { clients, servers, name } = service;
    const { counters } = memory;
    counters?.add(service);
    const emit: Emit =
      name === undefined ? log : (event, fields, origin) => log(event, fields, { service: name, ...origin });
    this.emit = emit;
    this.tokens = oauth && new TokenLogins(oauth, memory.vault, emit);
    for (const { name: provider } of oauth?.providers ?? []) counters?.addProvider(provider, RENEWAL_RESULTS);
    this.map = map;
    this.#routing = new Routing(service, map, this.tokens);
    this.#control = controlOf(service, memory, emit);
    this.scanner = service.scan ? new ClamdScanner(service.scan, service.limits, memory, emit) : null;
    this.#clientTls = clients.certificates.length > 0 ? new ClientTls(clients) : null;
    if (this.#clientTls && counters) {
      this.#clientTls.onSocket = (tls) => countHandshake(counters.tallies.handshakes, "client", tls);
    }
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

  /** When the gateway's own certificates end. */
  get certificateEnds(): readonly CertificateEnd[] {
    return [...(this.#clientTls?.ends ?? []), ...(this.#serverTls?.ends ?? [])];
  }

  /** The files that were read; a reload reads them again. */
  get files(): readonly string[] {
    const { map, oauth, authHttp } = this.service.access;
    const keys = this.tokens?.vault.settings.providers.map(({ key }) => key) ?? [];
    const named = [map, oauth, authHttp?.headerFile, ...keys].filter((file) => file !== undefined);
    return [...(this.#clientTls?.files ?? []), ...(this.#serverTls?.files ?? []), ...named];
  }

  get counting(): Counters | null {
    return this.memory.counters;
  }

  /** Serves a client that has connected. Never rejects. */
  serve(client: Connection, arrival: Arrival): Promise<void> {
    return serve(client, this, arrival);
  }

  attempt({ clientAddress: address }: Visitor, user: string, until: Until): Attempt | Promise<Attempt | Denial> {
    const { limits } = this.service;
    if (isWithin(address, limits.exempt)) return unthrottled();
    const attempt = this.memory.throttle.attempt({ address, user }, limits, until);
    return attempt.then((one) => one ?? denial("login-delay", "too many attempts to log in wait", replies.loginDelay));
  }

  route(credentials: Credentials, { defaultServers }: Arrival): Route | Denial {
    return this.#routing.route(credentials, defaultServers);
  }

  admit(who: Caller, route: Route, until: Until): Route | Promise<Route | Denial> {
    if (!this.#control) return route;
    const decision = this.#control.admit(route, askedAbout(who), until);
    return this.counting?.admitting(this.service.access.authHttp ? "auth_http" : "acp", decision) ?? decision;
  }

  withToken(who: TokenOrigin, route: Route, until: Until, refused?: string): Route | Promise<Route | Denial> {
    return this.tokens && route.account ? this.tokens.withToken(who, route, until, refused) : route;
  }

  /** How a name is split into its parts, for the dry run of --check. */
  split(credentials: Credentials): SplitLogin {
    return this.#routing.split(credentials);
  }

  /** What access control would be asked about a login; null: there is none, or it would not be asked. */
  question(who: Caller, route: Route): Question | null {
    return this.#control?.question(route, askedAbout(who)) ?? null;
  }

  /** Asks an auth_http service without a login, for --check. @returns its answer, or why there is none; null: no service */
  async probe(): Promise<HttpAnswer | null> {
    return this.#control instanceof AuthHttp ? this.#control.probe() : null;
  }

  /**
   * The addresses of a server of a route, and whether they may be dialled. With --via and --ssh there are none.
   *
   * @throws Failure if the name can't be looked up
   */
  async judge(place: Place, route: Route, client: string): Promise<readonly JudgedAddress[]> {
    const { servers, limits } = this.service;
    if (servers.via || servers.ssh !== undefined) return [];
    const { lookups, listeners } = this.memory;
    const guard = (address: string) => this.#routing.guard(address);
    return judgedAddresses(place, route, client, { lookups, limits, listeners, guard }, new Abort());
  }

  dial(who: DialOrigin, route: Route, until: Until): Promise<Dialled | Denial> {
    const { servers, limits } = this.service;
    const { memory } = this;
    const origin = { session: who.id };
    const { counters } = memory;
    const terms: DialTerms = {
      servers,
      limits,
      lookups: memory.lookups,
      known: memory.addresses,
      listeners: ownPlacesFor(memory.listeners, who),
      header: headerFor(servers.sendProxy, who),
      guard: (address) => this.#routing.guard(address),
      tls: () => this.#tls(),
      commands: () => memory.commands,
      ssh: (host) => memory.ssh(host),
      ...(counters && {
        connected: (place, seconds) => counters.connected(who.id, place, route, seconds),
        unreached: (place, thrown) => counters.unreached(place, route, thrown),
      }),
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

  loggedIn(who: Visitor, route: Route): Promise<void> | undefined {
    const { clientAddress } = who;
    const { clientLog } = this.service.access;
    if (clientLog === undefined || clientAddress === "") return undefined;
    const server = showServer(route.host, route.port);
    return recordClient(clientLog, clientAddress, route.user, server).catch((thrown: Error) => {
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
    if (this.#serverTls) return this.#serverTls;
    const { counters } = this.memory;
    const made = new ServerTls(this.service.servers);
    if (counters) made.onSocket = (tls) => countHandshake(counters.tallies.handshakes, "server", tls);
    this.#serverTls = made;
    return made;
  }
}
