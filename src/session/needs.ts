/**
 * What a session asks of the gateway around it, and the terms in which both speak. session/ knows no policy and no
 * network: gateway/gateway.ts provides these.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { HostPort } from "../base/address";
import type { Service, TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Emit } from "../log/events";
import type { Capabilities } from "../protocol/capability";
import type { Credentials } from "../protocol/credentials";

/** Where a login goes. */
export interface Route {
  readonly kind: "route";
  readonly host: string;
  readonly port: number;
  /** The user and the password for the server. */
  readonly user: string;
  readonly password: string;
  /** Those for the gateway itself; "" if there are none. */
  readonly proxyUser: string;
  readonly proxyPassword: string;
  /** How TLS comes into the connection to the server. */
  readonly tls: TlsMode;
  /** Whether the client has chosen the server. */
  readonly selected: boolean;
  /** Whether only public addresses, or those on the list, may be dialled. */
  readonly guarded: boolean;
}

/** Why a login was denied, in stable words: `code=` of the log. Each has its line in the manual's section "Codes". */
export const DENIAL_CODES = [
  "acp-answer",
  "acp-denied",
  "acp-failed",
  "login-delay",
  "no-server",
  "no-user",
  "not-a-server",
  "not-listed",
  "not-public",
  "not-utf8",
  "own-address",
  "server-denied",
] as const;

/** A login that goes nowhere. */
export interface Denial {
  readonly kind: "denial";
  readonly code: (typeof DENIAL_CODES)[number];
  /** In words, for the log. */
  readonly reason: string;
  /** The status line for the client. */
  readonly reply: string;
  /** What was asked for, if there is no route to tell it. */
  readonly server?: string;
  /** It says nothing against the client: the client hears it at once, and it does not count as a refused login. */
  readonly temporary?: boolean;
}

/** A denial. @param code as in `Denial` @param reason as in `Denial` @param reply as in `Denial` */
export function denial(code: Denial["code"], reason: string, reply: string): Denial {
  return { kind: "denial", code, reason, reply };
}

/** An attempt to log in that may go on. It ends with the first call of one of its functions. */
export interface Attempt {
  readonly kind: "attempt";
  /** Whether the access control program or the server has the credentials and has not decided yet. */
  judging: boolean;
  /** Counts a refusal. @returns how long its answer is to be held back, in milliseconds */
  refused(): number;
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

/** What the gateway may know of a session. */
export interface Visitor {
  readonly id: string;
  readonly client: Connection;
  /** The client's address. */
  readonly clientAddress: string;
}

export interface Needs {
  readonly service: Service;
  /** Whether the dialogue is traced. */
  readonly trace: boolean;
  readonly emit: Emit;
  /**
   * Waits until this client may attempt to log in as this user: refused logins delay further ones.
   *
   * @param user as the client gave it
   * @param until gives up, with its reason
   * @throws the reason of `until`
   */
  attempt(who: Visitor, user: string, until: AbortSignal): Promise<Attempt | Denial>;
  /** The server for this login, or why there is none. */
  route(credentials: Credentials): Route | Denial;
  /**
   * Whether the login may go there; perhaps it is to go elsewhere.
   *
   * @param until gives up, with its reason
   * @throws the reason of `until`, or a Failure
   */
  admit(who: Visitor, route: Route, until: AbortSignal): Promise<Route | Denial>;
  /** Connects to a server. @param until gives up, with its reason @throws the reason of `until`, or a Failure */
  dial(who: Visitor, route: Route, until: AbortSignal): Promise<Connection | Denial>;
  /** TLS over the stream of a client. */
  clientTls(raw: Duplex): TLSSocket;
  /** TLS over the stream of a server, which verifies it. */
  serverTls(raw: Duplex, route: Route): TLSSocket;
  /** Notes a login that succeeded; the client hears of it when this resolves. Never rejects. */
  loggedIn(who: Visitor, route: Route): Promise<void>;
  /** What this server said to CAPA within the last hour; undefined: not known. */
  capabilities(server: HostPort): Capabilities | undefined;
  /** Keeps what this server has just said to CAPA. */
  learned(server: HostPort, capabilities: Capabilities): void;
}

/** How a client came in. */
export interface Arrival {
  /** How TLS comes into the client's connection. */
  readonly tls: TlsMode;
  /** Called when the client has logged in. */
  readonly onLogin?: () => void;
}
