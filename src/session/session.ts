/**
 * Session: what is known about one session while it lasts, and Needs: what a session asks of the gateway around it.
 */

import { type HostPort, POP3_PORT, showHostPort } from "../base/address";
import { now } from "../base/clock";
import type { Config, TlsMode } from "../config/settings";
import { type Connection, OVERLONG } from "../connection/connection";
import type { Fields, Level, Log } from "../log/line";
import type { Capabilities } from "../protocol/capability";
import {
  type Command,
  masked,
  nameOf,
  type Optional,
  parseCommand,
  type Rejection,
  type State,
} from "../protocol/command";
import { Failure } from "../protocol/failure";
import { texts } from "../protocol/response";

/** Complete credentials, as the client gave them (latin1). */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Where a login goes. */
export interface Route {
  readonly host: string;
  readonly port: number;
  /** The user and the password for the server. */
  readonly user: string;
  readonly password: string;
  /** Those for the gateway itself; "" if there are none. */
  readonly proxyUser: string;
  readonly proxyPassword: string;
  /** How TLS comes into the connection to it. */
  readonly tls: TlsMode;
  /** Whether the client has chosen it. */
  readonly selected: boolean;
  /** Whether only public addresses, or those on the list, may be dialled. */
  readonly guarded: boolean;
}

/** Why a login goes nowhere. */
export interface Denial {
  /** The status line for the client. */
  readonly reply: string;
  /** For the log. */
  readonly reason: string;
  /** What was asked for, if there is no route to tell it. */
  readonly server?: string;
  /** It says nothing against the client: it is told at once, and not counted. */
  readonly temporary?: boolean;
}

export interface Needs {
  readonly config: Config;
  readonly log: Log;
  /** The server for this login, or why there is none. */
  route(login: Credentials): Route | Denial;
  /** Whether the login may go there; perhaps it is to go elsewhere. @throws the reason of `until`, or a Failure */
  admit(session: Session, route: Route, until: AbortSignal): Promise<Route | Denial>;
  /** Connects to a server. @throws the reason of `until`, or a Failure */
  dial(session: Session, route: Route, until: AbortSignal): Promise<Connection | Denial>;
  /** Puts TLS over the client's connection. @throws Failure */
  secureClient(downstream: Connection): Promise<void>;
  /** Puts TLS over a server's connection, and verifies it. @throws Failure */
  secureServer(upstream: Connection, route: Route): Promise<void>;
  /** The client is logged in; it is told so when this resolves. Never rejects. */
  loggedIn(session: Session, route: Route): Promise<void>;
  /** A login of this client was refused. @returns how many seconds its answer is to be held back */
  refused(session: Session): number;
  /** What this server said to CAPA within the last hour; undefined: not known. */
  capabilities(server: HostPort): Capabilities | undefined;
  /** Keeps what this server has just said to CAPA. */
  learned(server: HostPort, capabilities: Capabilities): void;
}

/** An AUTH of any kind. */
const AUTH = /^auth(?: |\r?\n|$)/i;

/** Commands that are not permitted: so many in a session are answered, one more ends it. */
const UNSUPPORTED_LIMIT = 5;

let counter = 0;
const START = `${Math.floor(Date.now() / 1000).toString(36)}${process.pid.toString(36)}`;

export class Session {
  /** Unique, also among processes of one machine. */
  readonly id = `${START}.${(++counter).toString(36)}`;
  readonly began = now();
  route: Route | null = null;
  /** The client is owed an answer, so that a fault may be told. */
  owed = false;
  /** A multi-line response is under way: an -ERR would become mail. */
  inside = false;
  /** For the closing line: messages retrieved in full, messages marked as deleted, octets of multi-line responses. */
  retrieved = 0;
  deleted = 0;
  octets = 0;
  #unsupported = 0;
  /** A refused AUTH, and since then nothing that is a command: the next line may be the secret that goes with it. */
  #afterAuth = false;

  constructor(
    readonly downstream: Connection,
    readonly needs: Needs,
    /** How TLS comes into the client's connection. */
    readonly tls: TlsMode = "none",
  ) {
    // A client that reads slowly is not inactive: what the system holds for it may take its time.
    const { timeout, stallTimeout } = needs.config;
    downstream.patience = Math.max(timeout, stallTimeout) * 1000;
    if (needs.config.debug) this.traced(downstream, "<");
  }

  /** Whether a login may be sent as things are: not in clear where TLS could be. */
  get mayLogIn(): boolean {
    return this.tls === "none" || this.downstream.tls !== "" || this.needs.config.cleartextLogin;
  }

  /** The optional commands that are permitted. */
  get opened(): readonly Optional[] {
    if (this.tls === "starttls") return ["CAPA", "STLS"];
    return this.needs.config.capa ? ["CAPA"] : [];
  }

  /** The client's address. */
  get client(): string {
    return this.downstream.peer.address;
  }

  /** What a server said, for the log: its length alone, should it repeat a password; a gap in it could be filled in. */
  withoutSecrets(text: string): string {
    const { password = "", proxyPassword = "" } = this.route ?? {};
    const told = [password, proxyPassword].some((secret) => secret !== "" && text.includes(secret));
    return told ? `(${text.length} octets with a password in them)` : text;
  }

  /** As the log, with the session and its client in front. */
  log(level: Level, event: string, fields: Fields): void {
    this.needs.log(level, event, { session: this.id, client: this.client, ...fields });
  }

  /** Shows a connection's lines in the log; commands, which flow in the given direction, go through a mask. */
  traced(connection: Connection, commands: "<" | ">"): void {
    connection.trace = (direction, line) => {
      const text = direction === commands ? masked(line, this.#afterAuth) : this.withoutSecrets(line);
      this.needs.log("debug", `${connection.role}${direction}`, { session: this.id, line: text });
    };
  }

  /**
   * A line of the client as a command in this state, or why it is refused; what is not permitted is counted and logged.
   *
   * @param line what `Connection.line` gave; the rest of an overlong line is skipped here, never run in part
   * @throws Failure
   */
  async parse(line: string | typeof OVERLONG, state: State): Promise<Command | Rejection> {
    if (line !== OVERLONG) return this.#counted(line, parseCommand(line, state, this.opened));
    this.#afterAuth ||= AUTH.test(this.downstream.ahead);
    await this.downstream.skipLine();
    return { reply: texts.lineTooLong, unsupported: false };
  }

  #counted(line: string, parsed: Command | Rejection): Command | Rejection {
    const unsupported = "unsupported" in parsed && parsed.unsupported;
    const secret = this.#afterAuth;
    // AUTH LOGIN, sent blindly, is followed by two lines: the user and the password.
    this.#afterAuth = unsupported && (secret || AUTH.test(line));
    if (!unsupported) return parsed;
    this.log("notice", "unsupported", { command: nameOf(line, secret) });
    this.#unsupported++;
    return this.tooMany ? { reply: texts.tooManyUnsupported, unsupported: true } : parsed;
  }

  /** Whether the last refusal was one too many. */
  get tooMany(): boolean {
    return this.#unsupported > UNSUPPORTED_LIMIT;
  }

  /** How the session ends when `tooMany` says so. */
  tooManyUnsupported(): Failure {
    return new Failure("client", "too many unsupported commands", texts.tooManyUnsupported);
  }
}

/** Whose login it is, and where to, as the log shows it. */
export function named(route: Route): { user: string; "proxy-user"?: string; server: string } {
  const { user, proxyUser, host, port } = route;
  const server = port === POP3_PORT ? host : showHostPort(host, port);
  return { user, ...(proxyUser && { "proxy-user": proxyUser }), server };
}
