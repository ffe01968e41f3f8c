/** The state of one session. */

import { showServer } from "../base/address";
import { now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import { type Connection, OVERLONG } from "../connection/connection";
import type { EventName, FieldsOf } from "../log/events";
import { AUTH_LIMIT, type Command, LOGIN_LIMIT, type Optional, type Rejection, type State } from "../protocol/command";
import { type Mechanism, secretsOf } from "../protocol/credentials";
import type { EndCode } from "../protocol/failure";
import { withoutSecrets } from "../protocol/quotation";
import { isXclient } from "../protocol/xclient";
import { tlsVersionOf } from "./clienttls";
import type { Arrival, CountedSession, Needs, Route } from "./needs";
import { StatusLines } from "./statuslines";
import { Unsupported } from "./unsupported";

/** How long a client's handshake may take, in milliseconds, within the time for its login. */
const HANDSHAKE = 30_000;

/** How a session ended, for its closing line. */
export interface SessionEnd {
  readonly code: EndCode;
  readonly reason: string;
}

/** The end of a session by QUIT. */
export const QUIT: SessionEnd = { code: "quit", reason: "quit" };

/** Shared by all sessions in which no option permits a command. */
const NOTHING: readonly Optional[] = [];

let counter = 0;
const START = `${Math.floor(Date.now() / 1000).toString(36)}${process.pid.toString(36)}`;

/** One session of a client. */
export class Session implements CountedSession {
  /** Unique among all processes of one machine. */
  readonly id = `${START}.${(++counter).toString(36)}`;
  /** When the session began, by the clock of clock.ts. */
  readonly began = now();
  /** How TLS comes into the client's connection. */
  readonly tls: TlsMode;
  readonly unsupported = new Unsupported((command) => this.emit("unsupported", { command }));
  /** Where the login goes; null: the login has no route yet. */
  route: Route | null = null;
  /** The address of the server that was reached; undefined: none was. */
  address: string | undefined;
  /** Whether the client has sent UTF8. */
  utf8 = false;
  /** Whether the client has tried to log in where that needs STLS. */
  triedInClear = false;
  /** Whether the next line of the client, or the next one to the server, is a response to AUTH. */
  secretAhead = false;
  /** What the server got as response to AUTH; "": nothing. */
  response = "";
  /** Why the server has refused a token, as its challenge says; "": it has not said it. */
  challenge = "";
  /** Whether the client waits for an answer, so that a failure may be reported to it. */
  owed = false;
  /** Whether a multi-line response is being sent: an -ERR would become a part of a mail. */
  insideResponse = false;
  /** Part of CountedSession. */
  underWay: Command | null = null;
  /** Whether the client has tried to log in, or something was refused. */
  used = false;
  /** Messages that were retrieved in full, for the closing line. */
  retrieved = 0;
  /** Messages that were marked as deleted, for the closing line. */
  deleted = 0;
  /** Octets of multi-line responses, for the closing line. */
  octets = 0;
  #opened: readonly Optional[] | null = null;

  constructor(
    readonly client: Connection,
    readonly needs: Needs,
    readonly arrival: Arrival,
  ) {
    this.tls = arrival.tls;
    // A client that reads slowly is not inactive: octets in the system's send buffer may take longer than `inactivity`.
    const { inactivity, stall } = needs.service.limits;
    client.patience = Math.max(inactivity, stall);
    if (needs.trace) {
      client.trace = (direction, line) => {
        if (direction === "<") this.#emitLine("clientHeard", this.#masked(line));
        else this.#emitLine("clientTold", this.withoutSecrets(line));
      };
    }
  }

  /** Whether the client may log in now: not in clear where STLS is offered, unless the settings permit it. */
  get mayLogIn(): boolean {
    return this.tls === "none" || this.client.tls !== "" || this.needs.service.clients.cleartextLogin;
  }

  /** The client's address; "" where there is no network. */
  get clientAddress(): string {
    return this.client.peer.address;
  }

  /** TLS between the client and the gateway, or the sender of a PROXY header: its version; "": the client speaks none. */
  get clientTls(): string {
    return tlsVersionOf(this.client, this.arrival);
  }

  /** A server's text for the log, without the passwords of this session. */
  withoutSecrets(text: string): string {
    return this.route ? withoutSecrets(text, [...secretsOf(this.route), this.response]) : text;
  }

  /** Writes an event of this session to the log. */
  emit<Name extends EventName>(name: Name, fields: FieldsOf<Name> | (() => FieldsOf<Name>)): void {
    this.needs.emit(name, fields, { session: this.id, client: this.clientAddress });
  }

  /** The status lines of a server; what is tolerated there is logged. */
  statusLines(server: Connection): StatusLines {
    return new StatusLines(server, (code, reason) => {
      this.emit("tolerated", { code, reason: this.withoutSecrets(reason) });
    });
  }

  /** Shows the lines of a server's connection in the log. */
  trace(server: Connection): void {
    server.trace = (direction, line) => {
      if (direction === ">") this.#emitLine("serverTold", isXclient(line) ? line : this.#masked(line));
      else this.#emitLine("serverHeard", this.withoutSecrets(line));
    };
  }

  #masked(line: string): string {
    return this.secretAhead ? "***" : this.unsupported.masked(line);
  }

  #emitLine(name: "clientHeard" | "clientTold" | "serverHeard" | "serverTold", line: string): void {
    this.needs.emit(name, { line }, { session: this.id });
  }

  /**
   * Parses a line of the client. The rest of an overlong line is still to be skipped, so that no part of it is run.
   *
   * @param line the result of `Reader.line`
   * @param state the state of the session
   */
  parse(line: string | typeof OVERLONG, state: State): Command | Rejection {
    const { input } = this.client;
    if (line === OVERLONG) return this.unsupported.overlong(input.ahead);
    this.#opened ??= this.#permitted();
    const parsed = this.unsupported.parse(line, state, this.#opened, input.lineOctets);
    if (parsed.kind === "command") this.needs.counting?.command(parsed.verb);
    return parsed;
  }

  /** The optional commands that are permitted. */
  #permitted(): readonly Optional[] {
    const { capa, utf8, mechanisms } = this.needs.service.dialogue;
    if (!capa && !utf8 && mechanisms.length === 0 && this.tls !== "starttls") return NOTHING;
    const opened: Optional[] = capa ? ["CAPA"] : [];
    if (this.tls === "starttls") opened.push("STLS");
    if (utf8) opened.push("UTF8");
    if (mechanisms.length > 0) opened.push("AUTH", ...mechanisms.map((mechanism) => `AUTH ${mechanism}` as const));
    return opened;
  }

  /** The longest line that a client may send before its login, in octets with its line end. */
  get lineLimit(): number {
    return this.needs.service.dialogue.mechanisms.length > 0 ? AUTH_LIMIT : LOGIN_LIMIT;
  }

  /** Begins TLS with the client. @throws Failure if the handshake fails, or is not done in time */
  async startTls(): Promise<void> {
    const { client } = this;
    const { deadline } = client;
    client.deadline = Math.min(deadline, now() + HANDSHAKE);
    await client.startTls((raw) => this.needs.clientTls(raw));
    client.deadline = deadline;
  }

  /** Records the login. @returns a promise if the client has to wait for that with its answer */
  loggedIn(route: Route): Promise<void> | undefined {
    this.arrival.onLogin?.();
    const recorded = this.needs.loggedIn(this, route);
    if (recorded) return recorded.then(() => this.#emitLogin(route));
    this.#emitLogin(route);
    return undefined;
  }

  #emitLogin(route: Route): void {
    const seconds = Math.round((now() - this.began) / 1000);
    const { address } = this;
    this.emit("login", () => ({ ...loginFields(route), address, tls: this.clientTls || undefined, seconds }));
  }
}

/** The fields of a login in the log. */
export interface LoginFields {
  readonly user: string;
  readonly "proxy-user"?: string | undefined;
  readonly server: string | undefined;
  readonly mechanism?: Mechanism | undefined;
}

/** The fields of a login to this route. */
export function loginFields(route: Route): LoginFields & { readonly server: string } {
  const { user, proxyUser, host, port, mechanism } = route;
  return { user, "proxy-user": proxyUser || undefined, server: showServer(host, port), mechanism };
}
