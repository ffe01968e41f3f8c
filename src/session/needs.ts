/**
 * The interface between a session and the gateway, and its types. session/ has no policy and no network of its own:
 * gateway/gateway.ts provides them.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { HostPort } from "../base/address";
import type { Until } from "../base/until";
import type { ServerEntry } from "../config/servers";
import type { ServerAddress, Service, TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Emit } from "../log/events";
import type { Capabilities } from "../protocol/capability";
import type { Command } from "../protocol/command";
import type { Credentials, Mechanism, ProxyLogin } from "../protocol/credentials";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { Scanner } from "./scans";

/** A server as it is dialled. */
export interface Place {
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** How TLS comes into the connection to the server. */
  readonly tls: TlsMode;
  /** The TLS mode that is written behind the server; undefined: none is. */
  readonly ownTls?: TlsMode | undefined;
}

/** The server and the credentials of a login; `user` and `secret` are those for the server. */
export interface Route extends Place, ProxyLogin {
  readonly kind: "route";
  /** The user that the client has given, if the user map has replaced it. */
  readonly givenUser?: string;
  /** The mechanism that the client has used; absent: USER and PASS. */
  readonly mechanism?: Mechanism | undefined;
  /** The servers that are tried, in this order, when this one does not answer. */
  readonly others: readonly Place[];
  /** Whether the client has selected the server. */
  readonly selected: boolean;
  /** Whether only addresses that are public, or on the allow list, may be dialled. */
  readonly guarded: boolean;
  /** What has chosen the server, in words, for the dry run of --check. */
  readonly because: string;
  /** The entry of the list that permits the server that the client has asked for; absent: none was needed. */
  readonly entry?: ServerEntry | undefined;
  /** The account whose access token opens the server; absent: the client's own secret does. */
  readonly account?: TokenAccount;
  /** How the login is said to the server; absent: as the client has said it, or as the server's CAPA has it. */
  readonly way?: Mechanism;
}

/** An account whose tokens the gateway gets from a provider (the manual's section "OAuth"). */
interface TokenAccount {
  readonly name: string;
  /** The name of its provider. */
  readonly provider: string;
  /** Whether the token of the route was issued for this login. */
  readonly issued?: boolean;
}

/** The host of a route without a server: access control is to name one. No host has this name. */
export const NO_SERVER = "-";

/** The codes of denials, which do not change: `code=` of the log. The manual's section "Codes" has a line for each. */
export const DENIAL_CODES = [
  "acp-answer",
  "acp-denied",
  "acp-failed",
  "login-delay",
  "no-mechanism",
  "no-server",
  "no-user",
  "not-a-server",
  "not-listed",
  "not-public",
  "not-utf8",
  "oauth-expired",
  "oauth-password",
  "oauth-provider",
  "oauth-store",
  "oauth-unauthorized",
  "own-address",
  "server-denied",
] as const;

/** A refused login. */
export interface Denial {
  readonly kind: "denial";
  readonly code: (typeof DENIAL_CODES)[number];
  /** The reason in words, for the log. */
  readonly reason: string;
  /** The status line for the client. */
  readonly reply: string;
  /** The server that the client asked for, if there is no route. */
  readonly server?: string;
  /** The shortest time that the reply is held back, in milliseconds; absent: the throttle's word alone counts. */
  readonly wait?: number;
  /** Whether the client is not to blame: it gets the reply at once, and the throttle does not count the denial. */
  readonly temporary?: boolean;
}

/** Makes a Denial; the parameters are its fields. */
export function denial(code: Denial["code"], reason: string, reply: string): Denial {
  return { kind: "denial", code, reason, reply };
}

/** An attempt to log in that may go on. It ends with the first call of one of its functions. */
export interface Attempt {
  readonly kind: "attempt";
  /** Whether the access control program or the server has the credentials and has not decided yet. */
  judging: boolean;
  /**
   * Counts a refusal.
   *
   * @param least the shortest delay that may begin with it, in milliseconds
   * @returns how long its answer is to be held back, in milliseconds
   */
  refused(least?: number): number;
  /** Forgets earlier refusals. */
  succeeded(): void;
  /**
   * Ends the attempt without a decision; does nothing if it has ended.
   *
   * @param left whether the client has left: then it counts as refused if a decision was due, so that a client that
   * guesses gains nothing if it leaves early
   */
  over(left: boolean): void;
}

/** A session, as the gateway sees it. */
export interface Visitor {
  /** The session's id in the log. */
  readonly id: string;
  readonly client: Connection;
  /** The client's address; "" where there is no network. */
  readonly clientAddress: string;
  /** How the client has connected. */
  readonly arrival: Arrival;
}

/** A session, as it is counted and shown by --metrics. */
export interface CountedSession extends Visitor {
  /** When it began, by the clock of clock.ts. */
  readonly began: number;
  readonly needs: Pick<Needs, "service">;
  readonly route: Route | null;
  /** TLS between the client and the gateway: its version; "": none. */
  readonly clientTls: string;
  readonly retrieved: number;
  readonly deleted: number;
  /** The multi-line response that is on its way, by its command; null: none that takes time. */
  readonly underWay: Command | null;
}

/** Counts what sessions do, for --metrics. */
export interface Counting {
  began(session: CountedSession): void;
  /** The client has given its credentials. */
  attempts(session: CountedSession): void;
  /** A client has given a permitted command. */
  command(verb: string): void;
  ended(session: CountedSession): void;
}

/** Who wants a connection to a server; without a client, nobody does but --check. */
export type DialOrigin = Pick<Visitor, "id" | "clientAddress"> & Partial<Pick<Visitor, "client" | "arrival">>;

/** What a session needs of the gateway. */
export interface Needs {
  readonly service: Service;
  /** Whether the dialogue is traced. */
  readonly trace: boolean;
  readonly emit: Emit;
  /** Scans the mails; null: nobody does. */
  readonly scanner: Scanner | null;
  /** Absent or null: nobody counts. */
  readonly counting?: Counting | null;
  /**
   * Waits until this client may attempt to log in as this user: refused logins delay further ones.
   *
   * @param user as the client gave it
   * @param until gives up, with its reason
   * @throws the reason of `until`
   */
  attempt(who: Visitor, user: string, until: Until): Attempt | Promise<Attempt | Denial>;
  /** The server for this login, or why the login is denied. @param arrival how the client has connected */
  route(credentials: Credentials, arrival: Arrival): Route | Denial;
  /**
   * Asks the acp, if there is one.
   *
   * @param until gives up, with its reason
   * @returns the route, which the acp may have changed, or why the login is denied
   * @throws the reason of `until`, or a Failure
   */
  admit(who: Visitor, route: Route, until: Until): Route | Promise<Route | Denial>;
  /**
   * Gets the access token of a route's account.
   *
   * @param until gives up, with its reason
   * @param refused an access token that the server has refused
   * @returns the route with the token as its secret, and as it is if it has no account, or its secret is a token; or
   *   why the login is denied
   * @throws the reason of `until`
   */
  withToken(who: Visitor, route: Route, until: Until, refused?: string): Route | Promise<Route | Denial>;
  /**
   * Connects to the server of a route, or to one of the others.
   *
   * @param until gives up, with its reason
   * @throws the reason of `until`, or a Failure
   */
  dial(who: DialOrigin, route: Route, until: Until): Promise<Dialled | Denial>;
  /** TLS over the stream of a client. */
  clientTls(raw: Duplex): TLSSocket;
  /** TLS over the stream of a server; verifies the server. */
  serverTls(raw: Duplex, route: Route): TLSSocket;
  /** Records a successful login. @returns a promise if the client has to wait for that; it never rejects */
  loggedIn(who: Visitor, route: Route): Promise<void> | undefined;
  /** Whether the server has listed PIPELINING in an answer to CAPA within the last hour. */
  pipelines(server: HostPort): boolean;
  /** Learns from an answer of the server to CAPA. */
  learned(server: HostPort, capabilities: Capabilities): void;
}

/** A server that was reached. */
export interface Dialled {
  readonly kind: "dialled";
  readonly server: Connection;
  /** Which of the servers of the route it is. */
  readonly place: Place;
}

/** How a client has connected. */
export interface Arrival {
  /** How TLS comes into the client's connection. */
  readonly tls: TlsMode;
  /** The default servers of the listener; absent: those of all listeners. */
  readonly defaultServers?: readonly ServerAddress[] | undefined;
  /** What a PROXY header has said; absent: there was none. The connection has its addresses. */
  readonly header?: ProxyHeader | undefined;
  /** Called when the client has logged in. */
  readonly onLogin?: () => void;
}
